"""From the model to the frozen values: what is written arrives, what is not has the default that is documented."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from orion_gateway.assembly import build_application_services, build_routes, build_services
from orion_gateway.balancer import POLICIES
from orion_gateway.config.load import load_table
from orion_gateway.config.resilience import POLICY_NAMES, ServiceRetriesConfig
from orion_gateway.values import (
    ApplicationUse,
    Balancing,
    BudgetRules,
    CircuitRules,
    HealthCheck,
    HedgeRules,
    KeySource,
    OutlierRules,
    Respond,
    RetryRules,
    Service,
    ToApplication,
    ToService,
    UpstreamTimeouts,
)

if TYPE_CHECKING:
    from pathlib import Path

HEAD = 'version: 1\nlisteners: [{name: http, bind: "127.0.0.1:8080"}]\n'


def build(folder: Path, keys: str) -> Service:
    """Return the service that has these keys, each on a line of its own."""
    path = folder / "routes.yaml"
    lines = "".join(f"    {line}\n" for line in keys.splitlines())
    path.write_text(
        f"{HEAD}services:\n  users:\n    endpoints: [{{url: 'http://127.0.0.1:1'}}]\n{lines}"
        "  archive:\n    endpoints: [{url: 'http://127.0.0.1:2'}]\n"
    )
    return build_services(load_table(path, {}))["users"]


def resolve(folder: Path, service: str, defaults: str, route: str) -> RetryRules | None:
    """Return the retries of a route where service, defaults and route say this; empty: nothing is written."""
    path = folder / "routes.yaml"
    path.write_text(
        f"{HEAD}services:\n  users:\n    endpoints: [{{url: 'http://127.0.0.1:1'}}]\n"
        + (f"    retries: {service}\n" if service else "")
        + (f"defaults:\n  retries: {defaults}\n" if defaults else "")
        + "routes:\n  - name: a\n    service: users\n"
        + (f"    retries: {route}\n" if route else "")
    )
    return build_routes(load_table(path, {}))[0].retries


def test_what_is_not_written_is_off(tmp_path: Path) -> None:
    """A service would be checked, cut off or asked twice although nobody asked for that."""
    service = build(tmp_path, "")
    assert service.balancing == Balancing()
    assert (service.health_check, service.outliers, service.circuit) == (None, None, None)
    assert service.budget == BudgetRules()
    assert resolve(tmp_path, "", "", "") is None


def test_what_is_switched_on_without_more_has_the_documented_defaults(tmp_path: Path) -> None:
    """The reference page would promise other rules than those that act."""
    service = build(tmp_path, "health_check: {path: /}\noutlier_detection: {}\ncircuit_breaker: {}\nretries: {}")
    assert service.health_check == HealthCheck("/")
    assert service.outliers == OutlierRules()
    assert service.circuit == CircuitRules(trial_timeout=33.0)
    assert service.budget == BudgetRules()
    assert resolve(tmp_path, "{}", "", "") == RetryRules()


def test_the_defaults_of_retries_are_shown_as_they_act() -> None:
    """An editor would explain other retries than those that are made."""
    shown, rules = ServiceRetriesConfig(), RetryRules()
    assert (shown.max, shown.backoff, shown.buffer) == (rules.max, rules.backoff, rules.buffer)
    assert (shown.retry_after, shown.hedge) == (rules.retry_after, rules.hedge)
    assert frozenset(shown.on) == rules.on
    assert frozenset(method.encode() for method in shown.methods) == rules.methods


@pytest.mark.parametrize(
    ("keys", "balancing"),
    [
        ("load_balancer: ewma", Balancing("ewma")),
        ("load_balancer: {}", Balancing("round_robin")),
        ("load_balancer: {policy: random, sticky: {cookie: lb}}", Balancing("random", sticky_cookie="lb")),
        (
            "load_balancer: {policy: maglev, key: header:X-Id, bounded_load: 1.5}",
            Balancing("maglev", KeySource("header", "x-id"), 1.5),
        ),
        (
            "load_balancer: {policy: consistent_hash, key: cookie:Id, bounded_load: off}",
            Balancing("consistent_hash", KeySource("cookie", "Id")),
        ),
        ("slow_start: 30s\npanic: use_all", Balancing(slow_start=30.0, panic="use_all")),
        ("slow_start: off\npanic: passive", Balancing()),
    ],
)
def test_balancing_arrives_as_it_is_written(tmp_path: Path, keys: str, balancing: Balancing) -> None:
    """Requests would be spread in another way than the table says."""
    assert build(tmp_path, keys).balancing == balancing


def test_checks_and_ejection_arrive_as_they_are_written(tmp_path: Path) -> None:
    """Endpoints would be taken out too early, too late or for too long."""
    service = build(
        tmp_path,
        'health_check: {path: /up, interval: 1s, timeout: 500ms, rise: 3, fall: 4, status: "200,204", '
        "host: A.b, port: 9}\n"
        "outlier_detection: "
        "{consecutive_failures: 2, interval: 1m, ejection: 5s, max_ejection: 10s, max_ejected: 25%}",
    )
    assert service.health_check == HealthCheck("/up", 1.0, 0.5, 3, 4, ((200, 200), (204, 204)), "a.b", 9)
    assert service.outliers == OutlierRules(2, 60.0, 5.0, 10.0, 0.25)
    off = build(tmp_path, "health_check: off\noutlier_detection: off\ncircuit_breaker: off\nretries: off")
    assert (off.health_check, off.outliers, off.circuit) == (None, None, None)


def test_a_circuit_arrives_as_it_is_written(tmp_path: Path) -> None:
    """A service would be cut off for other reasons than the table gives."""
    keys = "{trip: error_rate, threshold: 30%, success_threshold: 3, open_for: 5s, minimum_requests: 20, window: 10s, "
    service = build(tmp_path, f"circuit_breaker: {keys} half_open_requests: 4}}")
    assert service.circuit == CircuitRules("error_rate", 5, 0.3, 20, 10.0, 3, 5.0, 4, 33.0)


@pytest.mark.parametrize(
    ("timeouts", "seconds"),
    [
        ("{}", 33.0),
        ("{connect: 1s, response: 4s}", 5.0),
        ("{total: 10s}", 10.0),
        ("{connect: 1s, response: 4s, total: 10s}", 5.0),
        ("{response: off}", 60.0),
        ("{connect: off}", 60.0),
        ("{response: off, total: 2m}", 120.0),
    ],
)
def test_a_trial_has_as_long_as_its_attempt_may_take(tmp_path: Path, timeouts: str, seconds: float) -> None:
    """A trial that nobody hears of again would keep the circuit half open, or a slow one would count as failed."""
    circuit = build(tmp_path, f"timeouts: {timeouts}\ncircuit_breaker: {{}}").circuit
    assert circuit is not None
    assert circuit.trial_timeout == pytest.approx(seconds)


def test_a_fallback_is_a_response_or_a_service(tmp_path: Path) -> None:
    """Clients would get an error where the table has an answer for them."""
    respond = 'circuit_breaker: {fallback: {respond: {status: 203, headers: {X-A: b}, body: "[]"}}}'
    circuit = build(tmp_path, respond).circuit
    assert circuit is not None
    assert circuit.fallback == Respond(203, (("X-A", "b"),), b"[]")
    circuit = build(tmp_path, "circuit_breaker: {fallback: {service: archive}}").circuit
    assert circuit is not None
    assert circuit.fallback == ToService("archive")


def test_retries_arrive_as_they_are_written(tmp_path: Path) -> None:
    """Requests would be repeated that must not be, or not those that should."""
    keys = (
        "{max: 3, on: [503, connect_failure], methods: [GET, PURGE], backoff: 1s..2s, buffer: 1MiB, retry_after: 5s, "
    )
    assert resolve(tmp_path, keys + "hedge: 50ms, budget: {share: 5%, min: 1}}", "", "") == RetryRules(
        max=3,
        on=frozenset(["503", "connect_failure"]),
        methods=frozenset([b"GET", b"PURGE"]),
        backoff=(1.0, 2.0),
        buffer=1 << 20,
        retry_after=5.0,
        hedge=HedgeRules(0.05),
    )
    assert build(tmp_path, "retries: {budget: {share: 5%, min: 1}}").budget == BudgetRules(0.05, 1.0)


@pytest.mark.parametrize(
    ("service", "defaults", "route", "rules"),
    [
        ("", "", "{max: 2}", RetryRules(max=2)),
        ("", "{max: 2}", "", RetryRules(max=2)),
        ("{max: 2}", "{buffer: 0}", "{hedge: p95}", RetryRules(max=2, buffer=0, hedge=HedgeRules())),
        ("{max: 2}", "{max: 3}", "", RetryRules(max=3)),
        ("{max: 2}", "{max: 3}", "{max: 4}", RetryRules(max=4)),
        ("{hedge: p95}", "", "{hedge: off}", RetryRules()),
        ("{max: 2}", "", "off", None),
        ("{max: 2}", "off", "", None),
        ("{max: 2}", "off", "{buffer: 0}", RetryRules(buffer=0)),
        ("off", "{max: 3}", "", None),
        ("off", "", "", None),
        ("off", "{max: 3}", "{buffer: 0}", RetryRules(max=3, buffer=0)),
        ("off", "off", "{}", RetryRules()),
    ],
)
def test_the_closest_key_counts_and_off_ends_what_is_below(
    tmp_path: Path, service: str, defaults: str, route: str, rules: RetryRules | None
) -> None:
    """A route of payments that says `off` would be repeated because the defaults say so."""
    assert resolve(tmp_path, service, defaults, route) == rules


def test_a_route_without_a_service_repeats_nothing(tmp_path: Path) -> None:
    """An answer of the gateway itself would be repeated."""
    path = tmp_path / "routes.yaml"
    path.write_text(f"{HEAD}defaults: {{retries: {{max: 2}}}}\nroutes: [{{name: a, respond: {{}}}}]\n")
    assert build_routes(load_table(path, {}))[0].retries is None


def test_what_is_shipped_to_a_worker_arrives_whole(tmp_path: Path) -> None:
    """A worker would not start, or with other rules."""
    service = build(tmp_path, "circuit_breaker: {fallback: {service: archive}}\nretries: {}\nhealth_check: {path: /}")
    arrived = pickle.loads(pickle.dumps(service))
    assert (arrived.circuit, arrived.budget, arrived.health_check) == (
        service.circuit,
        service.budget,
        service.health_check,
    )


def test_the_table_knows_every_policy_that_exists() -> None:
    """A policy could not be asked for."""
    assert set(POLICIES) == set(POLICY_NAMES)


def test_an_application_is_a_service_that_routes_share(tmp_path: Path) -> None:
    """Two routes to one application would start it twice, and each worker take the load of the whole gateway."""
    path = tmp_path / "routes.yaml"
    routes = [
        f'  - {{name: r{number}, match: {{path: "/{number}"}}, app: "{use}:make"}}' for number, use in enumerate("aba")
    ]
    path.write_text("\n".join([HEAD + "defaults: {retries: {max: 2}, timeouts: {idle: 1s}}", "routes:", *routes, ""]))
    loaded = load_table(path, {})
    services = build_application_services(loaded, workers=3)
    assert [service.name for service in services] == ["_app:a:make", "_app:b:make"]
    first = services[0]
    (endpoint,) = first.endpoints
    assert (endpoint.url, endpoint.max_in_flight) == ("app:a:make", 342)
    assert (first.connections.max, first.connections.queue, first.circuit, first.outliers) == (342, 342, None, None)
    assert first.application is not None
    assert first.application == ApplicationUse("a:make", str(tmp_path.resolve()), first.application.place)
    assert str(first.application.place) == f"{path}:5"
    assert pickle.loads(pickle.dumps(first)).application == first.application
    built = build_routes(loaded)
    assert [route.action for route in built] == [
        ToApplication("a:make"),
        ToApplication("b:make"),
        ToApplication("a:make"),
    ]
    assert {route.retries for route in built} == {None}
    assert {route.timeouts for route in built} == {UpstreamTimeouts(idle=1.0)}
