"""What looks after the services: checks over real sockets, alarms, and what workers, metrics and people are told."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from orion_gateway.breaker.news import TrialAsked, Verdicts
from orion_gateway.control.care import Care
from orion_gateway.control.messages import CircuitChanged, Message, StandingsChanged
from orion_gateway.discovery.news import AttemptTold
from orion_gateway.telemetry.exposition import render
from orion_gateway.telemetry.totals import Totals
from orion_gateway.values import (
    CircuitRules,
    CircuitState,
    Endpoint,
    Health,
    HealthCheck,
    OutlierRules,
    Service,
)
from tests.harness.wire import refusing_port, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OUTLIERS = OutlierRules(consecutive_failures=1, ejection=0.05, max_ejected=1.0)
CIRCUIT = CircuitRules(failure_threshold=1, minimum_requests=1, open_for=0.05)


def service(
    *ports: int,
    check: HealthCheck | None = None,
    outliers: OutlierRules | None = None,
    circuit: CircuitRules | None = None,
) -> Service:
    """Return a service with endpoints on these ports of this machine."""
    made = (Endpoint(f"http://127.0.0.1:{port}", f"127.0.0.1:{port}", "127.0.0.1", port) for port in ports)
    return Service("users", tuple(made), health_check=check, outliers=outliers, circuit=circuit)


class Cared:
    """Care for one service, and what it sent to the workers."""

    def __init__(self, made: Service) -> None:
        self.sent: list[Message] = []
        self.totals = Totals()
        self.care = Care([made], self.sent.append, self.totals, Random(1))

    def told(self, *news: Verdicts | AttemptTold | TrialAsked) -> list[int]:
        """Be told what a worker has to say; return the permits it is answered."""
        answers = self.care.take_news(1, news)
        self.care.pass_on()
        return [answer.permit for answer in answers]

    def gauge(self, name: str) -> dict[tuple[str, ...], float]:
        """Return the samples of a gauge."""
        return self.totals.gauges()[name]

    def last(self, kind: type[StandingsChanged] | type[CircuitChanged]) -> Any:
        """Return the last message of a kind."""
        return [message for message in self.sent if isinstance(message, kind)][-1]


@asynccontextmanager
async def caring(made: Service) -> AsyncIterator[Cared]:
    """Care while the block runs."""
    cared = Cared(made)
    run = asyncio.get_running_loop().create_task(cared.care.run())
    try:
        yield cared
    finally:
        run.cancel()
        await asyncio.wait([run])


def events(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what was logged: the event and its reason."""
    return [line.strip() for line in capsys.readouterr().out.splitlines()]


async def test_active_checks_decide_and_the_workers_hear_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Requests would go to an endpoint that does not even take connections."""
    server = await asyncio.start_server(answer_200, "127.0.0.1", 0)
    live, dead = server.sockets[0].getsockname()[1], refusing_port()
    async with caring(service(live, dead, check=HealthCheck("/health"))) as cared:
        await until(lambda: not cared.care.judge.find_unchecked(time.monotonic()) and bool(cared.sent))
        await until(lambda: [s.health for s in cared.last(StandingsChanged).standings] == [Health.UP, Health.DOWN])
        assert cared.gauge("orion_endpoint_up") == {
            ("users", f"http://127.0.0.1:{live}"): 1,
            ("users", f"http://127.0.0.1:{dead}"): 0,
        }
    server.close()
    (line,) = [line for line in events(capsys) if "endpoint" in line]
    assert "endpoint down" in line
    assert f"127.0.0.1:{dead}" in line
    assert "refused" in line


async def answer_200(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request well."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def test_an_ejection_ends_by_itself_and_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Without its alarm the control process would never let the endpoint in again."""
    async with caring(service(1, 2, 3, outliers=OUTLIERS)) as cared:
        cared.told(AttemptTold("users", 0, succeeded=False))
        assert cared.last(StandingsChanged).standings[0].is_ejected
        assert cared.gauge("orion_endpoint_up")["users", "http://127.0.0.1:1"] == 0
        await until(lambda: not cared.last(StandingsChanged).standings[0].is_ejected)
        assert cared.gauge("orion_endpoint_up")["users", "http://127.0.0.1:1"] == 1
        assert cared.totals.counters["orion_endpoint_ejections_total"] == {
            ("users", "http://127.0.0.1:1"): 1,
            ("users", "http://127.0.0.1:2"): 0,
            ("users", "http://127.0.0.1:3"): 0,
        }
    said = events(capsys)
    assert [next(word for word in ("ejected", "back") if f"endpoint {word}" in line) for line in said] == [
        "ejected",
        "back",
    ]
    assert "1 failures in a row; out for 0.05 s" in said[0]


async def test_panic_shows(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody would know why ejected endpoints get requests."""
    async with caring(service(1, 2, 3, outliers=OUTLIERS)) as cared:
        assert cared.gauge("orion_service_panic") == {("users",): 0}
        cared.told(*(AttemptTold("users", endpoint, succeeded=False) for endpoint in (0, 1)))
        assert cared.gauge("orion_service_panic") == {("users",): 1}
        await until(lambda: cared.gauge("orion_service_panic") == {("users",): 0})
    said = "\n".join(events(capsys))
    assert "panic: fewer than half of the endpoints are well" in said
    assert "panic is over" in said


async def test_a_circuit_opens_half_opens_in_time_and_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Without its alarm the service would stay refused for ever."""
    async with caring(service(1, circuit=CIRCUIT)) as cared:
        assert cared.gauge("orion_circuit_state") == {
            ("users", "closed"): 1,
            ("users", "open"): 0,
            ("users", "half_open"): 0,
        }
        cared.told(Verdicts("users", 0, successes=1, failures=1, refused=4))
        assert cared.last(CircuitChanged).view.state is CircuitState.OPEN
        await until(lambda: cared.last(CircuitChanged).view.state is CircuitState.HALF_OPEN)
        assert cared.told(TrialAsked("users", 2)) == [1]
        cared.care.lose_worker(1)
        assert cared.last(CircuitChanged).view.has_permits, "the permit of the lost worker is free"
        assert cared.gauge("orion_circuit_state")["users", "half_open"] == 1
        assert cared.totals.counters["orion_circuit_transitions_total"] == {
            ("users", "closed"): 0,
            ("users", "open"): 1,
            ("users", "half_open"): 1,
        }
        assert cared.totals.counters["orion_circuit_refused_total"] == {("users",): 4}
    said = events(capsys)
    assert ["circuit open" in line or "circuit half_open" in line for line in said] == [True, True]
    assert "1 failures in a row among 2 requests" in said[0]


async def test_people_force_and_reset(capsys: pytest.CaptureFixture[str]) -> None:
    """What the admin API was told would never reach the workers."""
    async with caring(service(1, circuit=CIRCUIT)) as cared:
        cared.care.force_circuit("users", CircuitState.OPEN)
        assert (cared.last(CircuitChanged).view.state, cared.last(CircuitChanged).view.is_forced) == (
            CircuitState.OPEN,
            True,
        )
        cared.care.reset_circuit("users")
        assert cared.last(CircuitChanged).view.state is CircuitState.CLOSED
        assert cared.care.everything() == [cared.last(CircuitChanged)]
    assert len(events(capsys)) == 2


async def test_every_metric_can_be_scraped() -> None:
    """A metric without a description would be counted and never shown."""
    cared = Cared(service(1, outliers=OUTLIERS, circuit=CIRCUIT))
    text = render(cared.totals).decode()
    for name in (
        "orion_endpoint_up",
        "orion_endpoint_weight",
        "orion_endpoint_ejections_total",
        "orion_service_panic",
        "orion_circuit_state",
        "orion_circuit_transitions_total",
        "orion_circuit_refused_total",
    ):
        assert f"\n{name}{{" in text, name


async def test_verdicts_of_many_checks_are_told_together() -> None:
    """At the start ten thousand endpoints would make ten thousand messages of ten thousand standings each."""
    server = await asyncio.start_server(answer_200, "127.0.0.1", 0)
    live = server.sockets[0].getsockname()[1]
    async with caring(service(*[live] * 50, check=HealthCheck("/health"))) as cared:
        await until(
            lambda: bool(cared.sent) and all(s.health is Health.UP for s in cared.last(StandingsChanged).standings)
        )
        assert len(cared.sent) < 25
    server.close()
