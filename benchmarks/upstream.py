"""The upstream behind every peer: nginx with one worker, answering from memory and logging nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.nginx_config import write_nginx_config

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.scenarios.scenario import Scenario


def prepare_upstream(directory: Path, port: int, scenario: Scenario) -> list[str]:
    """Write what the upstream needs and return the command that runs it; raise NotInstalledError without nginx."""
    return write_nginx_config(
        directory,
        f"""\
    access_log off;
    default_type application/json;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{ return 200 '{scenario.body}'; }}
    }}""",
    )
