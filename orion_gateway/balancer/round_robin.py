"""Take the endpoints in turn, each as often as its weight says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.values import Endpoint, Outcome


class RoundRobin:
    """Smooth weighted round robin (nginx): weights {5, 1, 1} give a a b a c a a, never a burst of a's.

    At each pick every eligible endpoint gains its weight; the richest is taken and pays the sum of all weights.
    """

    def __init__(self) -> None:
        self._eligible: Sequence[Endpoint] = ()
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
        eligible = self._eligible
        count = len(eligible)
        for step in range(count):
            at = (self._next + step) % count
            if not eligible[at].is_full:
                break
        else:
            at = self._next
        self._next = (at + 1) % count
        return eligible[at]

    def _pick_weighted(self) -> Endpoint:
        current = self._current
        best = -1
        total = 0
        for at, endpoint in enumerate(self._eligible):
            if endpoint.is_full:
                continue
            current[at] += endpoint.weight
            total += endpoint.weight
            if best < 0 or current[at] > current[best]:
                best = at
        if best < 0:
            return self._eligible[0]
        current[best] -= total
        return self._eligible[best]

    def observe(self, endpoint: Endpoint, outcome: Outcome) -> None:
        """Learn nothing: turns do not depend on outcomes."""
