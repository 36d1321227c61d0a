"""Choose the endpoint that takes the next attempt of a service: who may, in which order, and who had better not.

Everything about that choice meets here and is pure: health and ejection (`eligible`), slow start (`warmup`), endpoints
that an exchange has tried already, sessions bound to an endpoint, and the policy. One chooser per service and worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from orion_gateway.balancer.eligible import choose_eligible
from orion_gateway.balancer.warmup import Warmup
from orion_gateway.values import Standing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.balancer.policy import Policy
    from orion_gateway.values import Balancing, Endpoint, Outcome


@dataclass(frozen=True, slots=True)
class Candidate:
    """How an endpoint looks to the next pick.

    `why` says what keeps it out (`down`, `ejected`, `unknown`, `weight 0`), or of an eligible one what may (`full`,
    `slow start`). `score` is what the policy compares, lower is better, None when it compares nothing. `share` is the
    part of its normal traffic that it may have now: 0 when it is not eligible, below 1 in slow start.
    """

    endpoint: Endpoint
    is_eligible: bool
    why: str
    score: float | None
    in_flight: int
    weight: int
    share: float


class Chooser:
    """Chooses among the endpoints of one service; all are up until `take_standings` says otherwise."""

    __slots__ = (
        "_by_token",
        "_eligible",
        "_endpoints",
        "_is_plain",
        "_panic",
        "_rng",
        "_tokens",
        "_warmup",
        "_why",
        "is_panic",
        "policy",
    )

    def __init__(self, endpoints: Sequence[Endpoint], balancing: Balancing, policy: Policy, rng: Random) -> None:
        self.policy = policy
        self.is_panic = False
        """Too few endpoints are well: ejection is ignored."""
        self._endpoints = tuple(endpoints)
        self._eligible: list[Endpoint] = []
        self._why: list[str] = []
        self._panic = balancing.panic
        self._tokens = {endpoint: _make_token(endpoint) for endpoint in self._endpoints}
        self._by_token: dict[bytes, Endpoint] = {}
        self._rng = rng
        self._warmup = Warmup(balancing.slow_start)
        self._is_plain = True
        self.policy.update(self._eligible)
        self.take_standings([Standing()] * len(self._endpoints), 0.0)

    def take_standings(self, standings: Sequence[Standing], now: float) -> None:
        """Take how every endpoint stands, in the order of the endpoints."""
        chosen = choose_eligible(self._endpoints, standings, self._panic)
        self.is_panic, self._why = chosen.is_panic, chosen.why
        back_since = {}
        for endpoint, standing in zip(self._endpoints, standings, strict=True):
            endpoint.is_suspect = standing.is_suspect
            back_since[endpoint] = standing.back_since
        if chosen.endpoints != self._eligible:
            self._eligible = chosen.endpoints
            self._by_token = {self._tokens[endpoint]: endpoint for endpoint in self._eligible}
            self.policy.update(self._eligible)
        self._warmup.update(self._eligible, back_since, now)
        self._is_plain = self._warmup.is_over

    def choose(self, key: int, now: float, tried: list[Endpoint] | None) -> Endpoint | None:
        """Return the endpoint for the next attempt, at its cap only when all are; None when none is eligible.

        `key` is the hash of what the request is bound to, or 0. Those `tried` are passed over while another has room.
        """
        if self._is_plain and not tried:
            return self.policy.pick(key, now, self._rng)
        return self._choose_around(key, now, tried)

    def observe(self, endpoint: Endpoint, outcome: Outcome, now: float) -> None:
        """Take what came of an attempt."""
        self.policy.observe(endpoint, outcome, now)

    def find(self, token: bytes) -> Endpoint | None:
        """Return the eligible endpoint of a token. Slow start does not part it from those who are bound to it."""
        return self._by_token.get(token)

    def token_of(self, endpoint: Endpoint) -> bytes:
        """Return what a client may be given to come back: the same in every gateway, and no address."""
        return self._tokens[endpoint]

    def explain(self, key: int, now: float) -> list[Candidate]:  # noqa: ARG002 (scores do not depend on it yet)
        """Return every endpoint as the next pick will see it; nothing is picked."""
        candidates = []
        for endpoint, why in zip(self._endpoints, self._why, strict=True):
            share = 0.0 if why else self._warmup.share_of(endpoint, now)
            score = None if why else self.policy.score(endpoint, now)
            doubt = why or ("full" if not _has_room(endpoint) else "slow start" if share < 1.0 else "")
            candidates.append(Candidate(endpoint, not why, doubt, score, endpoint.in_flight, endpoint.weight, share))
        return candidates

    def _choose_around(self, key: int, now: float, tried: list[Endpoint] | None) -> Endpoint | None:
        # First without those tried and those held back, then without those tried, then among all.
        has_held = self._warmup.hold(now)
        try:
            self._pass_over(tried)
            picked = self.policy.pick(key, now, self._rng)
            if has_held and picked is not None and not _has_room(picked):
                self._warmup.release()
                self._pass_over(tried)
                picked = self.policy.pick(key, now, self._rng)
        finally:
            self._warmup.release()
            for endpoint in tried or ():
                endpoint.cap = endpoint.max_in_flight
        if tried and picked is not None and (picked in tried or not _has_room(picked)):
            picked = self.policy.pick(key, now, self._rng)
        if picked is not None:
            self._warmup.charge(picked)
        self._is_plain = self._warmup.is_over
        return picked

    def _pass_over(self, tried: list[Endpoint] | None) -> None:
        for endpoint in tried or ():
            endpoint.cap = 0


def _has_room(endpoint: Endpoint) -> bool:
    return endpoint.in_flight < endpoint.cap


def _make_token(endpoint: Endpoint) -> bytes:
    return blake2b(endpoint.url.encode(), digest_size=8).hexdigest().encode()
