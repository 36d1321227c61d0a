"""Decide whether routes together demand no more than another one does: then they take every request of it.

Only conditions are compared (methods, listeners, fields, query); that the routes have the path in common is the
caller's knowledge. What is answered is certain: a yes holds for every request, a no may be too careful.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from orion_gateway.expression import compile_expression
from orion_gateway.routing.demands import taken_methods

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orion_gateway.values import RouteMatch

MOST_SPLITS = 3
"""How many fields or parameters are looked at both as present and as absent."""


class Atom(NamedTuple):
    """One condition on a field or a query parameter; names of fields are lower-case."""

    place: str
    name: str
    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Demanded:
    """What route number `index` demands beyond its path. No methods or listeners: any."""

    index: int
    methods: frozenset[bytes]
    listeners: frozenset[str]
    atoms: frozenset[Atom]

    def takes(self, method: bytes | None, listener: str | None, known: Iterable[Atom]) -> bool:
        """Return whether it takes every request of this method and listener (None: any) for which `known` holds."""
        return (
            (not self.methods or method in self.methods)
            and (not self.listeners or listener in self.listeners)
            and all(any(implies(had, atom) for had in known) for atom in self.atoms)
        )


def demanded(match: RouteMatch, index: int) -> Demanded:
    """Return what a route demands, in a form that can be compared."""
    headers = (Atom("field", header.name.lower(), header.kind, header.value) for header in match.headers)
    query = (Atom("query", parameter.name, parameter.kind, parameter.value) for parameter in match.query)
    return Demanded(index, taken_methods(match.methods), frozenset(match.listeners), frozenset((*headers, *query)))


def implies(had: Atom, wanted: Atom) -> bool:
    """Return whether every request that meets `had` meets `wanted`."""
    if had == wanted:
        return True
    if had.place != wanted.place or had.name != wanted.name:
        return False
    if wanted.kind == "present":
        return wanted.value == "true" and had.kind != "present"
    is_tried = wanted.kind == "regex" and had.kind == "exact"
    return is_tried and compile_expression(wanted.value).fullmatch(had.value.encode()) is not None


def find_cover(loser: Demanded, others: Sequence[Demanded], listeners: frozenset[str]) -> frozenset[int] | None:
    """Return the numbers of routes, of `others` in their order, which take all of `loser` together; None when not.

    `listeners` are all that the table has; none: it is not known.
    """
    methods: Iterable[bytes | None] = sorted(loser.methods) or (None,)
    ways: Iterable[str | None] = sorted(loser.listeners or listeners) or (None,)
    used: set[int] = set()
    for method, listener in product(methods, ways):
        fitting = [other for other in others if _fits(other, method, listener)]
        found = _cover(method, listener, loser.atoms, fitting, MOST_SPLITS)
        if found is None:
            return None
        used |= found
    return frozenset(used)


def _fits(other: Demanded, method: bytes | None, listener: str | None) -> bool:
    return (not other.methods or method in other.methods) and (not other.listeners or listener in other.listeners)


def _cover(
    method: bytes | None, listener: str | None, known: frozenset[Atom], others: Sequence[Demanded], splits: int
) -> set[int] | None:
    for other in others:
        if other.takes(method, listener, known):
            return {other.index}
    if not splits:
        return None
    # One route may want a field, and another one want it to be missing.
    for atom in sorted({atom for other in others for atom in other.atoms if atom.kind == "present"}):
        if any((had.place, had.name) == (atom.place, atom.name) for had in known):
            continue
        used: set[int] = set()
        for value in ("true", "false"):
            found = _cover(method, listener, known | {atom._replace(value=value)}, others, splits - 1)
            if found is None:
                break
            used |= found
        else:
            return used
    return None
