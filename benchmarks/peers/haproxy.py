"""HAProxy as people deploy it: one thread, upstream connections shared between clients, the log on stdout.

It writes no files itself, so its stdout is the access log's file, as in containers. Other installations pay for a
syslog daemon instead, which nobody would see in HAProxy's own figures.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from benchmarks.processes import find_program
from benchmarks.scenarios.scenario import name_route

if TYPE_CHECKING:
    from benchmarks.peers.peer import Site

LOG = """\
    log stdout format raw local0
    log-format '{"time":"%[date,ltime(%FT%T%z)]","id":"%ID","client":"%ci","method":"%HM","target":"%HU",\
"protocol":"%HV","host":"%[var(txn.host),json(utf8s)]","status":%ST,"request_bytes":%U,"response_bytes":%B,\
"duration":%Ta,"upstream":"%si:%sp","upstream_duration":"%Tr","referrer":"%[var(txn.referrer),json(utf8s)]",\
"agent":"%[var(txn.agent),json(utf8s)]"}'
    http-request set-var(txn.host) req.hdr(host)
    http-request set-var(txn.referrer) req.hdr(referer)
    http-request set-var(txn.agent) req.hdr(user-agent)
"""
# The id has dashes and traceparent may not; the span id is a constant, as at nginx.
ADDED_FIELDS = """\
    unique-id-format %[uuid()]
    unique-id-header X-Request-Id
    http-response set-header X-Request-Id %[unique-id]
    http-request set-header Via "1.1 haproxy"
    http-request set-header Forwarded 'for=%[src];host="%[req.hdr(host)]";proto=http'
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Forwarded-Port %[dst_port]
    http-request set-header traceparent 00-%[unique-id,regsub(-,,g)]-00f067aa0ba902b7-01
"""


def prepare(site: Site) -> list[str]:
    """Write the configuration and, for many routes, the map of their prefixes."""
    work = site.work
    balancer = "leastconn" if work.endpoints > 1 else "roundrobin"
    servers = "\n".join(f"    server s{port} 127.0.0.1:{port}" for port in site.upstream_ports)
    routing = "    default_backend service"
    if work.routes > 1:
        routes = site.directory / "routes.map"
        routes.write_text("".join(f"{name_route(number)}/ service\n" for number in range(work.routes)))
        routing = f"    use_backend %[path,map_beg({routes},none)]"
    config = site.directory / "haproxy.cfg"
    config.write_text(
        f"""\
global
    nbthread 1
    maxconn {site.work.connections + 1024}
defaults
    mode http
    timeout connect 3s
    timeout client 75s
    timeout server 30s
    timeout http-keep-alive 75s
    http-reuse always
frontend http
    bind 127.0.0.1:{site.port} backlog 4096
{LOG if work.logs else ""}{ADDED_FIELDS if work.adds_fields else ""}{routing}
backend service
    balance {balancer}
{servers}
backend none
    http-request deny deny_status 404
"""
    )
    command = [find_program("haproxy"), "-db", "-f", str(config)]
    return ["/bin/sh", "-c", f"exec {shlex.join(command)} > {shlex.quote(str(site.access_log))}"]
