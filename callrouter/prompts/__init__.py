"""Spoken texts: the catalogue and how clips are made from it."""
