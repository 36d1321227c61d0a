"""Orion Gateway, one worker, with its defaults; `Forwarded` is switched on, so that it adds what the others add.

It is several peers: as it is installed, when its data plane is compiled; pure, as `ORION_PURE=1` asks for; guarded,
with ejection, a circuit and retries; and another build, for before and after in one run: the `orion`
command that the variable ORION_OTHER names.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.processes import NotInstalledError
from benchmarks.scenarios.scenario import name_route

if TYPE_CHECKING:
    from benchmarks.peers.peer import Site

ORION = [sys.executable, "-m", "orion_gateway"]
PURE = ["env", "ORION_PURE=1", *ORION]
GUARDS = """\
    outlier_detection: {}
    circuit_breaker: {}
    retries: {max: 1}
"""
COMPILED_MARK = "compiled"
"""What the first line of `orion version` says when the data plane is compiled."""


def prepare_compiled(site: Site) -> list[str]:
    """Write the route table for the compiled gateway and name its command."""
    if COMPILED_MARK not in _ask_version(ORION):
        raise NotInstalledError("there is no compiled build (`make setup` makes one where gcc is)")
    return _prepare(site, ORION)


def prepare_pure(site: Site) -> list[str]:
    """Write the route table for the gateway in pure Python and name its command."""
    if COMPILED_MARK in _ask_version(PURE):
        raise NotInstalledError("ORION_PURE=1 does not make it pure")
    return _prepare(site, PURE)


def prepare_guarded(site: Site) -> list[str]:
    """Write the route table for the compiled gateway with ejection, circuit and retries."""
    if COMPILED_MARK not in _ask_version(ORION):
        raise NotInstalledError("there is no compiled build (`make setup` makes one where gcc is)")
    return _prepare(site, ORION, GUARDS)


def prepare_other(site: Site) -> list[str]:
    """Write the route table for another build and name its command."""
    command = os.environ.get("ORION_OTHER")
    if not command:
        raise NotInstalledError("ORION_OTHER names no other build's `orion`")
    _ask_version([command])
    return _prepare(site, [command])


def _prepare(site: Site, command: list[str], guards: str = "") -> list[str]:
    work = site.work
    switches = "forwarded: true" if work.adds_fields else _all_off()
    endpoints = "\n".join(f'      - url: "http://127.0.0.1:{port}"' for port in site.upstream_ports)
    balancer = "    load_balancer: least_connections\n" if work.endpoints > 1 else ""
    paths = ["/**"] if work.routes == 1 else [f"{name_route(number)}/**" for number in range(work.routes)]
    routes = "\n".join(
        f'  - {{name: "r{number}", match: {{path: "{path}"}}, service: upstream}}' for number, path in enumerate(paths)
    )
    table = site.directory / "routes.yaml"
    table.write_text(
        f"""\
version: 1
gateway:
  run_dir: "{site.directory}/run"
  workers: 1
  admin: {{bind: "unix:{site.directory}/admin.sock"}}
  access_log: {{path: "{site.access_log if work.logs else "off"}"}}
  forwarded: {{{switches}}}
listeners:
  - {{name: http, bind: "127.0.0.1:{site.port}"}}
services:
  upstream:
{balancer}{guards}    endpoints:
{endpoints}
routes:
{routes}
"""
    )
    return [*command, "run", "-c", str(table)]


def _all_off() -> str:
    return ", ".join(f"{name}: false" for name in ("via", "x_forwarded", "forwarded", "request_id", "traceparent"))


def _ask_version(command: list[str]) -> str:
    """Return the first line of `orion version`; raise NotInstalledError when there is none."""
    version = subprocess.run([*command, "version"], capture_output=True, text=True, timeout=30, check=False)
    if version.returncode != 0 or not version.stdout:
        reason = version.stderr.strip().splitlines()[-1:] or ["it printed nothing"]
        raise NotInstalledError(f"`orion version` does not run (`make setup` installs it): {reason[0]}")
    return version.stdout.splitlines()[0]
