"""What probes are told."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from orion_gateway.admin.app import build_health
from orion_gateway.admin.state import WorkerState
from orion_gateway.breaker.news import Verdicts
from orion_gateway.discovery.news import AttemptTold
from orion_gateway.values import CircuitRules, Endpoint, HealthCheck, OutlierRules, Service
from tests.admin.conftest import Gateway
from tests.harness.wire import Endpoint as Listening
from tests.harness.wire import refusing_port

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client(state: Gateway) -> AsyncIterator[Client]:
    """A client of the health resources."""
    async with TestClient(TestServer(build_health(state))) as client:
        yield client


@contextmanager
def few_descriptors(more: int) -> Iterator[None]:
    """Let this process open only so many more descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + more, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def endpoint(port: int) -> Endpoint:
    """Return an endpoint on this machine."""
    return Endpoint(f"http://127.0.0.1:{port}", f"127.0.0.1:{port}", host="127.0.0.1", port=port)


async def test_alive_is_alive_whatever_else(client: Client, state: Gateway) -> None:
    """An orchestrator would kill a gateway that only drains or waits for a worker."""
    state.is_draining = True
    state.worker_states = [WorkerState(1, 0, 0, is_ready=False)]
    response = await client.get("/health/live")
    assert (response.status, await response.json()) == (200, {"status": "alive"})


@pytest.mark.parametrize(
    ("draining", "ready", "reasons"),
    [
        (False, [True, True], []),
        (True, [True, True], ["draining"]),
        (False, [True, False], ["worker 2 is not serving"]),
        (True, [False, False], ["draining", "worker 1 is not serving", "worker 2 is not serving"]),
    ],
)
async def test_ready_needs_every_worker_and_no_drain(
    draining: bool, ready: list[bool], reasons: list[str], client: Client, state: Gateway
) -> None:
    """Traffic would be sent to a gateway that is starting, stopping or hanging, or kept from one that is fine."""
    state.is_draining = draining
    state.worker_states = [WorkerState(number, 1, 1, is_ready=is_ready) for number, is_ready in enumerate(ready, 1)]
    response = await client.get("/health/ready")
    if reasons:
        assert (response.status, await response.json()) == (503, {"status": "not ready", "reasons": reasons})
    else:
        assert (response.status, await response.json()) == (200, {"status": "ready"})
    full = await client.get("/health")
    assert full.status == response.status
    assert (await full.json())["reasons"] == reasons


async def test_health_names_the_services_that_cannot_be_reached(
    client: Client, state: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would see at a glance which backend is down; addresses must not show, since it may be public."""
    monkeypatch.chdir(tmp_path)
    live, dead = Listening(), refusing_port()
    server = await asyncio.start_unix_server(lambda _reader, writer: writer.close(), "s.sock")
    unix = Endpoint("unix:s.sock", "localhost", path="s.sock")
    state.services = [
        Service("fine", (endpoint(live.port), unix)),
        Service("half", (endpoint(live.port), endpoint(dead))),
        Service("down", (endpoint(dead),)),
    ]
    response = await client.get("/health")
    text = await response.text()
    assert response.status == 200
    assert await response.json() == {
        "status": "degraded",
        "reasons": [],
        "services": {
            "fine": {"status": "healthy", "endpoints": 2, "available": 2},
            "half": {"status": "degraded", "endpoints": 2, "available": 1},
            "down": {"status": "unhealthy", "endpoints": 1, "available": 0},
        },
    }
    assert str(dead) not in text
    live.close()
    server.close()


async def test_asking_often_connects_seldom(client: Client, state: Gateway) -> None:
    """Whoever asks /health in a loop would make the gateway flood its backends."""
    live = Listening()
    state.services = [Service("fine", (endpoint(live.port),))]
    responses = await asyncio.gather(*(client.get("/health") for _ in range(10)))
    assert [(await response.json())["status"] for response in responses] == ["healthy"] * 10
    assert live.has_visitor()
    assert not live.has_visitor()
    state.is_draining = True
    assert (await client.get("/health")).status == 503, "what is cheap to know is never old"
    live.close()


async def test_a_thousand_endpoints_do_not_use_up_the_descriptors(client: Client, state: Gateway) -> None:
    """The health of a large table would look bad because of its own check."""
    live = Listening()
    state.services = [Service("large", (endpoint(live.port),) * 1000)]
    with few_descriptors(150):
        response = await client.get("/health")
        assert (await response.json())["services"]["large"]["available"] == 1000
    live.close()


def checked(name: str, *weights: int) -> Service:
    """Return a service with active checks, and everything else."""
    endpoints = tuple(
        Endpoint(f"http://h:{port}", "h", "h", port, weight=weight) for port, weight in enumerate(weights)
    )
    return Service(
        name,
        endpoints,
        health_check=HealthCheck("/health", rise=1, fall=1, timeout=60.0),
        outliers=OutlierRules(consecutive_failures=1),
        circuit=CircuitRules(failure_threshold=1, minimum_requests=1),
    )


async def test_a_gateway_is_ready_once_it_knows_its_checked_services(client: Client, state: Gateway) -> None:
    """After a restart clients would be sent to endpoints that are down."""
    state.services = [checked("users", 1, 1), Service("plain", ())]
    response = await client.get("/health/ready")
    assert (response.status, (await response.json())["reasons"]) == (503, ["service users is not checked yet"])
    state.judge.take_check("users", 0, True, "status 200", time.monotonic())
    assert (await client.get("/health/ready")).status == 200


async def test_health_says_what_is_known_without_asking_the_endpoints_again(client: Client, state: Gateway) -> None:
    """An endpoint that takes connections and answers with errors would be called healthy."""
    now = time.monotonic()
    state.services = [checked(name, 1, 1, 0) for name in ("fine", "ejected", "down", "half", "open")]
    for service in state.services:
        for endpoint in (0, 1):
            ok = service.name != "down" and (service.name, endpoint) != ("half", 1)
            state.judge.take_check(service.name, endpoint, ok, "", now)
    state.judge.take_news(1, [AttemptTold("ejected", 0, succeeded=False), Verdicts("open", 0, failures=1)], now)
    body = await (await client.get("/health")).json()
    assert (body["status"], body["reasons"]) == ("degraded", [])
    assert body["services"] == {
        "fine": {"status": "healthy", "endpoints": 2, "available": 2, "circuit": "closed"},
        "ejected": {"status": "degraded", "endpoints": 2, "available": 1, "circuit": "closed"},
        "down": {"status": "unhealthy", "endpoints": 2, "available": 0, "circuit": "closed"},
        "half": {"status": "degraded", "endpoints": 2, "available": 1, "circuit": "closed"},
        "open": {"status": "degraded", "endpoints": 2, "available": 2, "circuit": "open"},
    }
