"""nginx as people deploy it: keep-alive to the upstream, the fields that Orion adds too, a buffered JSON access log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.nginx_config import write_nginx_config

if TYPE_CHECKING:
    from benchmarks.peers.peer import Site


def prepare(site: Site) -> list[str]:
    """Write the configuration of a proxying nginx."""
    # nginx has no random value of 8 bytes, so the span id of traceparent is a constant: the same bytes on the wire.
    return write_nginx_config(
        site.directory,
        f"""\
    log_format json escape=json '{{"time":"$time_iso8601","id":"$request_id","client":"$remote_addr",'
        '"method":"$request_method","target":"$request_uri","protocol":"$server_protocol","host":"$http_host",'
        '"status":$status,"request_bytes":$request_length,"response_bytes":$bytes_sent,"duration":$request_time,'
        '"upstream":"$upstream_addr","upstream_status":"$upstream_status","upstream_duration":"$upstream_response_time",'
        '"referrer":"$http_referer","agent":"$http_user_agent"}}';
    access_log {site.access_log} json buffer=64k flush=1s;
    upstream service {{
        server 127.0.0.1:{site.upstream_port};
        keepalive 128;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{site.port} backlog=4096;
        location / {{
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header Via "1.1 nginx";
            proxy_set_header Forwarded 'for=$remote_addr;host="$http_host";proto=$scheme';
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-Port $server_port;
            proxy_set_header X-Request-Id $request_id;
            proxy_set_header traceparent "00-$request_id-00f067aa0ba902b7-01";
            add_header X-Request-Id $request_id always;
        }}
    }}""",
    )
