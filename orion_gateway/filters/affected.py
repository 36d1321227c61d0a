"""Whom a filter with `enforce: false` would have refused: what the admin API shows of it. Pure, bounded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orion_gateway.filters.filter import Report

MOST_CLIENTS = 100
"""Clients that are told apart; the others are counted together."""


@dataclass(slots=True)
class Affected:
    """Refusals that were not enforced: how many, by status, and of which clients."""

    refused: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    clients: Counter[str] = field(default_factory=Counter)
    others: int = 0
    """Refusals of clients beyond the first `MOST_CLIENTS`."""
    latest: str = ""
    """Method and path of the latest one, without its query."""

    def note(self, client: str, status: int, latest: str) -> None:
        """Count one refusal."""
        self.refused += 1
        self.statuses[status] += 1
        self.latest = latest
        self._count(client, 1)

    def merge(self, newer: Report) -> Affected:
        """Return both in one."""
        assert isinstance(newer, Affected)
        merged = Affected(
            self.refused + newer.refused,
            self.statuses + newer.statuses,
            Counter(self.clients),
            self.others + newer.others,
            newer.latest or self.latest,
        )
        for client, count in newer.clients.items():
            merged._count(client, count)
        return merged

    def document(self) -> Mapping[str, object]:
        """Return it as the admin API shows it."""
        return {
            "would_refuse": self.refused,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "clients": [{"client": client, "refused": count} for client, count in self.clients.most_common()],
            "other_clients_refused": self.others,
            "latest": self.latest,
        }

    def _count(self, client: str, count: int) -> None:
        if client in self.clients or len(self.clients) < MOST_CLIENTS:
            self.clients[client] += count
        else:
            self.others += count
