"""Decide which of two routes comes first: the one place where the order of the route table is written down.

Within one host, paths are compared step by step: a literal segment, then `{param}`, then `path_regex`, then `**`. A
`path_regex` stands at the segment in which its literal prefix ends; of two at the same segment the one with the longer
prefix comes first. Where paths are equal, more conditions come first (`methods` and `listeners` count as one each,
every header field and query parameter as one), then the higher priority, then the order of the file.

Hosts come before all of this; `table` keeps them apart.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from orion_gateway.expression import compile_expression, literal_prefix
from orion_gateway.routing.path import PathRefused, judge_path

if TYPE_CHECKING:
    from orion_gateway.values import Route, RouteMatch

_PARAM = re.compile(r"\{(\w+)\}")


class Kind(IntEnum):
    """What a step of a route's path takes; the lower comes first."""

    END = 0
    """The path ends here."""
    LITERAL = 1
    PARAM = 2
    """One segment that is not empty."""
    REGEX = 3
    """Whatever the route's expression matches."""
    REST = 4
    """Everything, nothing included."""


class Step(NamedTuple):
    """One step of a route's path. `text` is a decoded literal, a param's name, or an expression's prefix in it."""

    kind: Kind
    text: bytes = b""


PathRank = tuple[tuple[Kind, int, bytes], ...]
Precedence = tuple[PathRank, int, int, int]


def path_steps(match: RouteMatch) -> tuple[Step, ...]:
    """Return the steps of a route's path; the last one, and only it, is END, REGEX or REST.

    A route without a path takes every one. Literals are read as paths of requests are: `%61` is `a`, and characters
    beyond ASCII stand for their UTF-8. Raises ValueError when the path is none that a request could have.
    """
    if match.path_regex is not None:
        prefix = literal_prefix(compile_expression(match.path_regex), match.path_regex)
        *whole, partial = prefix.removeprefix(b"/").split(b"/")
        return (*(Step(Kind.LITERAL, segment) for segment in whole), Step(Kind.REGEX, partial))
    path = "/**" if match.path is None else match.path
    last = Step(Kind.END)
    if path.endswith("/**"):
        path, last = path[:-3], Step(Kind.REST)
        if not path:
            return (last,)
    if not path.startswith("/"):
        raise ValueError(f"the path {path!r} does not start with '/'")
    return (*(_read_step(segment) for segment in path[1:].split("/")), last)


def _read_step(segment: str) -> Step:
    if param := _PARAM.fullmatch(segment):
        return Step(Kind.PARAM, param[1].encode())
    if "{" in segment or "}" in segment or "**" in segment:
        raise ValueError(f"in the path segment {segment!r}, '{{name}}' must be all of it, and '**' can only come last")
    try:
        return Step(Kind.LITERAL, judge_path(b"/" + encode_path_text(segment)).segments[0])
    except PathRefused as refusal:
        raise ValueError(f"{refusal.message}: no request that does is ever matched") from None


def encode_path_text(text: str) -> bytes:
    """Return a path of the table as it stands in a request target: what is not visible ASCII is percent-encoded."""
    return quote(text, safe="".join(map(chr, range(0x21, 0x7F)))).encode()


def path_rank(steps: tuple[Step, ...]) -> PathRank:
    """Return a key that sorts paths that can take the same request by precedence, and all others by name."""
    return tuple(
        (step.kind, -len(step.text) if step.kind is Kind.REGEX else 0, step.text if step.kind is Kind.LITERAL else b"")
        for step in steps
    )


def count_conditions(match: RouteMatch) -> int:
    """Return how many conditions a route has beyond host and path."""
    return bool(match.methods) + bool(match.listeners) + len(match.headers) + len(match.query)


def precedence(route: Route, index: int, steps: tuple[Step, ...]) -> Precedence:
    """Return the key that sorts the routes of one host by which is tried first; `steps` are those of its path."""
    return (path_rank(steps), -count_conditions(route.match), -route.priority, index)
