"""Take the endpoints in turn, each as often as its weight says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.balancer.heap import Heap, Place
from orion_gateway.balancer.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.values import Endpoint

_FEW = 32
"""Up to so many endpoints of unequal weights are served by nginx's exact order, which looks at each of them."""
_PATIENCE = 16
"""After so many full endpoints in a row the next free one is taken, whatever its weight."""
_GOLDEN = 0.6180339887498949
"""Multiples of it, without their whole part, are spread evenly over 0 to 1 however many there are."""


class RoundRobin(Policy):
    """Smooth weighted round robin (nginx): weights {5, 1, 1} give a a b a c a a, never a burst of a's.

    At each pick every eligible endpoint gains its weight; the richest is taken and pays the sum of all weights. With
    many endpoints each has a pass instead, and the smallest is taken and grows by 1 / weight: stride scheduling
    (Waldspurger 1995), as smooth, in another order. A change of members leaves the turns of those that stay.
    """

    __slots__ = ("_current", "_eligible", "_heap", "_is_weighted", "_next", "_places")

    def __init__(self) -> None:
        self._eligible: list[Endpoint] = []
        self._current: list[int] = []
        self._next = 0
        self._is_weighted = False
        self._heap = Heap()
        self._places: dict[Endpoint, Place] = {}

    def update(self, eligible: Sequence[Endpoint]) -> None:
        """Go round these endpoints from now on; those of weight 0 are left out."""
        waiting = self._eligible[self._next :] + self._eligible[: self._next]
        current = dict(zip(self._eligible, self._current, strict=True))
        self._eligible = [endpoint for endpoint in eligible if endpoint.weight > 0]
        self._current = [current.get(endpoint, 0) for endpoint in self._eligible]
        self._is_weighted = len({endpoint.weight for endpoint in self._eligible}) > 1
        numbers = {endpoint: number for number, endpoint in enumerate(self._eligible)}
        self._next = next((numbers[endpoint] for endpoint in waiting if endpoint in numbers), 0)
        self._fill_heap()

    def pick(self, key: int, now: float, rng: Random) -> Endpoint | None:  # noqa: ARG002 (the contract's)
        """Return the endpoint whose turn it is, passing over those at their cap."""
        if not self._eligible:
            return None
        if not self._is_weighted:
            return self._pick_next()
        return self._pick_stride() if self._places else self._pick_weighted()

    def _fill_heap(self) -> None:
        known, self._places = self._places, {}
        if self._is_weighted and len(self._eligible) > _FEW:
            begin = min((place.key for place in known.values()), default=0.0)
            for number, endpoint in enumerate(self._eligible):
                # Passes begin within one stride, or all endpoints of a weight would come in one burst.
                first = begin + number * _GOLDEN % 1.0 / endpoint.weight
                self._places[endpoint] = known.get(endpoint) or Place(endpoint, first)
        self._heap.fill(self._places.values())

    def _pick_next(self) -> Endpoint:
        eligible, at = self._eligible, self._next
        count = len(eligible)
        for _ in range(count):
            endpoint = eligible[at]
            at = at + 1 if at + 1 < count else 0
            if endpoint.in_flight < endpoint.cap:
                break
        self._next = at
        return endpoint

    def _pick_weighted(self) -> Endpoint:
        eligible, current = self._eligible, self._current
        best = -1
        most = total = 0
        for at in range(len(eligible)):
            endpoint = eligible[at]
            if endpoint.in_flight >= endpoint.cap:
                continue
            total += endpoint.weight
            mine: int = current[at] + endpoint.weight
            current[at] = mine
            if best < 0 or mine > most:
                best, most = at, mine
        if best < 0:
            return eligible[0]
        current[best] = most - total
        return eligible[best]

    def _pick_stride(self) -> Endpoint:
        for _ in range(_PATIENCE):
            place = self._heap.first()
            endpoint = place.endpoint
            # A full one pays too: it loses its turn, and is not in the way of the next pick.
            self._heap.requeue(place, place.key + 1.0 / endpoint.weight)
            if endpoint.in_flight < endpoint.cap:
                return endpoint
        return self._pick_next()
