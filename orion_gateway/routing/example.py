"""Make a request that a route could take, as an example for a person and as a question to the table.

An example is written as the arguments of `orion explain`. What a route leaves open gets a short word (`x`); where an
expression decides, `sample` makes up a text for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from shlex import quote as quote_for_shell
from typing import TYPE_CHECKING
from urllib.parse import quote

from orion_gateway.expression import compile_expression
from orion_gateway.routing.found import Matched
from orion_gateway.routing.path import PathRefused, judge_path
from orion_gateway.routing.precedence import Kind
from orion_gateway.routing.sample import sample
from orion_gateway.routing.tree import grow_tree, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orion_gateway.routing.found import Found
    from orion_gateway.routing.precedence import Step
    from orion_gateway.routing.table import RouteTable
    from orion_gateway.routing.tree import Entry
    from orion_gateway.values import Condition, Route, RouteMatch

WORDS = (b"x", b"1", b"x-1", b"~", b"X.y")
"""What stands for a segment that may be anything; the first that serves is taken."""


@dataclass(frozen=True, slots=True)
class Example:
    """A request as routing sees it. `path` is percent-encoded; field names are lower-case."""

    method: bytes = b"GET"
    host: bytes = b""
    path: bytes = b"/"
    query: bytes = b""
    fields: tuple[tuple[bytes, bytes], ...] = ()
    listener: str = ""

    def field_values(self, name: bytes) -> list[bytes]:
        """Return the values of a field by its lower-case name."""
        return [value for field, value in self.fields if field == name]

    def __str__(self) -> str:
        target = self.path + (b"?" + self.query if self.query else b"")
        url = (b"http://" + self.host if self.host else b"") + target
        headers = (f"-H {_word(name + b': ' + value)}" for name, value in self.fields)
        listener = (f"--listener {self.listener}",) if self.listener else ()
        return " ".join([self.method.decode(), _word(url), *headers, *listener])


def _word(text: bytes) -> str:
    return quote_for_shell(text.decode("utf-8", "backslashreplace"))


def ask(table: RouteTable, example: Example, listener: str = "") -> Found | None:
    """Return what the table answers to an example; None when its path is refused. `listener` is taken if it has none.

    The listener matters only to routes that name one.
    """
    try:
        path = judge_path(example.path)
    except PathRefused:
        return None
    return table.find(example.method, example.host, path, example, example.listener or listener)


def taker(table: RouteTable, example: Example, listener: str = "") -> int | None:
    """Return the number of the route that takes an example, None when none does."""
    found = ask(table, example, listener)
    return found.index if isinstance(found, Matched) else None


def takes(entry: Entry, example: Example, listener: str = "") -> bool:
    """Return whether a route would take and forward an example if it were alone; its host is not looked at."""
    path = judge_path(example.path)
    return (
        any(known is entry for known in walk(grow_tree([entry]), path.segments))
        and entry.unmet(example.method, path, example, example.listener or listener) is None
        and entry.objection_to(path) is None
    )


def towards(example: Example, route: Route, other: Route) -> Example:
    """Return an example for `route` with what `other` demands added, where `route` leaves that open."""
    conditions = _meet(other.match)
    if conditions is None:
        return example
    fields, query = conditions
    names = {header.name.lower().encode() for header in route.match.headers}
    more = tuple(pair for pair in fields if pair[0] not in names)
    return replace(
        example,
        method=other.match.methods[0].encode() if other.match.methods and not route.match.methods else example.method,
        fields=(*example.fields, *more),
        query=query if query and not route.match.query else example.query,
        listener=example.listener or (other.match.listeners[0] if other.match.listeners else ""),
    )


def examples_of(route: Route, steps: tuple[Step, ...]) -> Iterator[Example]:
    """Yield requests that a route could take, the plainest first; `steps` are those of its path.

    Nothing is yielded where an expression of the route has no sample.
    """
    conditions = _meet(route.match)
    if conditions is None:
        return
    fields, query = conditions
    match = route.match
    hosts = [host.replace("*", "a", 1).encode() for host in match.hosts[:4]] or [b""]
    listener = match.listeners[0] if match.listeners else ""
    base = Example(fields=fields, query=query, listener=listener)
    for host in hosts:
        for method in match.methods or ("GET",):
            for path in paths_of(match, steps):
                yield replace(base, method=method.encode(), host=host, path=path)


def paths_of(match: RouteMatch, steps: tuple[Step, ...]) -> Iterator[bytes]:
    """Yield paths that a route takes, the plainest first, percent-encoded."""
    if match.path_regex is not None:
        expression = compile_expression(match.path_regex)
        for text in dict.fromkeys((sample(match.path_regex) or "", "/x", "/")):
            if text.startswith("/") and expression.fullmatch(text.encode()) is not None:
                yield encode_segments(text[1:].encode().split(b"/"))
        return
    for word in WORDS:
        segments = [step.text if step.kind is Kind.LITERAL else word for step in steps[:-1]]
        is_open = steps[-1].kind is Kind.REST
        if is_open:
            yield encode_segments([*segments, word])
        if segments:
            yield encode_segments(segments)
        if is_open:
            yield encode_segments([*segments, b""])
        if is_open:
            yield encode_segments([*segments, word, word])
        if not is_open and all(step.kind is Kind.LITERAL for step in steps[:-1]):
            return


def encode_segments(segments: Sequence[bytes]) -> bytes:
    """Return decoded segments as a path; `%2F` in one, which is never decoded, stays."""
    return b"".join(b"/" + quote(s, safe="!$&'()*+,;=:@").replace("%252F", "%2F").encode() for s in segments)


def _meet(match: RouteMatch) -> tuple[tuple[tuple[bytes, bytes], ...], bytes] | None:
    """Return fields and a query string that meet the conditions of a route, None when that is not known."""
    fields = []
    for header in match.headers:
        value = _value_for(header)
        if value is None:
            return None
        if value != _ABSENT:
            fields.append((header.name.lower().encode(), value.encode()))
    parameters = []
    for parameter in match.query:
        value = _value_for(parameter)
        if value is None:
            return None
        if value != _ABSENT:
            name = quote(parameter.name, safe="")
            parameters.append(f"{name}={quote(value, safe='')}" if value else name)
    return tuple(fields), "&".join(parameters).encode()


_ABSENT = "\0"


def _value_for(condition: Condition) -> str | None:
    match condition.kind:
        case "exact":
            return condition.value
        case "regex":
            return sample(condition.value)
        case "present":
            return "x" if condition.value == "true" else _ABSENT
