"""Answers that the table holds, `respond` and `redirect`: their templates compiled once, filled in per request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.filters.template import Template, writing_in_content, writing_in_field
from orion_gateway.values import Redirect, Respond

if TYPE_CHECKING:
    from orion_gateway.filters.filter import Exchange

PLAIN = "text/plain; charset=utf-8"
"""What content is that nobody has named: browsers would guess, and find a page in what somebody sent."""


class TableAnswer:
    """An answer of a route, or of a fallback."""

    __slots__ = ("_content", "_fields", "status")

    def __init__(self, action: Respond | Redirect) -> None:
        self.status = action.status
        if isinstance(action, Redirect):
            headers: tuple[tuple[str, str], ...] = (("Location", action.location),)
            body = b""
        else:
            headers, body = action.headers, action.body
        kind = next((value for name, value in headers if name.lower() == "content-type"), None)
        if body and kind is None:
            headers = (*headers, ("Content-Type", PLAIN))
        self._fields = tuple((name.encode(), Template(text.encode(), writing_in_field(name))) for name, text in headers)
        # A type that holds a template may become any: escaping is what harms least.
        is_unknown = kind is not None and "${request." in kind
        self._content = Template(body, "html" if is_unknown else writing_in_content(kind or PLAIN))

    def fields(self, exchange: Exchange) -> list[tuple[bytes, bytes]]:
        """Return the fields, without those whose template came out empty."""
        filled = [(name, template.fill(exchange), template) for name, template in self._fields]
        return [(name, value) for name, value, template in filled if value or template.constant is not None]

    def content(self, exchange: Exchange) -> bytes:
        """Return the content."""
        return self._content.fill(exchange)
