"""A queue of endpoints by a number that changes: the one with the smallest is found without looking at the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orion_gateway.values import Endpoint


class Place:
    """Where an endpoint stands in a `Heap`: by `key`, and among equals by who has waited longest."""

    __slots__ = ("_at", "_turn", "endpoint", "key")

    def __init__(self, endpoint: Endpoint, key: float = 0.0) -> None:
        self.endpoint = endpoint
        self.key = key
        self._turn = 0
        self._at = 0


class Heap:
    """A binary heap whose entries know where they are, so that each can be moved in logarithmic time."""

    __slots__ = ("_places", "_turn")

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._turn = 0

    def fill(self, places: Iterable[Place]) -> None:
        """Hold these places and no others. Among equals those held before keep their turn, with new ones behind."""
        self._places = []
        for place in places:
            place._at = len(self._places)
            self._places.append(place)
            if place._turn == 0:
                self._turn += 1
                place._turn = self._turn
            self._rise(place)

    def first(self) -> Place:
        """Return the place with the smallest key; there must be one."""
        return self._places[0]

    def move(self, place: Place, key: float) -> None:
        """Give a place another key; it keeps its turn among equals."""
        place.key = key
        self._rise(place)
        self._sink(place)

    def requeue(self, place: Place, key: float) -> None:
        """Give a place another key, or the same, behind all that have that key now."""
        self._turn += 1
        place._turn = self._turn
        self.move(place, key)

    def _rise(self, place: Place) -> None:
        places, at = self._places, place._at
        while at > 0:
            parent = (at - 1) >> 1
            above = places[parent]
            if not _comes_before(place, above):
                break
            places[at] = above
            above._at = at
            at = parent
        places[at] = place
        place._at = at

    def _sink(self, place: Place) -> None:
        places, at = self._places, place._at
        count = len(places)
        while True:
            child = 2 * at + 1
            if child >= count:
                break
            below = places[child]
            if child + 1 < count:
                other = places[child + 1]
                if _comes_before(other, below):
                    below = other
                    child += 1
            if not _comes_before(below, place):
                break
            places[at] = below
            below._at = at
            at = child
        places[at] = place
        place._at = at


def _comes_before(one: Place, other: Place) -> bool:
    if one.key != other.key:
        return one.key < other.key
    return one._turn < other._turn
