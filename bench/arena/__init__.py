"""The same calls to every opponent, in interleaved rounds, timed from the packets on loopback."""
