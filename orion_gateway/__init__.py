"""Orion Gateway: a reverse-proxy gateway daemon."""

__version__ = "0.1.0"
