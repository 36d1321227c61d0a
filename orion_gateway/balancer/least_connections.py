"""Take the endpoint with the fewest exchanges in flight for its weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.balancer.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.values import Endpoint


class LeastConnections(Policy):
    """Weighted least connections (HAProxy's leastconn): the smallest count per weight wins; ties go in turn."""

    __slots__ = ("_eligible", "_start")

    def __init__(self) -> None:
        self._eligible: list[Endpoint] = []
        self._start = 0

    def update(self, eligible: Sequence[Endpoint]) -> None:
        """Choose among these endpoints from now on; those of weight 0 are left out."""
        self._eligible = [endpoint for endpoint in eligible if endpoint.weight > 0]
        self._start = 0

    def pick(self, key: int, now: float, rng: Random) -> Endpoint | None:  # noqa: ARG002 (the contract's)
        """Return the least loaded endpoint; one at its cap only when all are."""
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


def _is_better(one: Endpoint, other: Endpoint) -> bool:
    is_full = one.in_flight >= one.max_in_flight
    if is_full is not (other.in_flight >= other.max_in_flight):
        return not is_full
    # The counts per weight are compared as fractions, without dividing.
    return one.in_flight * other.weight < other.in_flight * one.weight
