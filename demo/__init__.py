"""What `make demo` is made of: SIP agents and the scenarios they play."""
