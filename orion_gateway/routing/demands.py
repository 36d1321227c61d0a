"""What a route demands of a request beyond its host and the place of its path: method, listener, fields and so on.

Each demand answers whether it holds, and can say in words why it does not. They are tried in the order in which
`demands_of` lists them; the order never changes which route wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from orion_gateway.expression import Expression, compile_expression
from orion_gateway.routing.query import split_query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.routing.found import RequestView
    from orion_gateway.routing.path import JudgedPath
    from orion_gateway.values import Condition, RouteMatch


class Demand:
    """One thing that a request must be."""

    __slots__ = ()

    def holds(self, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> bool:
        """Return whether the request is what is demanded."""
        raise NotImplementedError

    def objection(self, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> str:
        """Say in words why it does not hold, as in `methods: GET is not in POST, PUT`."""
        raise NotImplementedError


class PathMatches(Demand):
    """The decoded path must match the whole expression `text`."""

    __slots__ = ("expression", "text")

    def __init__(self, text: str, expression: Expression) -> None:
        self.text = text
        self.expression = expression

    def holds(self, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> bool:  # noqa: ARG002
        """Return whether it does."""
        return self.expression.fullmatch(path.decoded) is not None

    def objection(self, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> str:  # noqa: ARG002
        """Name the path and the expression."""
        return f"path_regex: {show(path.decoded)} does not match {self.text}"


class MethodIn(Demand):
    """The method must be one of `methods`, which hold HEAD where they hold GET; `listed` is what the table says."""

    __slots__ = ("listed", "methods")

    def __init__(self, methods: frozenset[bytes], listed: tuple[str, ...]) -> None:
        self.methods = methods
        self.listed = listed

    def holds(self, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> bool:  # noqa: ARG002
        """Return whether it is."""
        return method in self.methods

    def objection(self, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> str:  # noqa: ARG002
        """Name the method and those of the table."""
        return f"methods: {show(method)} is not in {', '.join(self.listed)}"


class ListenerIn(Demand):
    """The request must have come in by one of these listeners."""

    __slots__ = ("listeners",)

    def __init__(self, listeners: tuple[str, ...]) -> None:
        self.listeners = listeners

    def holds(self, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> bool:  # noqa: ARG002
        """Return whether it did."""
        return listener in self.listeners

    def objection(self, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> str:  # noqa: ARG002
        """Name the listener and those of the table."""
        return f"listeners: {listener!r} is not in {', '.join(self.listeners)}"


class HeaderIs(Demand):
    """One of the values of a header field must be what the condition says; names are compared without case."""

    __slots__ = ("name", "wanted")

    def __init__(self, name: bytes, wanted: Wanted) -> None:
        self.name = name
        self.wanted = wanted

    def holds(self, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> bool:  # noqa: ARG002
        """Return whether one is."""
        return self.wanted.is_among(request.field_values(self.name))

    def objection(self, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> str:  # noqa: ARG002
        """Name the field, what it holds and what it should."""
        return f"header {show(self.name)}: {self.wanted.objection(request.field_values(self.name))}"


class QueryIs(Demand):
    """One of the decoded values of a query parameter must be what the condition says."""

    __slots__ = ("name", "wanted")

    def __init__(self, name: bytes, wanted: Wanted) -> None:
        self.name = name
        self.wanted = wanted

    def holds(self, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> bool:  # noqa: ARG002
        """Return whether one is."""
        return self.wanted.is_among(self._values(request))

    def objection(self, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> str:  # noqa: ARG002
        """Name the parameter, what it holds and what it should."""
        return f"query {show(self.name)}: {self.wanted.objection(self._values(request))}"

    def _values(self, request: RequestView) -> list[bytes]:
        return [parameter.value for parameter in split_query(request.query) if parameter.name == self.name]


class Wanted(Protocol):
    """What one of several values must be."""

    def is_among(self, values: Sequence[bytes]) -> bool:
        """Return whether a value is what is wanted."""

    def objection(self, values: Sequence[bytes]) -> str:
        """Say why none is."""


@dataclass(frozen=True, slots=True)
class Exactly:
    """A value of exactly these bytes."""

    value: bytes

    def is_among(self, values: Sequence[bytes]) -> bool:
        """Return whether one is equal."""
        return self.value in values

    def objection(self, values: Sequence[bytes]) -> str:
        """Name what is there and what should be."""
        return f"{_show_all(values)} is not '{show(self.value)}'"


@dataclass(frozen=True, slots=True)
class Matching:
    """A value that the whole expression `text` matches."""

    text: str
    expression: Expression

    def is_among(self, values: Sequence[bytes]) -> bool:
        """Return whether one matches."""
        return any(self.expression.fullmatch(value) is not None for value in values)

    def objection(self, values: Sequence[bytes]) -> str:
        """Name what is there and the expression."""
        return f"{_show_all(values)} does not match {self.text}"


@dataclass(frozen=True, slots=True)
class Present:
    """Any value at all, or, when not `wanted`, none."""

    wanted: bool

    def is_among(self, values: Sequence[bytes]) -> bool:
        """Return whether there is what is wanted."""
        return bool(values) is self.wanted

    def objection(self, values: Sequence[bytes]) -> str:
        """Say that it is missing, or what is there."""
        return "it is missing" if self.wanted else f"it must not be there, but is {_show_all(values)}"


def demands_of(match: RouteMatch) -> tuple[Demand, ...]:
    """Return what a route demands, in the order in which it is tried.

    Raises ValueError for an expression that RE2 refuses.
    """
    demands: list[Demand] = []
    if match.path_regex is not None:
        demands.append(PathMatches(match.path_regex, compile_expression(match.path_regex)))
    if match.methods:
        demands.append(MethodIn(taken_methods(match.methods), match.methods))
    if match.listeners:
        demands.append(ListenerIn(match.listeners))
    demands += [HeaderIs(header.name.lower().encode(), _wanted(header)) for header in match.headers]
    demands += [QueryIs(parameter.name.encode(), _wanted(parameter)) for parameter in match.query]
    return tuple(demands)


def taken_methods(methods: tuple[str, ...]) -> frozenset[bytes]:
    """Return the methods that a route with these takes: HEAD belongs to GET (RFC 9110, section 9.3.2)."""
    return frozenset(method.encode() for method in (*methods, *(("HEAD",) if "GET" in methods else ())))


def _wanted(condition: Condition) -> Wanted:
    match condition.kind:
        case "exact":
            return Exactly(condition.value.encode())
        case "regex":
            return Matching(condition.value, compile_expression(condition.value))
        case "present":
            return Present(condition.value == "true")


def show(text: bytes) -> str:
    """Return bytes of a request as a person reads them."""
    return text.decode("utf-8", "backslashreplace")


def _show_all(values: Sequence[bytes]) -> str:
    return ", ".join(f"'{show(value)}'" for value in values) if values else "nothing"
