"""Who is rung now: roster, joining, leaving, pausing. Pure, but for what the ports name."""
