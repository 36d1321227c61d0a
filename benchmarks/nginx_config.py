"""Frame an nginx configuration that runs in the foreground, with one worker, wholly inside one directory."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

from benchmarks.processes import find_program

if TYPE_CHECKING:
    from pathlib import Path

TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def write_nginx_config(directory: Path, http: str, connections: int) -> list[str]:
    """Write a configuration around the content of its `http` block; return the command that runs it.

    nginx reserves memory for all its `connections`, of both sides, when it starts.

    Raises NotInstalledError without nginx.
    """
    program = find_program("nginx")
    # Started by root, nginx gives its worker away to `nobody`, who may not enter a private temporary directory.
    user = f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
    temporary = "\n".join(f"    {name}_temp_path {directory}/{name};" for name in TEMPORARY)
    config = directory / "nginx.conf"
    config.write_text(
        f"""\
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections {connections}; }}
http {{
{temporary}
    # nginx closes a connection after 1,000 requests; reconnecting is not what is measured here.
    keepalive_requests 1000000000;
{http}
}}
"""
    )
    return [program, "-e", "stderr", "-p", str(directory), "-c", str(config)]
