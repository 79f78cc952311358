"""Who may do what: roles, tokens, the audit chain. Pure, but for what the ports name."""
