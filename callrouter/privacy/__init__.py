"""Personal data: who sees how much of it, who saw it, how long it is kept."""
