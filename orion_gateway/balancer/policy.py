"""The contract of load-balancing policies: choose one endpoint of a service. Eligibility is decided elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.values import Endpoint, Outcome


class Policy:
    """A way to choose one endpoint of a service.

    An endpoint with `in_flight >= cap` is picked only when all are at theirs: then the caller lets the exchange wait.
    One of weight 0 is never picked. The caller adds to `in_flight` right after a pick, or not, and takes from it right
    before it calls `observe`; `cap` may change at any time. A policy is told of neither.
    """

    __slots__ = ()

    def update(self, eligible: Sequence[Endpoint]) -> None:
        """Build what picking needs; called when membership, weight or health changes, never per request."""
        raise NotImplementedError

    def pick(self, key: int, now: float, rng: Random) -> Endpoint | None:
        """Return an eligible endpoint, or None when there is none.

        `key` is the hash of what the request is bound to (64 bits with a sign), or 0.
        """
        raise NotImplementedError

    def observe(self, endpoint: Endpoint, outcome: Outcome, now: float) -> None:
        """Take what came of an attempt; most policies learn nothing from it."""

    def home(self, key: int) -> Endpoint | None:  # noqa: ARG002 (the contract's)
        """Return the endpoint that a key is bound to, however loaded it is; None when keys mean nothing here."""
        return None

    def score(self, endpoint: Endpoint, now: float) -> float | None:  # noqa: ARG002 (the contract's)
        """Return what this policy compares endpoints by, lower is better; None when it compares nothing."""
        return None
