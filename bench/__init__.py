"""Figures of a centre on loopback, against a bare dialplan in the same run: ``python -m bench``."""
