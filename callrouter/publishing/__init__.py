"""How a routing table becomes the one in force."""
