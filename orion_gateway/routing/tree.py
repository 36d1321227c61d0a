"""The routes of one host as a tree of path segments, and the walk that finds those whose path may take a request.

A walk costs by the depth of the path: one look into one dict per segment. Only where a literal and a `{param}` both
lead on does it remember to come back, so it visits each node at most once. Routes of the same path, and expressions
with the same literal prefix, stand in one list and are tried one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.routing.demands import MethodIn, demands_of
from orion_gateway.routing.found import REST, Matched
from orion_gateway.routing.precedence import Kind, path_steps, precedence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orion_gateway.routing.demands import Demand
    from orion_gateway.routing.found import RequestView
    from orion_gateway.routing.path import JudgedPath
    from orion_gateway.values import Route


class Entry:
    """A route as the table tries it, shared by the trees of all its hosts.

    Raises ValueError when the route holds a path that no request can have, or an expression that RE2 refuses.
    """

    __slots__ = ("_bare", "_params", "_rest", "demands", "index", "precedence", "route", "steps")

    def __init__(self, route: Route, index: int) -> None:
        self.route = route
        self.index = index
        self.steps = path_steps(route.match)
        self.precedence = precedence(route, index, self.steps)
        self.demands = demands_of(route.match)
        self._params = tuple((step.text.decode(), at) for at, step in enumerate(self.steps) if step.kind is Kind.PARAM)
        wants_rest = route.rewrite is not None and (route.rewrite.path or "").endswith("/" + REST)
        self._rest = len(self.steps) - 1 if wants_rest and self.steps[-1].kind is Kind.REST else None
        # Most routes have nothing to capture: their answer is made once.
        self._bare = None if self._params or self._rest is not None else Matched(route, index, {})

    def unmet(self, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> Demand | None:
        """Return the first demand that the request does not meet, None when the route takes it."""
        for demand in self.demands:
            if not demand.holds(method, path, request, listener):
                return demand
        return None

    def lacks_only_method(self, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> bool:
        """Return whether the route would take the request, and forward it, if it had another method."""
        return self.objection_to(path) is None and all(
            demand.holds(method, path, request, listener) is not isinstance(demand, MethodIn) for demand in self.demands
        )

    def objection_to(self, path: JudgedPath) -> str | None:
        """Say what the path holds that this route does not accept; None when there is nothing."""
        if path.has_encoded_slash and not self.route.allow_encoded_slash:
            return "the path contains an encoded slash"
        if path.has_empty_segments and not self.route.allow_empty_segments:
            return "the path contains an empty segment"
        return None

    def take(self, path: JudgedPath) -> Matched:
        """Return this route as the answer, with what its path captures of `path`."""
        if self._bare is not None:
            return self._bare
        encoded = path.raw[1:].split(b"/")
        params = {name: encoded[at] for name, at in self._params}
        if self._rest is not None:
            params[REST] = b"".join([b"/" + segment for segment in encoded[self._rest :]])
        return Matched(self.route, self.index, params)


class Node:
    """What routes have after the same first segments; every list is in the order of precedence."""

    __slots__ = ("ending", "literals", "open", "param")

    def __init__(self) -> None:
        self.literals: dict[bytes, Node] = {}
        self.param: Node | None = None
        self.ending: list[Entry] = []
        """Routes whose path ends here."""
        self.open: list[Entry] = []
        """Routes that take whatever follows: expressions, then `**`."""


def grow_tree(entries: Iterable[Entry]) -> Node:
    """Return the root of a tree of these routes."""
    root = Node()
    for entry in sorted(entries, key=lambda entry: entry.precedence):
        node = root
        for step in entry.steps:
            match step.kind:
                case Kind.LITERAL:
                    node = node.literals.setdefault(step.text, Node())
                case Kind.PARAM:
                    node.param = node.param or Node()
                    node = node.param
                case Kind.END:
                    node.ending.append(entry)
                case Kind.REGEX | Kind.REST:
                    node.open.append(entry)
    return root


class Walk:
    """The routes whose path takes these decoded segments, best first, in lists of those that stand together.

    Whether an expression matches is one of its route's demands and not asked here.
    """

    __slots__ = ("_node", "_segments", "_waiting")

    def __init__(self, root: Node, segments: list[bytes]) -> None:
        self._segments = segments
        self._node: Node | None = root
        """Where to begin, None once that is done."""
        self._waiting: list[tuple[Node, int]] = []
        """Nodes to come back to and the number of segments that led there; -1: only the open routes are left."""

    def __iter__(self) -> Walk:
        return self

    def __next__(self) -> list[Entry]:
        entries = self.advance()
        if entries is None:
            raise StopIteration
        return entries

    def advance(self) -> list[Entry] | None:
        """Return the next list that is not empty; None when there is no more."""
        segments, waiting = self._segments, self._waiting
        depth = len(segments)
        begun, self._node = self._node, None
        while begun is not None or waiting:
            if begun is not None:
                node, at, begun = begun, 0, None
            else:
                node, at = waiting.pop()
                if at < 0:
                    return node.open
            while at < depth:
                if node.open:
                    waiting.append((node, -1))
                segment = segments[at]
                at += 1
                following = node.literals.get(segment)
                if node.param is not None and segment:
                    if following is None:
                        following = node.param
                    else:
                        waiting.append((node.param, at))
                if following is None:
                    break
                node = following
            else:
                if node.open:
                    waiting.append((node, -1))
                if node.ending:
                    return node.ending
        return None
