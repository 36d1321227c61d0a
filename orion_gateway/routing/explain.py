"""Tell a person which route takes a request, and why each near candidate does not.

The answer itself is `RouteTable.find`'s; the reasons come from the same trees, demands and order, so they cannot
disagree with it. Near candidates are, best first: the routes whose host and path fit, in the order in which they are
tried; those whose path fits on another host; those of this host whose path shares the most leading segments with the
request's, at least one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orion_gateway.routing.demands import PathMatches, show
from orion_gateway.routing.hosts import fitting_rank, normalise_host
from orion_gateway.routing.precedence import Kind, count_conditions
from orion_gateway.routing.table import listing_order
from orion_gateway.routing.tree import walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orion_gateway.routing.found import Found, RequestView
    from orion_gateway.routing.path import JudgedPath
    from orion_gateway.routing.precedence import Step
    from orion_gateway.routing.table import RouteTable
    from orion_gateway.routing.tree import Entry, Node
    from orion_gateway.values import Route


@dataclass(frozen=True, slots=True)
class Loss:
    """A route that does not take the request. `index` is its number in the table, `why` the first thing that failed."""

    route: Route
    index: int
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `find` answers, the near candidates that lost, and how many more of them were left out."""

    found: Found
    losses: tuple[Loss, ...]
    left_out: int


def explain(
    table: RouteTable,
    method: bytes,
    host: bytes,
    path: JudgedPath,
    request: RequestView,
    listener: str,
    limit: int = 20,
) -> Explanation:
    """Return the answer of `table.find` to the same question, and why at most `limit` near candidates are not it."""
    name = normalise_host(host)
    tried = _entries_in(table.trees_for(host), path)
    losses = []
    first: Entry | None = None
    for entry in tried.values():
        if (unmet := entry.unmet(method, path, request, listener)) is not None:
            losses.append(Loss(entry.route, entry.index, unmet.objection(method, path, request, listener)))
        elif first is not None:
            losses.append(Loss(entry.route, entry.index, _why_behind(first, entry, name)))
        else:
            first = entry
            if (objection := entry.objection_to(path)) is not None:
                losses.append(Loss(entry.route, entry.index, f"{objection}, which this route does not allow"))
    elsewhere = (entry for index, entry in _entries_in(table.trees, path).items() if index not in tried)
    losses += [
        Loss(
            entry.route, entry.index, f"hosts: {show(host) or 'no host'} is not in {', '.join(entry.route.match.hosts)}"
        )
        for entry in sorted(elsewhere, key=listing_order)
        if not isinstance(entry.unmet(method, path, request, listener), PathMatches)
    ]
    losses += _lost_by_path(table, tried, name, path)
    found = table.find(method, host, path, request, listener)
    return Explanation(found, tuple(losses[:limit]), max(0, len(losses) - limit))


def _entries_in(trees: Iterable[Node], path: JudgedPath) -> dict[int, Entry]:
    """Return the routes whose path fits, by index, in the order in which they are tried, each once."""
    found: dict[int, Entry] = {}
    for tree in trees:
        for entry in walk(tree, path.segments):
            found.setdefault(entry.index, entry)
    return found


def _lost_by_path(table: RouteTable, tried: dict[int, Entry], name: bytes, path: JudgedPath) -> list[Loss]:
    near = [
        (entry, *_compare_path(entry.steps, path.segments))
        for entry in table.entries
        if entry.index not in tried and fitting_rank(entry.route.match.hosts, name) is not None
    ]
    most = max((shared for _, shared, _ in near), default=0)
    nearest = sorted((entry for entry in near if 0 < entry[1] == most), key=lambda entry: listing_order(entry[0]))
    return [Loss(entry.route, entry.index, f"path: {why}") for entry, _, why in nearest]


def _compare_path(steps: tuple[Step, ...], segments: list[bytes]) -> tuple[int, str]:
    """Return how many leading segments a path that does not fit shares with the request's, and what ends that."""
    for at, step in enumerate(steps[:-1]):
        if at == len(segments):
            return at, f"the request's ends before {_name_step(step)}"
        segment = segments[at]
        if (step.kind is Kind.LITERAL and segment != step.text) or (step.kind is Kind.PARAM and not segment):
            return at, f"segment {at + 1} is '{show(segment)}', not {_name_step(step)}"
    shared = len(steps) - 1
    return shared, f"the route's ends before segment {shared + 1}, '{show(segments[shared])}'"


def _why_behind(first: Entry, entry: Entry, name: bytes) -> str:
    """Say why `entry`, which would take the request too, comes after `first`; `name` is the normalised host."""
    if fitting_rank(first.route.match.hosts, name) != fitting_rank(entry.route.match.hosts, name):
        return f"hosts: {first.route.name} has the more specific host"
    before, behind = first.precedence, entry.precedence
    if before[0] != behind[0]:
        ours, theirs = next(
            (ours, theirs)
            for ours, theirs, rank, worse in zip(entry.steps, first.steps, behind[0], before[0], strict=False)
            if rank != worse
        )
        return f"path: {first.route.name} is more specific, {_name_step(theirs)} comes before {_name_step(ours)}"
    if before[1] != behind[1]:
        fewer, more = count_conditions(entry.route.match), count_conditions(first.route.match)
        return f"conditions: {first.route.name} has more, {fewer} < {more}"
    if before[2] != behind[2]:
        return f"tie: priority {entry.route.priority} < {first.route.priority}"
    return f"tie: {first.route.name} comes earlier in the file"


def _name_step(step: Step) -> str:
    match step.kind:
        case Kind.END:
            return "an end"
        case Kind.LITERAL:
            return f"'{show(step.text)}'"
        case Kind.PARAM:
            return f"{{{show(step.text)}}}"
        case Kind.REGEX:
            return f"path_regex with the prefix '{show(step.text)}' here"
        case Kind.REST:
            return "**"
