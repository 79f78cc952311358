"""callrouter: call routing for emergency call centres (112) on Asterisk."""

__version__ = "0.1.0"
