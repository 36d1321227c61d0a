"""Take any endpoint, each as often as its weight says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.balancer.draw import Draw
from orion_gateway.balancer.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.values import Endpoint

_PATIENCE = 8
"""After so many draws of full endpoints the free ones are looked for."""


class WeightedRandom(Policy):
    """Draw by weight; no state is shared, so that many gateways never move in step."""

    __slots__ = ("_draw",)

    def __init__(self) -> None:
        self._draw = Draw()

    def update(self, eligible: Sequence[Endpoint]) -> None:
        """Draw from these endpoints from now on; those of weight 0 are left out."""
        self._draw.update(eligible)

    def pick(self, key: int, now: float, rng: Random) -> Endpoint | None:  # noqa: ARG002 (the contract's)
        """Return an endpoint below its cap, any when all are full."""
        if not self._draw.endpoints:
            return None
        # Drawing again until one is free leaves the shares of the free ones as their weights are.
        for _ in range(_PATIENCE):
            drawn = self._draw.draw(rng)
            if drawn.in_flight < drawn.cap:
                return drawn
        free = self._draw.draw_free(rng)
        return free if free is not None else drawn
