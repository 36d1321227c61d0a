"""The contract of a peer: one way from the load generator to the upstream.

A peer only writes its configuration and names its command. Starting it on its core, waiting until it answers,
measuring and stopping it is done by the suite, alike for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.scenarios.scenario import Work


@dataclass(frozen=True, slots=True)
class Site:
    """Where a peer works: an empty directory of its own, the port of loopback it serves, those it forwards to."""

    directory: Path
    port: int
    upstream_ports: tuple[int, ...]
    work: Work

    @property
    def access_log(self) -> Path:
        """The file that a peer with an access log writes."""
        return self.directory / "access.log"

    @property
    def connections(self) -> int:
        """How many connections of both sides a peer must be able to hold."""
        return 2 * self.work.connections + 1024


class Peer(Protocol):
    """Prepare one peer."""

    def __call__(self, site: Site, /) -> list[str]:
        """Write what the peer needs into the site and return its command; an empty one means nothing stands in between.

        Raises NotInstalledError when a program of the peer is not on this machine, and UnfitError when it cannot do
        the work that the site asks for.
        """
