"""The life of a call: session, menu, journal, live board."""
