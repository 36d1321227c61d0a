"""Take the endpoints in turn, each as often as its weight says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.balancer.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.values import Endpoint


class RoundRobin(Policy):
    """Smooth weighted round robin (nginx): weights {5, 1, 1} give a a b a c a a, never a burst of a's.

    At each pick every eligible endpoint gains its weight; the richest is taken and pays the sum of all weights.
    """

    __slots__ = ("_current", "_eligible", "_is_weighted", "_next")

    def __init__(self) -> None:
        self._eligible: list[Endpoint] = []
        self._current: list[int] = []
        self._next = 0
        self._is_weighted = False

    def update(self, eligible: Sequence[Endpoint]) -> None:
        """Start a new turn over these endpoints; those of weight 0 are left out."""
        self._eligible = [endpoint for endpoint in eligible if endpoint.weight > 0]
        self._current = [0] * len(self._eligible)
        self._is_weighted = len({endpoint.weight for endpoint in self._eligible}) > 1
        self._next = 0

    def pick(self, key: int, now: float, rng: Random) -> Endpoint | None:  # noqa: ARG002 (the contract's)
        """Return the endpoint whose turn it is, passing over those at their cap."""
        if not self._eligible:
            return None
        return self._pick_weighted() if self._is_weighted else self._pick_next()

    def _pick_next(self) -> Endpoint:
        eligible, at = self._eligible, self._next
        count = len(eligible)
        for _ in range(count):
            endpoint = eligible[at]
            at = at + 1 if at + 1 < count else 0
            if endpoint.in_flight < endpoint.max_in_flight:
                break
        self._next = at
        return endpoint

    def _pick_weighted(self) -> Endpoint:
        eligible, current = self._eligible, self._current
        best = -1
        most = total = 0
        for at in range(len(eligible)):
            endpoint = eligible[at]
            if endpoint.in_flight >= endpoint.max_in_flight:
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
