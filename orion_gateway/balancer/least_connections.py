"""Take the endpoint with the fewest exchanges in flight for its weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.values import Endpoint, Outcome


class LeastConnections:
    """Weighted least connections (HAProxy's leastconn): the smallest count per weight wins; ties go in turn."""

    def __init__(self) -> None:
        self._eligible: Sequence[Endpoint] = ()
        self._start = 0

    def update(self, eligible: Sequence[Endpoint]) -> None:
        """Choose among these endpoints from now on; those of weight 0 are left out."""
        self._eligible = [endpoint for endpoint in eligible if endpoint.weight > 0]
        self._start = 0

    def pick(self, key: int, now: float, rng: Random) -> Endpoint | None:  # noqa: ARG002 (the contract's)
        """Return the least loaded endpoint; one at its cap only when all are."""
        eligible, start = self._eligible, self._start
        if not eligible:
            return None
        best: int = min((*range(start, len(eligible)), *range(start)), key=self._rank)
        # Looking from behind the last choice gives ties to everybody in turn: min takes the first of equals.
        self._start = (best + 1) % len(eligible)
        return eligible[best]

    def observe(self, endpoint: Endpoint, outcome: Outcome) -> None:
        """Learn nothing: the live counts say it all."""

    def _rank(self, at: int) -> tuple[bool, float]:
        endpoint = self._eligible[at]
        return endpoint.is_full, endpoint.in_flight / endpoint.weight
