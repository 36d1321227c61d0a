"""Orion Gateway with its defaults on, one worker, and its access log in a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.processes import NotInstalledError

if TYPE_CHECKING:
    from benchmarks.peers.peer import Site

PROGRAM = Path(sys.executable).with_name("orion")


def prepare(site: Site) -> list[str]:
    """Write a route table with one route and name the daemon's command."""
    _check_program()
    table = site.directory / "routes.yaml"
    table.write_text(
        f"""\
version: 1
gateway:
  run_dir: "{site.directory}/run"
  workers: 1
  admin: {{bind: "unix:{site.directory}/admin.sock"}}
  access_log: {{path: "{site.access_log}"}}
listeners:
  - {{name: http, bind: "127.0.0.1:{site.port}"}}
services:
  upstream:
    endpoints:
      - url: "http://127.0.0.1:{site.upstream_port}"
routes:
  - name: all
    match: {{path: "/**"}}
    service: upstream
"""
    )
    return [str(PROGRAM), "run", "-c", str(table)]


def _check_program() -> None:
    if not PROGRAM.exists():
        raise NotInstalledError(f"there is no `orion` beside {PROGRAM.parent.name}/python (`make setup` installs it)")
    version = subprocess.run([PROGRAM, "version"], capture_output=True, text=True, timeout=30, check=False)
    if version.returncode != 0:
        reason = version.stderr.strip().splitlines()[-1:] or ["it printed nothing"]
        raise NotInstalledError(f"`orion version` does not run: {reason[0]}")
