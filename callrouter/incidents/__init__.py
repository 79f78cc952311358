"""Incidents: what calls are about."""
