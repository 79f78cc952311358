"""The REST surface. It translates and decides nothing."""
