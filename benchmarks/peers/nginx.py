"""nginx as people deploy it: keep-alive to the upstream, the fields that Orion adds too, a buffered JSON access log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.nginx_config import write_nginx_config
from benchmarks.scenarios.scenario import name_route

if TYPE_CHECKING:
    from benchmarks.peers.peer import Site

LOG_FORMAT = """\
    log_format json escape=json '{"time":"$time_iso8601","id":"$request_id","client":"$remote_addr",'
        '"method":"$request_method","target":"$request_uri","protocol":"$server_protocol","host":"$http_host",'
        '"status":$status,"request_bytes":$request_length,"response_bytes":$bytes_sent,"duration":$request_time,'
        '"upstream":"$upstream_addr","upstream_status":"$upstream_status","upstream_duration":"$upstream_response_time",'
        '"referrer":"$http_referer","agent":"$http_user_agent"}';
"""
# nginx has no random value of 8 bytes, so the span id of traceparent is a constant: the same bytes on the wire.
ADDED_FIELDS = """
        proxy_set_header Via "1.1 nginx";
        proxy_set_header Forwarded 'for=$remote_addr;host="$http_host";proto=$scheme';
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Port $server_port;
        proxy_set_header X-Request-Id $request_id;
        proxy_set_header traceparent "00-$request_id-00f067aa0ba902b7-01";
        add_header X-Request-Id $request_id always;"""


def prepare(site: Site) -> list[str]:
    """Write the configuration of a proxying nginx."""
    work = site.work
    log = (
        f"{LOG_FORMAT}    access_log {site.access_log} json buffer=64k flush=1s;"
        if work.logs
        else "    access_log off;"
    )
    balancer = "        least_conn;\n" if work.endpoints > 1 else ""
    servers = "\n".join(f"        server 127.0.0.1:{port};" for port in site.upstream_ports)
    paths = ["/"] if work.routes == 1 else [f"{name_route(number)}/" for number in range(work.routes)]
    locations = "\n".join(f"        location {path} {{ proxy_pass http://service; }}" for path in paths)
    return write_nginx_config(
        site.directory,
        f"""\
{log}
    upstream service {{
{balancer}{servers}
        keepalive 128;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{site.port} backlog=4096;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;{ADDED_FIELDS if work.adds_fields else ""}
        # As tuned installations have it: with the default buffers of 4 KiB and its temporary file, an answer of 1 MiB
        # costs nginx more than twice as much, and the reference should be the best that it can do.
        proxy_buffers 16 32k;
        proxy_busy_buffers_size 256k;
        proxy_max_temp_file_size 0;
{locations}
    }}""",
        site.connections,
    )
