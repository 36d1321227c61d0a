"""The composition root: what the supervisor and its workers are given. How it starts is seen in `cli/test_run`."""

from __future__ import annotations

import pickle
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

from orion_gateway.app import build_plan
from orion_gateway.config.load import load_table
from orion_gateway.control.messages import Drain, ListenerPlace, Snapshot
from orion_gateway.control.supervisor import DrainSettings
from orion_gateway.proxy.deadline import ClientTimeouts
from orion_gateway.proxy.plane import ADMIN_SERVICE
from orion_gateway.telemetry.access_log import AccessLogSettings
from orion_gateway.values import UpstreamTimeouts

FULL = """\
version: 1
gateway:
  environment: development
  workers: 3
  admin: {bind: "127.0.0.1:0", tokens: [{token: "0123456789abcdef", may: [read]}]}
  trusted_proxies: ["10.0.0.0/8"]
  forwarded: {via: false, forwarded: true}
  underscore_fields: reject
  client_eof: answer
  limits: {request_line: 1KiB, header_section: 2KiB, header_fields: 5, connections: 100, per_client: 10, body: 1MiB}
  timeouts: {request_header: 1s, keep_alive: 2s, request_body_idle: 3s, request_body_min_rate: off, write_idle: 5s}
  drain: {delay: 1s, timeout: 2s, spread: 3s}
  access_log: {path: "off", format: clf, sample: {default: 100%, 2xx: 50%}, min_duration: 1s}
listeners:
  - {name: http, bind: "127.0.0.1:0"}
defaults:
  timeouts: {response: 7s}
services:
  users:
    endpoints: [{url: "http://127.0.0.1:3002/base", weight: 2}, {url: "http://127.0.0.1:3003"}]
    load_balancer: least_connections
    connections: {max: 10, queue: 100, max_idle: 4}
    timeouts: {connect: 1s}
routes:
  - {name: users, match: {path: "/users/**"}, service: users, timeouts: {idle: 9s}, limits: {body: off}}
  - {name: health, match: {path: "/health/**"}, admin: health}
"""


def snapshot(tmp_path: Path, workers: int = 3) -> Snapshot:
    """Return what the workers are sent."""
    path = tmp_path / "routes.yaml"
    path.write_text(FULL)
    plan = build_plan(load_table(path, {}), Path("/run/test"), workers, descriptors=1000)
    assert (plan.workers, plan.drain) == (workers, DrainSettings(1.0, 2.0, 3.0))
    return plan.make_snapshot((ListenerPlace("http", 5, 8080),))


def test_every_key_of_the_gateway_arrives_in_the_snapshot(tmp_path: Path) -> None:
    """A setting would be accepted and do nothing."""
    made = snapshot(tmp_path)
    assert (made.generation, made.workers, made.descriptors) == (1, 3, 1000)
    assert made.listeners == (ListenerPlace("http", 5, 8080),)
    assert (made.max_connections, made.max_per_client) == (100, 4)
    assert made.orphan_drain == Drain(2.0, 3.0)
    assert made.access_log == AccessLogSettings("off", "clf", (("default", 1.0), ("2xx", 0.5)), 1.0)
    settings = made.settings
    assert settings.client_timeouts == ClientTimeouts(1.0, 2.0, 3.0, None, 5.0)
    limits = settings.head_limits
    assert (limits.request_line, limits.section, limits.fields, limits.underscores) == (1024, 2048, 5, "reject")
    rules = settings.forwarded
    assert (rules.via, rules.forwarded, rules.x_forwarded, rules.request_id) == (False, True, True, True)
    assert rules.trusted == (ip_network("10.0.0.0/8"),)
    assert (settings.client_eof, settings.is_development) == ("answer", True)


def test_services_get_the_share_of_one_worker(tmp_path: Path) -> None:
    """With three workers an endpoint would get three times the load it was said to take."""
    users, admin = snapshot(tmp_path).services
    assert (users.name, users.balancing.policy) == ("users", "least_connections")
    assert (users.connections.max, users.connections.queue, users.connections.max_idle) == (4, 34, 4)
    first, second = users.endpoints
    assert (first.host, first.port, first.base_path, first.weight, first.max_in_flight) == (
        "127.0.0.1",
        3002,
        "/base",
        2,
        4,
    )
    assert second.weight == 1
    assert admin.name == ADMIN_SERVICE
    assert admin.endpoints[0].path == "/run/test/health.sock"


def test_the_closest_setting_counts_for_a_route(tmp_path: Path) -> None:
    """A route's own timeouts and limits would be lost, or those of its service."""
    users, health = snapshot(tmp_path).table.routes
    assert users.timeouts == UpstreamTimeouts(connect=1.0, response=7.0, idle=9.0, total=None)
    assert (users.body_limit, health.body_limit) == (None, 1024 * 1024)


def test_a_snapshot_survives_the_way_to_a_worker(tmp_path: Path) -> None:
    """No worker could serve."""
    made = snapshot(tmp_path)
    arrived = pickle.loads(pickle.dumps(made))
    assert arrived.settings == made.settings
    assert arrived.table.routes == made.table.routes
    assert [service.name for service in arrived.services] == ["users", ADMIN_SERVICE]


def test_each_gateway_has_a_name_of_its_own_in_via(tmp_path: Path) -> None:
    """A request through two gateways would be taken for a loop."""
    assert snapshot(tmp_path).settings.forwarded.pseudonym != snapshot(tmp_path).settings.forwarded.pseudonym


def test_a_worker_imports_only_what_it_needs() -> None:
    """Every worker would have the web server and the configuration model in its memory: 25 MB that it never uses."""
    program = "import sys, orion_gateway.app, orion_gateway.proxy.plane as _; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = {"aiohttp", "pydantic", "prometheus_client", "yaml", "pybreaker", "brotli", "yarl"}
    assert {name.partition(".")[0] for name in ran.stdout.split()} & heavy == set()
