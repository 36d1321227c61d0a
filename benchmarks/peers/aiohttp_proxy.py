"""The obvious proxy in Python: an aiohttp server whose handler asks a `ClientSession` and streams the answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.processes import UnfitError
from benchmarks.scenarios.scenario import name_route

if TYPE_CHECKING:
    from benchmarks.peers.peer import Site

PROGRAM = Path(__file__).parent.parent / "servers" / "aiohttp_proxy.py"


def prepare(site: Site) -> list[str]:
    """Write the settings of the aiohttp proxy and name its command."""
    work = site.work
    if work.endpoints > 1:
        raise UnfitError("it balances nothing")
    settings = site.directory / "settings.json"
    settings.write_text(
        json.dumps(
            {
                "port": site.port,
                "upstream": f"http://127.0.0.1:{site.upstream_ports[0]}",
                "adds_fields": work.adds_fields,
                "access_log": str(site.access_log) if work.logs else None,
                "routes": [name_route(number) for number in range(work.routes)] if work.routes > 1 else [""],
            }
        )
    )
    return [sys.executable, str(PROGRAM), str(settings)]
