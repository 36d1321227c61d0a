"""Tell browsers what a page may do, where neither the service nor another filter has said it.

No entry of a list: the key `security_headers` of the gateway and of routes. It stands in front of every list, so that
it comes last on the way back and sees what everybody else has said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orion_gateway.filters.filter import Filter

if TYPE_CHECKING:
    from orion_gateway.filters.filter import Exchange, Facilities


@dataclass(frozen=True, slots=True)
class SecurityRules:
    """Fields to add, with their values."""

    fields: tuple[tuple[str, str], ...] = ()
    hsts: str = ""
    """The value of Strict-Transport-Security; empty: none."""


class SecurityHeaders(Filter):
    """Adds the fields that a response does not have."""

    def __init__(self, rules: SecurityRules, facilities: Facilities) -> None:
        plain = tuple((name.lower().encode(), name.encode(), value.encode()) for name, value in rules.fields)
        hsts = (b"strict-transport-security", b"Strict-Transport-Security", rules.hsts.encode())
        self._fields = plain
        self._secure_fields = (hsts, *plain) if rules.hsts else plain

    def on_response(self, exchange: Exchange) -> None:
        """Add what is missing; HSTS only where it was asked over TLS (RFC 6797, section 7.2)."""
        response = exchange.response
        if response is None:
            return
        for lower, name, value in self._secure_fields if exchange.scheme == b"https" else self._fields:
            if response.first(lower) is None:
                response.add(name, value)
