"""Find the route that takes a request, in a table that is compiled once and never changes.

Hosts come first: the routes of the exact host, then those of the wildcard one label above, then those of no host; a
request that no route of the better host takes is tried with the next. Within a host `precedence` says the order and
`tree` walks it. A table can be pickled as it is.

A method that does not fit is only held against the request when no route of any host takes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.routing.demands import taken_methods
from orion_gateway.routing.found import Found, MethodNotAllowed, NotFound, Options, PathNotAllowed
from orion_gateway.routing.hosts import host_rank, normalise_host, table_host
from orion_gateway.routing.tree import Entry, Node, grow_tree, walk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.routing.found import RequestView
    from orion_gateway.routing.path import JudgedPath
    from orion_gateway.routing.precedence import Precedence
    from orion_gateway.values import Route


class RouteTable:
    """The routes of a table, ready to be asked. Raises ValueError for a route that cannot be compiled, naming it."""

    __slots__ = ("_anywhere", "_exact", "_wildcard", "entries", "routes", "trees")

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        self.entries = tuple(_compile_entry(route, index) for index, route in enumerate(self.routes))
        by_host: dict[str | None, list[Entry]] = {}
        for entry in self.entries:
            for host in dict.fromkeys(entry.route.match.hosts or (None,)):
                by_host.setdefault(host, []).append(entry)
        trees = {host: grow_tree(entries) for host, entries in by_host.items()}
        self.trees = tuple(trees.values())
        self._anywhere = tuple(tree for host, tree in trees.items() if host is None)
        # The trees for a host, best first, put together now and not per request.
        self._wildcard = {
            table_host(host[2:]): (tree, *self._anywhere)
            for host, tree in trees.items()
            if host is not None and host.startswith("*.")
        }
        self._exact = {
            table_host(host): (tree, *self._above(table_host(host)))
            for host, tree in trees.items()
            if host is not None and not host.startswith("*.")
        }

    def find(self, method: bytes, host: bytes, path: JudgedPath, request: RequestView, listener: str) -> Found:
        """Return what takes a request, or why nothing does.

        `host` is what the client sent, of any case and with or without port, empty when there was none; `listener` is
        the name of the one by which the request came in.
        """
        for tree in self.trees_for(host):
            entry = tree.search(0, method, path, request, listener)
            if entry is not None:
                objection = entry.objection_to(path)
                if path.has_parameters and self._leads_elsewhere(entry, method, host, path, request, listener):
                    objection = "without the parameters behind ';' the path belongs to another route"
                return entry.take(path) if objection is None else PathNotAllowed(objection)
        return self._refuse(method, host, path, request, listener)

    def trees_for(self, host: bytes) -> tuple[Node, ...]:
        """Return the trees in which a request for `host` looks for its route, in this order."""
        if not (self._exact or self._wildcard):
            return self._anywhere
        trees = self._exact.get(host)
        if trees is None:
            name = normalise_host(host)
            trees = self._exact.get(name) or self._above(name)
        return trees

    def _leads_elsewhere(
        self, found: Entry, method: bytes, host: bytes, path: JudgedPath, request: RequestView, listener: str
    ) -> bool:
        """Say whether an endpoint that drops parameters would serve what another route than `found` stands before.

        Servlet containers do (Jakarta Servlet 6.0, section 3.5), and `/admin;x` must not pass the guard of `/admin`.
        """
        match = found.route.match
        written = match.path or match.path_regex or ""
        if ";" in written or "%3b" in written.lower():
            return False  # whoever wrote it knows what the endpoint makes of it
        bare = path.without_parameters()
        for tree in self.trees_for(host):
            entry = tree.search(0, method, bare, request, listener)
            if entry is not None:
                return entry is not found
        return False

    def in_order(self) -> tuple[Entry, ...]:
        """Return all routes by precedence."""
        return tuple(sorted(self.entries, key=listing_order))

    def _above(self, name: bytes) -> tuple[Node, ...]:
        label, _, parent = name.partition(b".")
        return self._wildcard.get(parent, self._anywhere) if label else self._anywhere

    def _refuse(self, method: bytes, host: bytes, path: JudgedPath, request: RequestView, listener: str) -> Found:
        allowed: set[bytes] = set()
        for tree in self.trees_for(host):
            for entry in walk(tree, path.segments):
                if entry.lacks_only_method(method, path, request, listener):
                    allowed |= taken_methods(entry.route.match.methods)
        if allowed:
            # OPTIONS is always answered, by a route or with 204 (RFC 9110, section 9.3.7).
            allow = b", ".join(sorted(allowed | {b"OPTIONS"}))
            return Options(allow) if method == b"OPTIONS" else MethodNotAllowed(allow)
        if path.has_encoded_slash:
            return PathNotAllowed("the path contains an encoded slash")
        if path.has_empty_segments:
            return PathNotAllowed("the path contains an empty segment")
        return NotFound()


def listing_order(entry: Entry) -> tuple[tuple[int, int], str, Precedence]:
    """Return the key that sorts routes of any hosts by precedence, a route of several at the place of its best one."""
    hosts: Sequence[str | None] = entry.route.match.hosts or (None,)
    return (*min((host_rank(host), host or "") for host in hosts), entry.precedence)


def _compile_entry(route: Route, index: int) -> Entry:
    try:
        return Entry(route, index)
    except ValueError as error:
        raise ValueError(f"route {route.name!r}: {error}") from error
