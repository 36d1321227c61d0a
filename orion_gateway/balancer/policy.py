"""The contract of load-balancing policies: choose one endpoint of a service. Eligibility is decided elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.values import Endpoint, Outcome


class Policy:
    """A way to choose one endpoint of a service.

    An endpoint at its cap is picked only when all are at theirs: then the caller lets the exchange wait.
    """

    __slots__ = ()

    def update(self, eligible: Sequence[Endpoint]) -> None:
        """Build what picking needs; called when membership, weight or health changes, never per request."""
        raise NotImplementedError

    def pick(self, key: int, now: float, rng: Random) -> Endpoint | None:
        """Return an eligible endpoint, or None when there is none.

        `key` is the hash of what the request is bound to, or 0.
        """
        raise NotImplementedError

    def observe(self, endpoint: Endpoint, outcome: Outcome) -> None:
        """Take what came of an attempt; most policies learn nothing from it."""
