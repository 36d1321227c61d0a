"""No proxy at all: how much the load generator and the upstream can do on their core."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.peers.peer import Site


def prepare(_site: Site) -> list[str]:
    """Name no command: the load goes to the upstream itself."""
    return []
