"""The border to Asterisk: the only package that imports panoramisk and pyst2."""
