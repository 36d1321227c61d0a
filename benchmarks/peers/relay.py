"""The floor for Python: uvloop passing bytes on without looking at them. It adds no field and logs nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.processes import UnfitError

if TYPE_CHECKING:
    from benchmarks.peers.peer import Site

PROGRAM = Path(__file__).parent.parent / "servers" / "relay.py"


def prepare(site: Site) -> list[str]:
    """Name the command of the byte relay."""
    if site.work.routes > 1 or site.work.endpoints > 1:
        raise UnfitError("it does not see requests, so it has no routes and balances nothing")
    return [sys.executable, str(PROGRAM), str(site.port), str(site.upstream_ports[0])]
