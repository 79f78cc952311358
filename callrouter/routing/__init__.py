"""Routing tables and decisions. Pure: no clock, no network, no database."""
