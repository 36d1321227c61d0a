"""The words between the table and who asks it: what it may ask about a request, and what it can answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.values import Route

REST = "**"
"""The name under which `Matched.params` holds what a final `/**` took."""


class RequestView(Protocol):
    """What conditions read of a request; asked only when a route has conditions."""

    @property
    def query(self) -> bytes:
        """The query string as received, without `?`; empty when there is none."""

    def field_values(self, name: bytes) -> Sequence[bytes]:
        """Return the values of every field line with this lower-case name, in their order."""


class Matched:
    """A route takes the request. Shared between requests: nobody changes it (freezing it would cost on the hot path).

    `index` is its number in the table. `params` holds what each `{name}` took, as received (still percent-encoded, so
    that a rewritten path carries the same bytes), and, only when the route's rewrite asks for it, what the final `/**`
    took under `**`: empty, or text that starts with `/`.
    """

    __slots__ = ("index", "params", "route")

    def __init__(self, route: Route, index: int, params: dict[str, bytes]) -> None:
        self.route = route
        self.index = index
        self.params = params

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Matched):
            return NotImplemented
        return (self.route, self.index, self.params) == (other.route, other.index, other.params)


@dataclass(frozen=True, slots=True)
class NotFound:
    """No route takes it: 404."""


@dataclass(frozen=True, slots=True)
class MethodNotAllowed:
    """Routes take everything about it but its method: 405. `allow` is the value of the Allow field."""

    allow: bytes


@dataclass(frozen=True, slots=True)
class Options:
    """An OPTIONS request that only routes with other methods would take: 204 with `allow` as the Allow field."""

    allow: bytes


@dataclass(frozen=True, slots=True)
class PathNotAllowed:
    """The path holds `%2F` or `//`, and no route that accepts those takes it: 400. `message` is fit for the client."""

    message: str


Found = Matched | NotFound | MethodNotAllowed | Options | PathNotAllowed
