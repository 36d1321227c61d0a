"""`/services`, `/circuits` and `/explain`: what people and programs are told about how services stand."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from orion_gateway.admin.access import AdminRules, Token
from orion_gateway.admin.explain import find_key
from orion_gateway.admin.state import WorkerState
from orion_gateway.breaker.news import Verdicts
from orion_gateway.control.messages import CandidateSeen, Explained
from orion_gateway.discovery.news import AttemptTold
from orion_gateway.explanation.answer import Answer, Asked
from orion_gateway.telemetry.metrics import Delta
from orion_gateway.values import (
    Balancing,
    CircuitRules,
    CircuitState,
    CircuitView,
    Endpoint,
    HealthCheck,
    KeySource,
    OutlierRules,
    Service,
)
from tests.admin.conftest import ERROR_KEYS, Admin, Gateway, running

if TYPE_CHECKING:
    from pathlib import Path

READ, CHANGE = "read-read-read-read", "change-change-change"

USERS = Service(
    "users",
    (
        Endpoint("http://10.0.0.1:80", "10.0.0.1", "10.0.0.1", 80),
        Endpoint("http://10.0.0.2:80", "10.0.0.2", "10.0.0.2", 80, weight=2),
        Endpoint("http://10.0.0.3:80", "10.0.0.3", "10.0.0.3", 80, weight=0),
    ),
    Balancing("least_connections", key=KeySource("header", "x-user"), sticky_cookie="stick"),
    health_check=HealthCheck("/health", rise=1, fall=1),
    outliers=OutlierRules(consecutive_failures=2, ejection=60.0),
    circuit=CircuitRules(failure_threshold=2, minimum_requests=2, open_for=60.0),
)
PLAIN = Service("plain", (Endpoint("http://10.0.0.9:80", "10.0.0.9", "10.0.0.9", 80),))


@pytest.fixture(autouse=True)
def users(state: Gateway) -> None:
    """Give the gateway a service that has everything and one that has nothing."""
    state.services = (USERS, PLAIN)


def fail(state: Gateway, times: int = 2) -> None:
    """Let exchanges of the service fail."""
    state.judge.take_news(1, [Verdicts("users", 0, failures=times)], time.monotonic())


def is_about(text: str, seconds_from_now: float) -> bool:
    """Say whether a time that was shown is right within some seconds."""
    return abs((datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds() - seconds_from_now) < 20


# -- services ----------------------------------------------------------------------------------------------------------


async def test_a_service_is_shown_with_all_that_is_known_of_its_endpoints(admin: Admin, state: Gateway) -> None:
    """Whoever asks why an endpoint gets nothing would have to read the logs of every worker."""
    now = time.monotonic()
    for endpoint, ok in ((0, True), (1, True), (2, False)):
        state.judge.take_check("users", endpoint, ok, "status 200" if ok else "connection refused", now)
    state.judge.take_news(1, [AttemptTold("users", 1, succeeded=False)] * 2, now)
    state.judge.take_news(1, [AttemptTold("users", 0, succeeded=False)], now)
    for worker, in_flight in ((1, 3), (2, 4)):
        gauges = {
            ("orion_endpoint_in_flight", ("users", "http://10.0.0.1:80")): float(in_flight),
            ("orion_upstream_retry_budget", ("users",)): 2.5 * worker,
        }
        state.totals.add(worker, Delta(gauges=gauges))
    response, body = await admin.ask("GET", "/services/users")
    assert (response.status, state.collected) == (200, 1)
    first, second, third = body.pop("endpoints")
    assert body.pop("circuit")["state"] == "closed"
    assert body == {
        "name": "users",
        "status": "degraded",
        "load_balancer": "least_connections",
        "panic": False,
        "retry_budget": {"1": 2.5, "2": 5.0},
    }
    assert is_about(first["last_check"].pop("at"), 0)
    assert first == {
        "url": "http://10.0.0.1:80",
        "weight": 1,
        "eligible": True,
        "why_not": None,
        "health": "up",
        "last_check": {"ok": True, "why": "status 200"},
        "suspect": True,
        "ejected_until": None,
        "ejections": 0,
        "back_since": None,
        "in_flight": 7,
    }
    assert (second["eligible"], second["why_not"], second["ejections"]) == (False, "ejected", 1)
    assert is_about(second["ejected_until"], 60)
    assert (third["eligible"], third["why_not"], third["health"]) == (False, "weight 0", "down")


async def test_all_services_are_listed_and_unchecked_ones_claim_no_health(admin: Admin) -> None:
    """An endpoint that nobody checks would be shown as healthy."""
    _, body = await admin.ask("GET", "/services")
    users, plain = body["services"]
    assert (users["name"], users["status"], users["endpoints"][0]["health"]) == ("users", "unhealthy", "unknown")
    assert (plain["name"], plain["circuit"], plain["endpoints"][0]["health"]) == ("plain", None, None)


# -- circuits ----------------------------------------------------------------------------------------------------------


async def test_an_open_circuit_says_since_when_why_and_until_when(admin: Admin, state: Gateway) -> None:
    """Nobody would know why a service is refused, or when it will be tried again."""
    fail(state)
    _, listed = await admin.ask("GET", "/circuits")
    response, body = await admin.ask("GET", "/circuits/users")
    assert (response.status, listed["circuits"]) == (200, [body])
    assert (body["service"], body["state"], body["forced"]) == ("users", "open", False)
    assert is_about(body["since"], 0)
    assert is_about(body["retry_at"], 60)
    assert body["totals"] == {
        "successes": 0,
        "failures": 2,
        "refused": 0,
        "entered": {"closed": 0, "open": 1, "half_open": 0},
    }
    (transition,) = body["transitions"]
    assert is_about(transition.pop("at"), 0)
    assert transition == {"from": "closed", "to": "open", "why": "2 failures in a row among 2 requests"}


@pytest.mark.parametrize("wanted", ["open", "closed", "half_open"])
async def test_a_circuit_can_be_held_in_each_state_and_let_go(wanted: str, admin: Admin, state: Gateway) -> None:
    """A service could not be shut for its repair."""
    response, body = await admin.ask("POST", "/circuits/users", unix=True, body={"state": wanted})
    assert (response.status, body["state"], body["forced"]) == (200, wanted, True)
    assert state.judge.circuits["users"].view.state is CircuitState(wanted)
    _, body = await admin.ask("POST", "/circuits/users", unix=True, body={"state": "auto"})
    assert not body["forced"]


async def test_a_reset_closes_at_once(admin: Admin, state: Gateway) -> None:
    """After a repair people would wait a minute for the first request."""
    fail(state)
    response, body = await admin.ask("POST", "/circuits/users/reset", unix=True)
    assert (response.status, body["state"], body["failures_in_a_row"]) == (200, "closed", 0)


async def test_a_half_open_circuit_counts_its_trials(admin: Admin, state: Gateway) -> None:
    """Nobody would see whether it is being tried."""
    await admin.ask("POST", "/circuits/users", unix=True, body={"state": "open"})
    _, body = await admin.ask("POST", "/circuits/users", unix=True, body={"state": "auto"})
    assert body["state"] == "half_open"
    assert body["trials"] == {"out": 0, "at_once": 1, "succeeded": 0, "needed": 2}
    assert state.judge.take_events()


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "/services/nobody", None, 404, "no service 'nobody'"),
        ("GET", "/circuits/nobody", None, 404, "no service 'nobody'"),
        ("GET", "/circuits/plain", None, 404, "no circuit breaker"),
        ("POST", "/circuits/plain", {"state": "open"}, 404, "no circuit breaker"),
        ("POST", "/circuits/nobody/reset", None, 404, "no service"),
        ("POST", "/circuits/users", {"state": "ajar"}, 422, "closed, open, half_open, auto"),
        ("POST", "/circuits/users", {"state": None}, 422, "closed, open, half_open, auto"),
        ("POST", "/circuits/users", {}, 422, "`state`"),
        ("POST", "/circuits/users", {"stat": "open"}, 422, "'stat' is not known"),
        ("POST", "/circuits/users", ["open"], 422, "JSON object"),
        ("POST", "/circuits/users", b"open", 400, "not JSON"),
        ("POST", "/circuits/users", b"", 400, "not JSON"),
        ("DELETE", "/circuits/users", None, 405, "GET, HEAD, POST"),
        ("POST", "/services/users", None, 405, "GET, HEAD"),
        ("GET", "/explain", None, 405, "POST"),
        ("POST", "/explain", {"url": "/"}, 422, "`method`"),
        ("POST", "/explain", {"method": "GET"}, 422, "`url`"),
        ("POST", "/explain", {"method": "GET", "url": ""}, 422, "`url`"),
        ("POST", "/explain", {"method": "GET", "url": 7}, 422, "`url`"),
        ("POST", "/explain", {"method": "GET", "url": "users"}, 422, "neither a path"),
        ("POST", "/explain", {"method": "GET", "url": "/", "listener": "x"}, 422, "no listener 'x'"),
        ("POST", "/explain", {"method": "GET", "url": "/", "listener": 7}, 422, "`listener`"),
        ("POST", "/explain", {"method": "GET", "url": "/", "client": 7}, 422, "`client`"),
        ("POST", "/explain", {"method": "GET", "url": "/", "headers": ["a"]}, 422, "`headers`"),
        ("POST", "/explain", {"method": "GET", "url": "/", "headers": {"a": [7]}}, 422, "'a'"),
        ("POST", "/explain", {"method": "GET", "url": "/", "header": {}}, 422, "'header' is not known"),
    ],
)
async def test_what_cannot_be_done_says_why(
    method: str, path: str, body: object, status: int, words: str, admin: Admin
) -> None:
    """People would guess at names and states."""
    response, error = await admin.ask(method, path, unix=True, body=body)
    assert (response.status, set(error)) == (status, ERROR_KEYS)
    assert words in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "needs"),
    [
        ("GET", "/services", READ),
        ("GET", "/services/users", READ),
        ("GET", "/circuits", READ),
        ("GET", "/circuits/users", READ),
        ("POST", "/explain", READ),
        ("POST", "/circuits/users", CHANGE),
        ("POST", "/circuits/users/reset", CHANGE),
    ],
)
async def test_reading_and_changing_need_their_permission(
    method: str, path: str, needs: str, state: Gateway, tmp_path: Path
) -> None:
    """Whoever may look could shut a service, or whoever is on call not look."""
    tokens = (Token(READ.encode(), frozenset(["read"])), Token(CHANGE.encode(), frozenset(["change"])))
    bodies = {"/explain": {"method": "GET", "url": "/"}, "/circuits/users": {"state": "closed"}}
    body = bodies.get(path) if method == "POST" else None
    async with running(state, AdminRules(tokens=tokens), tmp_path) as admin:
        for token in (READ, CHANGE):
            headers = {"Authorization": f"Bearer {token}"}
            response, _ = await admin.ask(method, path, headers=headers, body=body)
            assert response.status == (200 if token == needs else 403)
        response, _ = await admin.ask(method, path, body=body)
        assert response.status == 401


# -- explain -----------------------------------------------------------------------------------------------------------

ANSWER = Answer(0, "service users", "users", "routes.yaml:7", "users")


def explained(number: int) -> Explained:
    """Return what a worker answers."""
    return Explained(
        number=1,
        candidates=(CandidateSeen("http://10.0.0.1:80", False, "ejected", None, 2, 1, 0.0),),
        is_panic=False,
        bound_to="http://10.0.0.2:80",
        home="http://10.0.0.1:80",
        circuit=CircuitView(),
        budget=1.2345 * number,
        queued=3,
    )


async def test_an_explanation_shows_every_worker_as_it_is(admin: Admin, state: Gateway) -> None:
    """Nobody could see why a request went where it went, or that one worker hangs."""
    state.answer = ANSWER
    state.worker_states = [WorkerState(number, 1, 1, is_ready=True) for number in (1, 2, 3)]
    state.explained = {1: explained(1), 2: explained(2)}
    response, body = await admin.ask(
        "POST",
        "/explain",
        body={
            "method": "GET",
            "url": "http://api.example/users?a=1",
            "headers": {"X-User": ["ada", "bob"], "Cookie": "a=b; stick=0123"},
            "client": "192.0.2.1",
        },
    )
    assert response.status == 200
    assert state.asked == [
        Asked(
            b"GET",
            b"api.example",
            b"/users",
            b"a=1",
            ((b"x-user", b"ada"), (b"x-user", b"bob"), (b"cookie", b"a=b; stick=0123")),
            "http",
        )
    ]
    assert state.questions == [("users", b"ada,bob", b"0123")]
    assert (body["status"], body["route"]) == (None, {"name": "users", "place": "routes.yaml:7"})
    live = body["live"]
    assert live.pop("circuit")["state"] == "closed"
    first, second = live.pop("workers")
    assert live == {
        "service": "users",
        "load_balancer": "least_connections",
        "key": {"source": "header:x-user", "value": "ada,bob"},
        "panic": False,
        "silent": [3],
    }
    assert first == {
        "number": 1,
        "panic": False,
        "bound_to": "http://10.0.0.2:80",
        "home": "http://10.0.0.1:80",
        "budget": 1.23,
        "queued": 3,
        "circuit": "closed",
        "candidates": [
            {
                "url": "http://10.0.0.1:80",
                "is_eligible": False,
                "why": "ejected",
                "score": None,
                "in_flight": 2,
                "weight": 1,
                "share": 0.0,
            }
        ],
    }
    assert second["budget"] == 2.47


async def test_what_goes_to_no_service_asks_no_worker(admin: Admin, state: Gateway) -> None:
    """A request that the gateway answers itself would look as if it had endpoints."""
    response, body = await admin.ask("POST", "/explain", body={"method": "GET", "url": "/nothing"})
    assert (response.status, body["status"], body["live"], state.questions) == (200, 404, None, [])


@pytest.mark.parametrize(
    ("source", "key"),
    [
        (None, b""),
        (KeySource("ip"), b"192.0.2.1"),
        (KeySource("path"), b"/users"),
        (KeySource("header", "x-user"), b"ada"),
        (KeySource("header", "x-other"), b""),
        (KeySource("cookie", "session"), b"7"),
        (KeySource("cookie", "other"), b""),
    ],
)
def test_the_key_is_what_the_policy_would_hash(source: KeySource | None, key: bytes) -> None:
    """The explanation would be about another endpoint than the request's."""
    fields = ((b"x-user", b"ada"), (b"cookie", b"a=b; session=7"))
    asked = Asked(b"GET", b"", b"/users", b"", fields, "http")
    assert find_key(source, asked, "192.0.2.1") == key


async def test_a_service_without_a_key_says_so(admin: Admin, state: Gateway) -> None:
    """A key would be shown that nobody looks at."""
    state.answer = replace(ANSWER, service="plain")
    _, body = await admin.ask("POST", "/explain", body={"method": "GET", "url": "/"})
    assert (body["live"]["key"], body["live"]["circuit"], body["live"]["workers"]) == (None, None, [])
