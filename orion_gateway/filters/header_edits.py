"""Set, add and remove fields of requests and responses; values may hold templates over the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orion_gateway.filters.filter import Filter
from orion_gateway.filters.template import fill

if TYPE_CHECKING:
    from orion_gateway.filters.filter import Exchange, Facilities, Head, RequestHead


@dataclass(frozen=True, slots=True)
class HeaderRules:
    """Edits of one field section. They are made in this order: remove, set, add."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


class _Edits:
    """The edits as bytes, ready to be made."""

    __slots__ = ("_added", "_removed", "_set")

    def __init__(self, rules: HeaderRules) -> None:
        self._removed = tuple(name.lower().encode("ascii") for name in rules.remove)
        self._set = tuple((name.encode("ascii"), value.encode("ascii")) for name, value in rules.set)
        self._added = tuple((name.encode("ascii"), value.encode("ascii")) for name, value in rules.add)

    def make(self, head: Head, request: RequestHead) -> None:
        """Make them in `head`, with the values of this request."""
        for name in self._removed:
            head.remove(name)
        for name, value in self._set:
            head.set(name, fill(value, request))
        for name, value in self._added:
            head.add(name, fill(value, request))


class RequestHeaders(Filter):
    """Edits the fields of requests."""

    def __init__(self, rules: HeaderRules, facilities: Facilities) -> None:
        self._edits = _Edits(rules)

    def on_request(self, exchange: Exchange) -> None:
        """Make the edits."""
        self._edits.make(exchange.request, exchange.request)


class ResponseHeaders(Filter):
    """Edits the fields of responses."""

    def __init__(self, rules: HeaderRules, facilities: Facilities) -> None:
        self._edits = _Edits(rules)

    def on_response(self, exchange: Exchange) -> None:
        """Make the edits."""
        response = exchange.response
        assert response is not None
        self._edits.make(response, exchange.request)
