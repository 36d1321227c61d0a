"""Bind each key to an endpoint by a table: shares are exact, and a few more keys move than on a ring."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from orion_gateway.balancer.hashing import hash_key
from orion_gateway.balancer.keyed import KeyedPolicy

if TYPE_CHECKING:
    from orion_gateway.balancer.keyed import Owner

_SIZE = 65537
"""Entries of the table: a prime, well above the number of endpoints (Eisenbud 2016; Envoy's default)."""


class Claim:
    """The order in which an endpoint wants the entries of the table: each `skip`-th, all of them once."""

    __slots__ = ("_at", "_due", "_skip", "_weight", "owner")

    def __init__(self, owner: Owner, size: int) -> None:
        url = owner.endpoint.url.encode()
        self.owner = owner
        self._weight = owner.endpoint.weight
        self._due = 0
        self._at = hash_key(b"at " + url) % size
        self._skip = hash_key(b"skip " + url) % (size - 1) + 1

    def take_turn(self, turn: int, heaviest: int, table: list[Owner | None]) -> bool:
        """Take the first wanted entry that is free, unless this turn is only for heavier ones; there must be one."""
        if turn * self._weight < self._due:
            return False
        self._due += heaviest
        size = len(table)
        at = self._at
        while table[at] is not None:
            at += self._skip
            if at >= size:
                at -= size
        table[at] = self.owner
        self._at = at
        return True


class Maglev(KeyedPolicy):
    """Maglev hashing (Eisenbud 2016): endpoints take entries of a table in turn, each by its own order of preference.

    By weight an endpoint takes its turn or waits, as in Envoy. `size` must be a prime.
    """

    __slots__ = ("_size",)

    def __init__(self, bounded_load: float | None = None, size: int = _SIZE) -> None:
        super().__init__(bounded_load)
        self._size = size

    def _build(self) -> list[Owner]:
        table: list[Owner | None] = [None] * self._size
        heaviest = max([owner.endpoint.weight for owner in self._members])
        _share_out([Claim(owner, self._size) for owner in self._members], heaviest, table)
        return cast("list[Owner]", table)

    def _locate(self, key: int) -> int:
        return key % self._size


def _share_out(claims: list[Claim], heaviest: int, table: list[Owner | None]) -> None:
    left = len(table)
    turn = 0
    while left > 0:
        turn += 1
        for claim in claims:
            if claim.take_turn(turn, heaviest, table):
                left -= 1
                if left == 0:
                    break
