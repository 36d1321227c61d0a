"""The obvious proxy in Python: an aiohttp server whose one handler asks a `ClientSession` and streams the answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.peers.peer import Site

PROGRAM = Path(__file__).parent.parent / "servers" / "aiohttp_proxy.py"


def prepare(site: Site) -> list[str]:
    """Name the command of the aiohttp proxy."""
    return [sys.executable, str(PROGRAM), str(site.port), str(site.upstream_port), str(site.access_log)]
