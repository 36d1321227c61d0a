"""Caddy as people deploy it: one Caddyfile, its own JSON log in a file, keep-alive to the upstream.

Its log line holds all fields of request and response, as Caddy's users have it. It has no shorter id than a UUID with
dashes, so the trace id of traceparent is a constant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.processes import find_program
from benchmarks.scenarios.scenario import name_route

if TYPE_CHECKING:
    from benchmarks.peers.peer import Site

ADDED_FIELDS = """
        header_up Via "1.1 caddy"
        header_up Forwarded "for={http.request.remote.host};host=\\"{http.request.hostport}\\";proto=http"
        header_up X-Forwarded-Port {http.request.port}
        header_up X-Request-Id {http.request.uuid}
        header_up traceparent 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"""
# Caddy adds three of the fields by itself.
NO_FIELDS = """
        header_up -X-Forwarded-For
        header_up -X-Forwarded-Proto
        header_up -X-Forwarded-Host"""


def prepare(site: Site) -> list[str]:
    """Write the Caddyfile. What it keeps goes to the site instead of the home directory."""
    work = site.work
    log = f"log {{\n        output file {site.access_log} {{\n            roll_disabled\n        }}\n    }}"
    balancer = "\n        lb_policy least_conn" if work.endpoints > 1 else ""
    upstreams = " ".join(f"127.0.0.1:{port}" for port in site.upstream_ports)
    # A route is where Caddy looks for it; one reverse_proxy behind all of them shares its upstream connections.
    routes = "".join(
        f"    handle {name_route(number)}/* {{\n        vars route {number}\n    }}\n" for number in range(work.routes)
    )
    fallback = "    handle {\n        error 404\n    }\n"
    config = site.directory / "Caddyfile"
    config.write_text(
        f"""\
{{
    admin off
    auto_https off
    storage file_system {site.directory}/storage
}}
http://:{site.port} {{
    bind 127.0.0.1
    {log if work.logs else ""}
    {"header X-Request-Id {http.request.uuid}" if work.adds_fields else ""}
{routes + fallback if work.routes > 1 else ""}
    reverse_proxy {upstreams} {{{balancer}{ADDED_FIELDS if work.adds_fields else NO_FIELDS}
        transport http {{
            keepalive 75s
            keepalive_idle_conns_per_host 128
            compression off
        }}
    }}
}}
"""
    )
    return [find_program("caddy"), "run", "--adapter", "caddyfile", "--config", str(config)]
