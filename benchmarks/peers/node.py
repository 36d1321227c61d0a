"""The two usual proxies of Node, each a program in `node/` with its packages from `make bench-peers`.

`http-proxy` alone is a library of forwarding; Express with `http-proxy-middleware` and morgan is how applications
put it together. Both keep connections to the upstream by an agent, and write their log through a stream as Node does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.processes import INSTALLED, NotInstalledError, UnfitError, find_program
from benchmarks.scenarios.scenario import name_route

if TYPE_CHECKING:
    from benchmarks.peers.peer import Site

PROGRAMS = Path(__file__).parent.parent / "node"
MODULES = INSTALLED / "node_modules"


def prepare_http_proxy(site: Site) -> list[str]:
    """Write the settings of the plain `http-proxy` and name its command."""
    if site.work.routes > 1:
        raise UnfitError("it has no routes")
    return _prepare(site, "http_proxy.js", "http-proxy")


def prepare_express(site: Site) -> list[str]:
    """Write the settings of Express with `http-proxy-middleware` and name its command."""
    return _prepare(site, "express.js", "http-proxy-middleware")


def _prepare(site: Site, program: str, package: str) -> list[str]:
    node = find_program("node")
    if not (MODULES / package).is_dir():
        raise NotInstalledError(f"{package} is not installed (`make bench-peers` installs it)")
    work = site.work
    if work.endpoints > 1:
        raise UnfitError("it balances nothing")
    settings = site.directory / "settings.json"
    settings.write_text(
        json.dumps(
            {
                "modules": str(MODULES),
                "port": site.port,
                "upstream": f"http://127.0.0.1:{site.upstream_ports[0]}",
                "addsFields": work.adds_fields,
                "accessLog": str(site.access_log) if work.logs else None,
                "routes": [name_route(number) for number in range(work.routes)] if work.routes > 1 else [],
            }
        )
    )
    return [node, str(PROGRAMS / program), str(settings)]
