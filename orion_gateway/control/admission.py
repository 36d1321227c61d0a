"""Count the client connections of one worker against its limits. Pure: `worker` accepts and closes."""

from __future__ import annotations

from collections import Counter

_RESUME_SHARE = 0.95
"""Accepting goes on when this share of the limit is in use again: not for every single connection that ends."""


class Admission:
    """How many connections there are, and how many each client address has. An empty address is never limited."""

    def __init__(self, limit: int, per_client: int | None) -> None:
        """`limit` bounds all connections together, `per_client` those of one address, None for no bound."""
        self.total = 0
        self._limit = limit
        self._per_client = per_client
        self._of_client: Counter[str] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be accepted."""
        return self.total >= self._limit

    @property
    def has_room_again(self) -> bool:
        """Whether accepting may go on after it was full."""
        return self.total <= min(self._limit - 1, self._limit * _RESUME_SHARE)

    def take(self, client: str) -> bool:
        """Count one more connection of a client; return False, and count nothing, when it may have no more."""
        if self._per_client is not None and client:
            if self._of_client[client] >= self._per_client:
                return False
            self._of_client[client] += 1
        self.total += 1
        return True

    def give_back(self, client: str) -> None:
        """Count one connection less."""
        self.total -= 1
        if self._per_client is not None and client:
            self._of_client[client] -= 1
            if not self._of_client[client]:
                del self._of_client[client]
