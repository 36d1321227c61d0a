"""Draw two endpoints and take the less busy one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.balancer.draw import Draw
from orion_gateway.balancer.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.values import Endpoint

_PATIENCE = 4
"""After so many pairs of full endpoints the free ones are looked for."""


class PowerOfTwo(Policy):
    """Two random choices, so that requests do not all rush to the same idle endpoint (Mitzenmacher 1996).

    Both are drawn by weight and compared by exchanges in flight per weight; of two as busy the first drawn is taken.
    So an idle service is shared by weight, and a busy one too.
    """

    __slots__ = ("_draw",)

    def __init__(self) -> None:
        self._draw = Draw()

    def update(self, eligible: Sequence[Endpoint]) -> None:
        """Draw from these endpoints from now on; those of weight 0 are left out."""
        self._draw.update(eligible)

    def pick(self, key: int, now: float, rng: Random) -> Endpoint | None:  # noqa: ARG002 (the contract's)
        """Return the less busy of two, one below its cap while there is one."""
        if not self._draw.endpoints:
            return None
        for _ in range(_PATIENCE):
            one = self._draw.draw(rng)
            other = self._draw.draw_another(one, rng)
            if one.in_flight >= one.cap:
                one, other = other, one
            elif other.in_flight < other.cap and other.in_flight * one.weight < one.in_flight * other.weight:
                return other
            if one.in_flight < one.cap:
                return one
        free = self._draw.draw_free(rng)
        return free if free is not None else one

    def score(self, endpoint: Endpoint, now: float) -> float | None:  # noqa: ARG002 (the contract's)
        """Return the exchanges in flight per weight; None for an endpoint without weight."""
        return endpoint.in_flight / endpoint.weight if endpoint.weight > 0 else None
