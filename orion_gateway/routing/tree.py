"""The routes of one host as a tree of path segments, and the walk that finds those whose path may take a request.

A walk costs by the depth of the path: one look into one dict per segment. Where a literal and a `{param}` both lead
on it may come back, but it visits each node at most once, and goes no deeper than the longest path of a route. Routes
of the same path, and expressions with the same literal prefix, stand in one list and are tried one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.routing.demands import MethodIn, demands_of
from orion_gateway.routing.found import REST, Matched
from orion_gateway.routing.precedence import Kind, path_steps, precedence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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

    __slots__ = ("after_first", "ending", "first", "literals", "open", "param")

    def __init__(self) -> None:
        self.literals: dict[bytes, Node] = {}
        # Most nodes have one literal or none, and comparing with one is quicker than a look into a dict.
        self.first: bytes | None = None
        self.after_first: Node | None = None
        self.param: Node | None = None
        self.ending: list[Entry] = []
        """Routes whose path ends here."""
        self.open: list[Entry] = []
        """Routes that take whatever follows: expressions, then `**`."""

    def add_literal(self, text: bytes) -> Node:
        """Return the node to which a literal leads, a new one when no route had it yet."""
        following = self.literals.setdefault(text, Node())
        if self.first is None:
            self.first, self.after_first = text, following
        return following

    def search(self, at: int, method: bytes, path: JudgedPath, request: RequestView, listener: str) -> Entry | None:
        """Return the best route that takes the request, whose first `at` segments led here; None when none does."""
        segments = path.segments
        found = None
        if at == len(segments):
            found = first_taking(self.ending, method, path, request, listener)
        else:
            segment = segments[at]
            following = None
            if segment == self.first:
                following = self.after_first
            elif len(self.literals) > 1:
                following = self.literals.get(segment)
            if following is not None:
                found = following.search(at + 1, method, path, request, listener)
            if found is None and segment and self.param is not None:
                found = self.param.search(at + 1, method, path, request, listener)
        if found is None and self.open:
            found = first_taking(self.open, method, path, request, listener)
        return found


def grow_tree(entries: Iterable[Entry]) -> Node:
    """Return the root of a tree of these routes."""
    root = Node()
    for entry in sorted(entries, key=lambda entry: entry.precedence):
        node = root
        for step in entry.steps:
            match step.kind:
                case Kind.LITERAL:
                    node = node.add_literal(step.text)
                case Kind.PARAM:
                    node.param = node.param or Node()
                    node = node.param
                case Kind.END:
                    node.ending.append(entry)
                case Kind.REGEX | Kind.REST:
                    node.open.append(entry)
    return root


def first_taking(
    entries: list[Entry], method: bytes, path: JudgedPath, request: RequestView, listener: str
) -> Entry | None:
    """Return the first of these routes whose demands the request meets."""
    for entry in entries:
        if not entry.demands or entry.unmet(method, path, request, listener) is None:
            return entry
    return None


def walk(node: Node, segments: Sequence[bytes], at: int = 0) -> Iterator[Entry]:
    """Yield the routes whose path takes these decoded segments, in the order in which `Node.search` tries them.

    Whether an expression matches is one of its route's demands and not asked here.
    """
    if at == len(segments):
        yield from node.ending
    else:
        segment = segments[at]
        if (following := node.literals.get(segment)) is not None:
            yield from walk(following, segments, at + 1)
        if segment and node.param is not None:
            yield from walk(node.param, segments, at + 1)
    yield from node.open
