"""Orion Gateway: a reverse-proxy gateway daemon."""

from orion_gateway.build import choose_build

__version__ = "0.1.0"

choose_build()
