"""The floor for Python: uvloop passing bytes on without looking at them. It adds no field and logs nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.peers.peer import Site

PROGRAM = Path(__file__).parent.parent / "servers" / "relay.py"


def prepare(site: Site) -> list[str]:
    """Name the command of the byte relay."""
    return [sys.executable, str(PROGRAM), str(site.port), str(site.upstream_port)]
