"""Draw an endpoint at random, each as often as its weight says, in the same time however many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.values import Endpoint


class Draw:
    """An alias table (Walker 1974, built as Vose 1991): every column holds at most two endpoints, and all are as high.

    `endpoints` are those of a weight above 0.
    """

    __slots__ = ("_is_weighted", "_others", "_shares", "endpoints")

    def __init__(self) -> None:
        self.endpoints: list[Endpoint] = []
        self._shares: list[float] = []
        self._others: list[Endpoint] = []
        self._is_weighted = False

    def update(self, eligible: Sequence[Endpoint]) -> None:
        """Draw from these endpoints from now on; those of weight 0 are left out."""
        self.endpoints = [endpoint for endpoint in eligible if endpoint.weight > 0]
        count, total = len(self.endpoints), sum([endpoint.weight for endpoint in self.endpoints])
        self._is_weighted = len({endpoint.weight for endpoint in self.endpoints}) > 1
        self._others = list(self.endpoints)
        self._shares = [endpoint.weight * count / total for endpoint in self.endpoints]
        low = [at for at in range(count) if self._shares[at] < 1.0]
        high = [at for at in range(count) if self._shares[at] >= 1.0]
        # Each column that is too low is filled up from one that is too high. What rounding leaves over at the end is
        # as high as it should be, and its other endpoint is itself.
        while low and high:
            filled, giver = low.pop(), high[-1]
            self._others[filled] = self.endpoints[giver]
            self._shares[giver] -= 1.0 - self._shares[filled]
            if self._shares[giver] < 1.0:
                low.append(high.pop())

    def draw(self, rng: Random) -> Endpoint:
        """Return an endpoint, full or not; there must be one."""
        count = len(self.endpoints)
        place = rng.random() * count
        at = int(place)
        if not self._is_weighted:
            return self.endpoints[at]
        share = self._shares[at]
        return self.endpoints[at] if place - at < share else self._others[at]

    def draw_another(self, one: Endpoint, rng: Random) -> Endpoint:
        """Return an endpoint other than `one`, unless there is no other."""
        for _ in range(2):
            other = self.draw(rng)
            if other is not one:
                return other
        # The others weigh little beside it, or are few: any of them, then.
        count = len(self.endpoints)
        at = int(rng.random() * count)
        other = self.endpoints[at]
        return other if other is not one else self.endpoints[at + 1 if at + 1 < count else 0]

    def draw_free(self, rng: Random) -> Endpoint | None:
        """Return an endpoint below its cap, by weight among these; None when all are full. Looks at every endpoint."""
        free = 0
        for endpoint in self.endpoints:
            if endpoint.in_flight < endpoint.cap:
                free += endpoint.weight
        if free == 0:
            return None
        left = rng.randrange(free)
        found = None
        for endpoint in self.endpoints:
            if endpoint.in_flight < endpoint.cap:
                found = endpoint
                left -= endpoint.weight
                if left < 0:
                    break
        return found
