"""Guarded routes that somebody can get around: by a more specific route without a guard, or by another spelling.

Each finding holds a request that the table itself was asked about, so none is a guess. A route is guarded when one of
its filters authenticates or authorizes; one with a filter that nobody knows is left out on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from orion_gateway.routing.example import encode_segments, examples_of, taker, takes, towards
from orion_gateway.routing.hosts import fitting_rank, normalise_host
from orion_gateway.routing.path import judge_path
from orion_gateway.routing.precedence import Kind
from orion_gateway.routing.tree import grow_tree, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orion_gateway.config.errors import Finding
    from orion_gateway.lint.rule import Subject
    from orion_gateway.routing.example import Example
    from orion_gateway.routing.precedence import Step
    from orion_gateway.routing.tree import Entry, Node

MOST_TRIED = 24
"""Requests that are tried for one route."""
MOST_NODES = 256
"""Places in the tree of guarded routes at which is looked for one that crosses a path."""
MOST_NEAR = 16
"""Guarded routes that cross the path of one without a guard, and are looked at; literals at each param likewise."""


def find_exposed_routes(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each route without a guard that takes a request which a guarded one would take.

    On purpose (`filters: none` is written, or the gateway itself answers) it is a note.
    """
    if not any(subject.is_guarded(index) for index in range(len(subject.routes))):
        return
    crossing = _Crossing(subject)
    for entry in subject.table.entries:
        if subject.is_guarded(entry.index) is not False:
            continue
        found = _find_passed_over(subject, crossing, entry)
        if found is None:
            continue
        example, index = found
        route, guarded = entry.route, subject.routes[index]
        is_none = subject.loaded.config.routes[entry.index].filters == ()
        code = "N0401" if is_none or not route.targets else "W0401"
        guards = ", ".join(link.use.name for link in subject.chains[index] if link.authenticates or link.authorizes)
        place = subject.loaded.places.at(("routes", index, "name"))
        message = f'"{route.name}" takes requests without asking who sends them that "{guarded.name}" would guard'
        hint = f'{example} reaches "{route.name}"; without it, "{guarded.name}" at {place} takes it, behind {guards}'
        if code == "W0401":
            hint += "; write `filters: none` if everybody may"
        yield subject.finding(("routes", entry.index, "name"), code, message, hint)


def _find_passed_over(subject: Subject, crossing: _Crossing, entry: Entry) -> tuple[Example, int] | None:
    """Return a request that a route takes, and the guarded route that is next in line for it."""
    for example in islice(examples_of(entry.route, entry.steps), MOST_TRIED):
        if taker(subject.table, example, subject.listener) == entry.index:
            following = _next_in_line(subject, entry, example)
            if following is not None:
                return (example, following) if subject.is_guarded(following) else None
            break
    for example, index in crossing.examples(entry):
        if taker(subject.table, example, subject.listener) == entry.index:
            return example, index
    return None


def _next_in_line(subject: Subject, entry: Entry, example: Example) -> int | None:
    """Return the route that would take an example if `entry` were not there."""
    path = judge_path(example.path)
    for tree in subject.table.trees_for(example.host):
        for other in walk(tree, path.segments):
            is_met = other.unmet(example.method, path, example, example.listener or subject.listener) is None
            if other.index != entry.index and is_met and other.objection_to(path) is None:
                return other.index
    return None


class _Crossing:
    """The guarded routes as a tree: those whose path crosses that of a route without a guard are found in it."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._guarded = grow_tree(entry for entry in subject.table.entries if subject.is_guarded(entry.index))

    def examples(self, entry: Entry) -> Iterator[tuple[Example, int]]:
        """Yield requests that a route takes and a guarded one would too, with the number of that."""
        if entry.route.match.path_regex is not None:
            return
        example = next(examples_of(entry.route, entry.steps), None)
        if example is None:
            return
        for guarded in islice(_walk_across(self._guarded, entry.steps), MOST_NEAR):
            segments = _meet(entry.steps, guarded.steps)
            if segments is None:
                continue
            request = replace(towards(example, entry.route, guarded.route), path=encode_segments(segments))
            fits = fitting_rank(guarded.route.match.hosts, normalise_host(request.host)) is not None
            if fits and takes(guarded, request, self._subject.listener):
                yield request, guarded.index


def _walk_across(root: Node, steps: Sequence[Step]) -> Iterator[Entry]:
    """Yield routes of a tree that take a path which these steps take too, as far as `MOST_NODES` places lead."""
    pending: list[tuple[Node, int]] = [(root, 0)]
    for _ in range(MOST_NODES):
        if not pending:
            return
        node, at = pending.pop()
        step = steps[at]
        yield from node.open
        if step.kind in {Kind.END, Kind.REST}:
            yield from node.ending
        if step.kind is Kind.END:
            continue
        following = at if step.kind is Kind.REST else at + 1
        if node.param is not None:
            pending.append((node.param, following))
        if step.kind is not Kind.LITERAL:
            pending += [(below, following) for below in islice(node.literals.values(), MOST_NEAR)]
        elif step.text in node.literals:
            pending.append((node.literals[step.text], following))


def _meet(one: tuple[Step, ...], other: tuple[Step, ...]) -> list[bytes] | None:
    """Return segments that two paths take, None when there are none."""
    segments: list[bytes] = []
    for at in range(max(len(one), len(other)) - 1):
        pair = [steps[min(at, len(steps) - 1)] for steps in (one, other)]
        if any(step.kind is Kind.END for step in pair):
            return None
        literals = {step.text for step in pair if step.kind is Kind.LITERAL}
        if len(literals) > 1:
            return None
        segments.append(literals.pop() if literals else b"x")
    return segments or [b"x"]


@dataclass(frozen=True, slots=True)
class _Spelling:
    """Another way to write a path, and what a service must do to take it for the same."""

    what: str
    path: bytes
    code: str


def find_other_spellings(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each guarded route whose service can be asked for the same path past its guard.

    Only a route of the same service counts, since another one has other paths.
    """
    for entry in subject.table.entries:
        services = {target.service for target in entry.route.targets}
        if not services or not subject.is_guarded(entry.index):
            continue
        example = next(
            (
                example
                for example in islice(examples_of(entry.route, entry.steps), MOST_TRIED)
                if taker(subject.table, example, subject.listener) == entry.index
            ),
            None,
        )
        if example is None:
            continue
        told: set[str] = set()
        for spelling in _spellings(entry.steps, example.path):
            request = replace(example, path=spelling.path)
            index = taker(subject.table, request, subject.listener)
            if spelling.code in told or index is None or subject.is_guarded(index) is not False:
                continue
            other = subject.routes[index]
            shared = next((target.service for target in other.targets if target.service in services), None)
            if shared is None:
                continue
            told.add(spelling.code)
            place = subject.loaded.places.at(("routes", index, "name"))
            message = f'{spelling.what} takes requests for "{entry.route.name}" past its guard, to the same service'
            hint = (
                f'{request} reaches "{other.name}" at {place}, which asks nobody; service "{shared}" may take '
                f"it for {example.path.decode()}"
            )
            yield subject.finding(("routes", entry.index, "name"), spelling.code, message, hint)


def _spellings(steps: Sequence[Step], path: bytes) -> Iterator[_Spelling]:
    """Yield other ways to write a path; only literals of the route are written otherwise."""
    segments = path[1:].split(b"/")
    first = next((at for at, step in enumerate(steps[:-1]) if step.kind is Kind.LITERAL and step.text), None)
    if first is None:
        return
    yield _Spelling("`//`", b"/" + path, "W0402")
    if len(segments) > first + 1 and segments[first + 1]:
        joined = segments[first] + b"%2F" + segments[first + 1]
        yield _Spelling("`%2F`", b"/" + b"/".join([*segments[:first], joined, *segments[first + 2 :]]), "W0402")
        pieces = [*segments[: first + 1], b"", *segments[first + 1 :]]
        yield _Spelling("`//`", b"/" + b"/".join(pieces), "W0402")
    swapped = segments[first].swapcase() if b"%" not in segments[first] else segments[first]
    if swapped != segments[first]:
        yield _Spelling(
            "another letter case", b"/" + b"/".join([*segments[:first], swapped, *segments[first + 1 :]]), "N0402"
        )
    if steps[-1].kind is Kind.END and segments[-1]:
        yield _Spelling("a final `/`", path + b"/", "N0402")
