"""Take the endpoint with the fewest exchanges in flight for its weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.balancer.heap import Heap, Place
from orion_gateway.balancer.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.values import Endpoint, Outcome

_FEW = 32
"""Up to so many endpoints are looked at one by one, which is quicker than keeping them in order."""
_PATIENCE = 16
"""After so many full endpoints at the front of the queue all are looked at."""
_ASIDE = float("inf")


class LeastConnections(Policy):
    """Weighted least connections (HAProxy's leastconn): the smallest count per weight wins; ties go in turn.

    Many endpoints stand in a heap by their load. A load that has grown is noticed when its endpoint comes to the front,
    one that has shrunk is told by `observe`: so the front is never passed by a smaller one. The first tie is drawn, or
    all gateways that start together would begin with the same endpoint.
    """

    __slots__ = ("_eligible", "_heap", "_places", "_start")

    def __init__(self) -> None:
        self._eligible: list[Endpoint] = []
        self._start = -1
        self._heap = Heap()
        self._places: dict[Endpoint, Place] = {}

    def update(self, eligible: Sequence[Endpoint]) -> None:
        """Choose among these endpoints from now on; those of weight 0 are left out."""
        self._eligible = [endpoint for endpoint in eligible if endpoint.weight > 0]
        if self._start >= len(self._eligible):
            self._start = 0
        known, self._places = self._places, {}
        self._queue_up(self._eligible if len(self._eligible) > _FEW else [], known)

    def pick(self, key: int, now: float, rng: Random) -> Endpoint | None:  # noqa: ARG002 (the contract's)
        """Return the least loaded endpoint; one at its cap only when all are."""
        if self._start < 0 and self._eligible:
            self._begin(rng.randrange(len(self._eligible)))
        return self._search() if self._places else self._walk()

    def observe(self, endpoint: Endpoint, outcome: Outcome, now: float) -> None:  # noqa: ARG002 (the contract's)
        """Move an endpoint forward that has less to do now."""
        place = self._places.get(endpoint)
        if place is not None:
            self._heap.move(place, _load_of(endpoint))

    def score(self, endpoint: Endpoint, now: float) -> float | None:  # noqa: ARG002 (the contract's)
        """Return the exchanges in flight per weight; None for an endpoint without weight."""
        return _load_of(endpoint) if endpoint.weight > 0 else None

    def _begin(self, start: int) -> None:
        self._start = start
        if self._places:
            self._queue_up(self._eligible[start:] + self._eligible[:start], {})

    def _queue_up(self, endpoints: list[Endpoint], known: dict[Endpoint, Place]) -> None:
        for endpoint in endpoints:
            self._places[endpoint] = place = known.get(endpoint) or Place(endpoint)
            place.key = _load_of(endpoint)
        self._heap.fill([self._places[endpoint] for endpoint in endpoints])

    def _walk(self) -> Endpoint | None:
        eligible, at = self._eligible, self._start
        count = len(eligible)
        best = None
        # Looking from behind the last choice gives ties to everybody in turn: only a better one takes the place.
        for _ in range(count):
            endpoint = eligible[at]
            at = at + 1 if at + 1 < count else 0
            if best is None or _is_better(endpoint, best):
                best = endpoint
                self._start = at
        return best

    def _search(self) -> Endpoint | None:
        found = None
        aside = None
        left = _PATIENCE
        while left > 0:
            place = self._heap.first()
            endpoint = place.endpoint
            load = _load_of(endpoint)
            if load != place.key:
                self._heap.move(place, load)
            elif endpoint.in_flight < endpoint.cap:
                self._heap.requeue(place, load)
                found = endpoint
                break
            else:
                left -= 1
                if aside is None:
                    aside = []
                aside.append(place)
                self._heap.move(place, _ASIDE)
        if aside is not None:
            for place in aside:
                self._heap.move(place, _load_of(place.endpoint))
        return found if found is not None else self._walk()


def _load_of(endpoint: Endpoint) -> float:
    return endpoint.in_flight / endpoint.weight


def _is_better(one: Endpoint, other: Endpoint) -> bool:
    is_full = one.in_flight >= one.cap
    if is_full is not (other.in_flight >= other.cap):
        return not is_full
    # The counts per weight are compared as fractions, without dividing.
    return one.in_flight * other.weight < other.in_flight * one.weight
