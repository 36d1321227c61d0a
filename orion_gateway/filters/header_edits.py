"""Set, add and remove fields of requests and responses; values may hold templates over the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orion_gateway.filters.filter import Filter
from orion_gateway.filters.template import Template, writing_in_field

if TYPE_CHECKING:
    from orion_gateway.filters.filter import Exchange, Facilities, Head


@dataclass(frozen=True, slots=True)
class HeaderRules:
    """Edits of one field section. They are made in this order: remove, set, add."""

    set: tuple[tuple[str, str], ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


class _Edits:
    """The edits as bytes, ready to be made: those with a value of their own apart from those with templates."""

    __slots__ = ("_added", "_removed", "_set")

    def __init__(self, rules: HeaderRules) -> None:
        self._removed = tuple(name.lower().encode("ascii") for name in rules.remove)
        self._set = tuple(_compile(name, value) for name, value in rules.set)
        self._added = tuple(_compile(name, value) for name, value in rules.add)

    def make(self, head: Head, exchange: Exchange) -> None:
        """Make them in `head`, with the values of this request."""
        for name in self._removed:
            head.remove(name)
        for name, value, template in self._set:
            if template is None:
                head.set(name, value)
            elif filled := template.fill(exchange):
                head.set(name, filled)
            else:
                head.remove(name.lower())
        for name, value, template in self._added:
            if template is None:
                head.add(name, value)
            elif filled := template.fill(exchange):
                head.add(name, filled)


def _compile(name: str, value: str) -> tuple[bytes, bytes, Template | None]:
    """Return name, value, and the template when the value is one."""
    template = Template(value.encode("ascii"), writing_in_field(name))
    return name.encode("ascii"), template.constant or b"", template if template.constant is None else None


class RequestHeaders(Filter):
    """Edits the fields of requests."""

    def __init__(self, rules: HeaderRules, facilities: Facilities) -> None:
        self._edits = _Edits(rules)

    def on_request(self, exchange: Exchange) -> None:
        """Make the edits."""
        self._edits.make(exchange.request, exchange)


class ResponseHeaders(Filter):
    """Edits the fields of responses."""

    def __init__(self, rules: HeaderRules, facilities: Facilities) -> None:
        self._edits = _Edits(rules)

    def on_response(self, exchange: Exchange) -> None:
        """Make the edits."""
        response = exchange.response
        assert response is not None
        self._edits.make(response, exchange)
