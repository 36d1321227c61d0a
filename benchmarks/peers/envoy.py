"""Envoy as people deploy it: one worker thread, its buffered JSON access log in a file, keep-alive to the upstream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.processes import find_program
from benchmarks.scenarios.scenario import name_route

if TYPE_CHECKING:
    from benchmarks.peers.peer import Site

TYPES = "type.googleapis.com/envoy.extensions"
LOG_FORMAT = {
    "time": "%START_TIME%",
    "id": "%REQ(X-REQUEST-ID)%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "method": "%REQ(:METHOD)%",
    "target": "%REQ(:PATH)%",
    "protocol": "%PROTOCOL%",
    "host": "%REQ(:AUTHORITY)%",
    "status": "%RESPONSE_CODE%",
    "request_bytes": "%BYTES_RECEIVED%",
    "response_bytes": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "upstream": "%UPSTREAM_HOST%",
    "upstream_duration": "%RESPONSE_DURATION%",
    "referrer": "%REQ(REFERER)%",
    "agent": "%REQ(USER-AGENT)%",
}
# Envoy makes ids and the other forwarded fields by settings of its own; it has no formatter for a trace id without a
# tracer, so traceparent is a constant: the same bytes on the wire.
ADDED_FIELDS = {
    # Its own way puts the machine's address for a client on loopback.
    "x-forwarded-for": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "forwarded": 'for=%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%;host="%REQ(:AUTHORITY)%";proto=http',
    "x-forwarded-host": "%REQ(:AUTHORITY)%",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}


def prepare(site: Site) -> list[str]:
    """Write the bootstrap file as JSON, which Envoy reads as well as YAML."""
    program = find_program("envoy")
    config = site.directory / "envoy.json"
    config.write_text(json.dumps(_describe(site)))
    options = [
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "warn",
        "--file-flush-interval-msec",
        "1000",
    ]
    return [program, "-c", str(config), *options]


def _describe(site: Site) -> dict[str, object]:
    return {
        "static_resources": {
            "listeners": [
                {
                    "name": "http",
                    "address": _address(site.port),
                    "tcp_backlog_size": 4096,
                    "filter_chains": [
                        {
                            "filters": [
                                {"name": "envoy.filters.network.http_connection_manager", "typed_config": _http(site)}
                            ]
                        }
                    ],
                }
            ],
            "clusters": [_cluster(site)],
        },
        # Without this, Envoy warns about a missing limit and takes any number of connections.
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": f"{TYPES}.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                        "max_active_downstream_connections": site.work.connections + 1024,
                    },
                }
            ]
        },
    }


def _http(site: Site) -> dict[str, object]:
    work = site.work
    manager: dict[str, object] = {
        "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "server_header_transformation": "PASS_THROUGH",
        "generate_request_id": work.adds_fields,
        "always_set_request_id_in_response": work.adds_fields,
        "use_remote_address": work.adds_fields,
        "skip_xff_append": True,
        "append_x_forwarded_port": work.adds_fields,
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": f"{TYPES}.filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            }
        ],
        "route_config": _routes(site),
    }
    if work.adds_fields:
        manager["via"] = "1.1 envoy"
    if work.logs:
        manager["access_log"] = [
            {
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": f"{TYPES}.access_loggers.file.v3.FileAccessLog",
                    "path": str(site.access_log),
                    "log_format": {"json_format": LOG_FORMAT},
                },
            }
        ]
    return manager


def _routes(site: Site) -> dict[str, object]:
    work = site.work
    prefixes = ["/"] if work.routes == 1 else [f"{name_route(number)}/" for number in range(work.routes)]
    routes: dict[str, object] = {
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "routes": [{"match": {"prefix": prefix}, "route": {"cluster": "service"}} for prefix in prefixes],
            }
        ]
    }
    if work.adds_fields:
        routes["request_headers_to_add"] = [
            {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for name, value in ADDED_FIELDS.items()
        ]
    else:
        routes["request_headers_to_remove"] = ["x-forwarded-proto"]
    return routes


def _cluster(site: Site) -> dict[str, object]:
    endpoints = [{"endpoint": {"address": _address(port)}} for port in site.upstream_ports]
    thresholds = {"max_connections": site.connections, "max_requests": site.connections, "max_pending_requests": 65536}
    return {
        "name": "service",
        "type": "STATIC",
        "connect_timeout": "3s",
        "lb_policy": "LEAST_REQUEST" if site.work.endpoints > 1 else "ROUND_ROBIN",
        "circuit_breakers": {"thresholds": [thresholds]},
        "load_assignment": {"cluster_name": "service", "endpoints": [{"lb_endpoints": endpoints}]},
    }


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
