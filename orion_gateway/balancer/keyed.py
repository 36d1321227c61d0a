"""What ring and table have in common: a key has a place, the place an owner, and whoever cannot take it a successor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.balancer.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from orion_gateway.values import Endpoint, Outcome

_PATIENCE = 64
"""After so many places whose owner cannot take the key, all owners are looked at."""
_HALF = 1 << 63


class Owner:
    """An endpoint that owns places. `seen` is what was in flight when it was last looked at."""

    __slots__ = ("endpoint", "is_in", "seen")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.is_in = True
        """Whether it is eligible; what it owns is its successor's otherwise."""
        self.seen = 0


class KeyedPolicy(Policy):
    """Binds keys to endpoints. A request without a key is given a random one, and so goes anywhere by weight.

    With a bound (Mirrokni 2018, HAProxy's hash-balance-factor), an endpoint takes a further exchange only while it has
    less than `bounded_load` times its share of all that is in flight; the key goes to the next place otherwise.
    The sum is kept, and not taken at each pick: a count is looked at again when its endpoint comes up or is observed.
    """

    __slots__ = ("_factor", "_known", "_last", "_load", "_members", "_places", "_weight")

    def __init__(self, bounded_load: float | None = None) -> None:
        self._members: list[Owner] = []
        self._known: dict[Endpoint, Owner] = {}
        self._places: list[Owner] = []
        self._factor = bounded_load or 0.0
        self._weight = 0.0
        self._load = 0
        self._last: Owner | None = None

    def update(self, eligible: Sequence[Endpoint]) -> None:
        """Bind keys to these endpoints from now on; those of weight 0 are left out."""
        # By address and not in the order given: gateways whose tables differ in that must agree on who owns a key.
        endpoints = sorted([endpoint for endpoint in eligible if endpoint.weight > 0], key=_name_of)
        for owner in self._known.values():
            owner.is_in = False
        self._members = [self._known.get(endpoint) or Owner(endpoint) for endpoint in endpoints]
        for owner in self._members:
            owner.is_in = True
            owner.seen = owner.endpoint.in_flight
        self._load = sum([owner.seen for owner in self._members])
        self._weight = float(sum([endpoint.weight for endpoint in endpoints]))
        self._last = None
        if self._members and self._must_rebuild():
            self._known = {owner.endpoint: owner for owner in self._members}
            self._places = self._build()

    def pick(self, key: int, now: float, rng: Random) -> Endpoint | None:  # noqa: ARG002 (the contract's)
        """Return the owner of the key, or the first after it that is below its cap and within the bound."""
        if not self._members:
            return None
        if key == 0:
            key = rng.getrandbits(64) - _HALF
        if self._last is not None:
            self._recount(self._last)
        owner = self._follow(self._locate(key))
        self._last = owner
        return owner.endpoint

    def home(self, key: int) -> Endpoint | None:
        """Return the endpoint that a key is bound to, however loaded it is; None for key 0."""
        if key == 0 or not self._members:
            return None
        places, at = self._places, self._locate(key)
        # Every member has a place, so that the search ends.
        return next(owner.endpoint for owner in (*places[at:], *places[:at]) if owner.is_in)

    def observe(self, endpoint: Endpoint, outcome: Outcome, now: float) -> None:  # noqa: ARG002 (the contract's)
        """Look at what the endpoint has in flight now."""
        owner = self._known.get(endpoint)
        if owner is not None and owner.is_in:
            self._recount(owner)

    def _must_rebuild(self) -> bool:
        """Say whether the places have to be given anew to the members."""
        return True

    def _build(self) -> list[Owner]:
        """Return the owners of all places; each member has some."""
        raise NotImplementedError

    def _locate(self, key: int) -> int:
        """Return the place of a key."""
        raise NotImplementedError

    def _follow(self, at: int) -> Owner:
        places = self._places
        count = len(places)
        first = at
        for _ in range(_PATIENCE):
            owner = places[at]
            if owner.is_in and self._is_open(owner):
                return owner
            at = at + 1 if at + 1 < count else 0
        return self._walk(first % len(self._members))

    def _walk(self, at: int) -> Owner:
        """Return the first open member from `at`; else the least loaded that is not full; else the one at `at`."""
        members = self._members
        count = len(members)
        best = None
        for _ in range(count):
            owner = members[at]
            if self._is_open(owner):
                return owner
            one = owner.endpoint
            if one.in_flight < one.cap:
                other = one if best is None else best.endpoint
                if best is None or one.in_flight * other.weight < other.in_flight * one.weight:
                    best = owner
            at = at + 1 if at + 1 < count else 0
        return members[at] if best is None else best

    def _is_open(self, owner: Owner) -> bool:
        endpoint = owner.endpoint
        if endpoint.in_flight >= endpoint.cap:
            return False
        if self._factor == 0.0:
            return True
        self._recount(owner)
        return endpoint.in_flight * self._weight < self._factor * (self._load + 1) * endpoint.weight

    def _recount(self, owner: Owner) -> None:
        count = owner.endpoint.in_flight
        self._load += count - owner.seen
        owner.seen = count


def _name_of(endpoint: Endpoint) -> str:
    return endpoint.url
