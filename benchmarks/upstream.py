"""The upstream behind every peer: nginx with one worker, logging nothing.

Small content is answered from memory, the rest from one file that stays open and in the page cache. One process serves
all endpoints of a scenario.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.nginx_config import write_nginx_config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.scenarios.scenario import Scenario

SMALL = 1024
CONNECTIONS = 20_000


def prepare_upstream(directory: Path, ports: Sequence[int], scenario: Scenario) -> list[str]:
    """Write what the upstream needs and return the command that runs it; raise NotInstalledError without nginx."""
    listens = "\n".join(f"        listen 127.0.0.1:{port} backlog=4096;" for port in ports)
    return write_nginx_config(
        directory,
        f"""\
    access_log off;
    default_type application/json;
    # A connection that a proxy keeps is not closed by the upstream between two rounds.
    keepalive_timeout 1h;
    server {{
{listens}
        location / {{
{_answer(directory, scenario)}
        }}
    }}""",
        CONNECTIONS,
    )


def _answer(directory: Path, scenario: Scenario) -> str:
    if len(scenario.body) <= SMALL and not scenario.chunked:
        return f"            return 200 '{scenario.body.decode()}';"
    (directory / "answer").write_bytes(scenario.body)
    lines = [f"root {directory};", "rewrite ^ /answer break;"]
    if scenario.chunked:
        # A filter that might change the content takes Content-Length away, so that nginx sends chunks: one per buffer.
        lines += ["sub_filter_types *;", "sub_filter '(never there)' '';", "sendfile off;", "output_buffers 1 4k;"]
    else:
        lines += ["sendfile on;", "open_file_cache max=4 inactive=1h;", "open_file_cache_valid 1h;"]
    return "\n".join(f"            {line}" for line in lines)
