"""What is compared: callrouter, the least that a PBX can do, and what callrouter could be replaced by."""
