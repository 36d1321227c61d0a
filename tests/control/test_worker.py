"""One worker: its limits, its reports, and how it leaves."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from orion_gateway.app import build_plane
from orion_gateway.breaker.news import TrialAsked, TrialEnded, Verdicts
from orion_gateway.control.messages import (
    CircuitChanged,
    Drain,
    Explain,
    Explained,
    FilterReports,
    News,
    Report,
    Serving,
    Snapshot,
    StandingsChanged,
    TrialAnswer,
)
from orion_gateway.discovery.news import AttemptTold
from orion_gateway.filters import FILTERS
from orion_gateway.filters.filter import Filter
from orion_gateway.filters.mirror import MirrorRules
from orion_gateway.proxy.plane import DataPlane
from orion_gateway.proxy.upstream import ServicePool
from orion_gateway.routing.table import RouteTable
from orion_gateway.telemetry.access_log import AccessLog, AccessLogSettings
from orion_gateway.telemetry.metrics import ServiceMetrics
from orion_gateway.values import (
    CircuitRules,
    CircuitState,
    CircuitView,
    FilterUse,
    Health,
    OutlierRules,
    Service,
    Standing,
    ToService,
    Verdict,
)
from orion_gateway.values import Endpoint as ValuesEndpoint
from tests.control.at_work import HELLO, SLOW, eventually, make_snapshot, working
from tests.harness.gateway import make_route
from tests.harness.wire import Endpoint, Wire, refusing_port, settle, until

if TYPE_CHECKING:
    from orion_gateway.control.worker import Tell

HOST = b"HTTP/1.1 200"


# -- serving and limits ------------------------------------------------------------------------------------------------


async def test_it_serves_what_its_snapshot_says(tmp_path: Path) -> None:
    """Nothing would be answered."""
    async with working(tmp_path) as worker:
        assert worker.said == [Serving(1)]
        wire = await worker.connect()
        assert (await worker.get(wire)).endswith(b"hello")
        wire.close()


async def test_the_connection_limit_is_exact_and_who_waits_is_served_later(tmp_path: Path) -> None:
    """Connections over the limit would take the descriptors of exchanges, or be refused instead of waiting a moment."""
    async with working(tmp_path, limits="{connections: 3}") as worker:
        wires = [await worker.connect() for _ in range(5)]
        for wire in wires:
            await wire.send(HELLO)
        for wire in wires[:3]:
            assert (await worker.answer(wire)).startswith(HOST)
        await settle()
        assert sum((await worker.gauges())["orion_connections"].values()) == 3
        wires[0].close()
        assert (await worker.answer(wires[3])).startswith(HOST)
        await settle()
        assert wires[4].peek() == b""
        wires[1].close()
        assert (await worker.answer(wires[4])).startswith(HOST)
        for wire in wires[2:]:
            wire.close()


async def test_one_client_may_have_so_many_connections_and_has_them_back_later(tmp_path: Path) -> None:
    """One client could take all connections, or be shut out for ever after it used its share once."""
    async with working(tmp_path, limits="{per_client: 2}") as worker:
        for _ in range(3):
            first, second = await worker.connect(), await worker.connect()
            assert (await worker.get(first)).startswith(HOST)
            assert (await worker.get(second)).startswith(HOST)
            third = await worker.connect()
            assert await third.ends() in ("closed", "reset")
            third.close()
            first.close()
            second.close()
            await worker.until_connections(0)


async def test_a_worker_without_a_share_leaves_clients_to_the_others(tmp_path: Path) -> None:
    """With fewer connections than workers the limit would be exceeded."""
    async with working(tmp_path, limits="{connections: 1}", workers=2) as worker:
        assert worker.worker.take("192.0.2.1")
        wire = await worker.connect()
        await wire.send(HELLO)
        await settle()
        assert wire.peek() == b""
        worker.worker.give_back("192.0.2.1")
        assert (await worker.answer(wire)).startswith(HOST)
        wire.close()


# -- reports -----------------------------------------------------------------------------------------------------------


async def test_gauges_tell_busy_connections_from_idle_ones_by_listener(tmp_path: Path) -> None:
    """Nobody would see whether clients wait, or on which listener."""
    endpoint = Endpoint()
    async with working(tmp_path, endpoint=endpoint.port) as worker:
        idle, busy = await worker.connect(), await worker.connect()
        assert (await worker.get(idle)).startswith(HOST)
        await busy.send(SLOW)
        upstream = await endpoint.accept()
        await upstream.read_head()
        gauges = await worker.gauges()
        assert gauges["orion_connections"] == {("http", "active"): 1, ("http", "idle"): 1}
        assert gauges["orion_http_requests_in_flight"] == {("http",): 1}
        assert gauges["orion_upstream_pool_connections"]["slow", "busy"] == 1
        assert set(gauges["orion_event_loop_lag_seconds"]) == {("1",)}
        await upstream.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert (await busy.read_head()).startswith(b"HTTP/1.1 204")
        gauges = await worker.gauges()
        assert gauges["orion_connections"] == {("http", "active"): 0, ("http", "idle"): 2}
        idle.close()
        busy.close()
    endpoint.close()


async def test_a_report_repeats_nothing(tmp_path: Path) -> None:
    """A table with thousands of services would cost time every second in every worker, with nothing going on."""
    async with working(tmp_path) as worker:
        wire = await worker.connect()
        await worker.get(wire)
        await worker.gauges()
        worker.said.clear()
        await worker.gauges()
        (report,) = [message for message in worker.said if isinstance(message, Report)]
        assert report.delta.counters == {}
        assert report.delta.histograms == {}
        assert {name for name, _ in report.delta.gauges} <= {"orion_event_loop_lag_seconds"}
        wire.close()


async def test_it_reports_every_second_by_itself(tmp_path: Path) -> None:
    """It would be taken for hanging."""
    async with working(tmp_path) as worker:
        await eventually(lambda: any(isinstance(message, Report) and message.answers == 0 for message in worker.said))


async def test_lost_log_lines_are_reported(tmp_path: Path) -> None:
    """Nobody would know that the log has holes."""
    log = tmp_path / "log"
    os.mkfifo(log)
    reading = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    async with working(tmp_path, access_log=AccessLogSettings(str(log))) as worker:
        os.close(reading)
        wire = await worker.connect()
        await worker.get(wire)
        await eventually(lambda: "orion_access_log_dropped_total" in worker.totals.counters)
        assert worker.totals.counters["orion_access_log_dropped_total"] == {("1",): 1}
        wire.close()


class FailingOnce(ServicePool):
    """A pool without connections whose sweep goes wrong the first time."""

    has_failed = False

    def sweep(self, now: float) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise ZeroDivisionError("as asked")
        super().sweep(now)


async def test_a_failing_sweep_is_not_the_last_one(tmp_path: Path) -> None:
    """After one odd failure no timeout would ever pass again, and the supervisor take the worker for dead."""

    def build(snapshot: Snapshot, log: AccessLog, rng: Random, tell: Tell) -> DataPlane:
        plane = build_plane(snapshot, log, rng, tell)
        pool = plane.pools["slow"]
        plane.pools["slow"] = FailingOnce(
            pool.service, pool.chooser, pool.budget, plane.head_limits, ServiceMetrics(), rng
        )
        return plane

    failures: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(str(context["exception"])))
    async with working(tmp_path, build=build) as worker:
        await eventually(lambda: any(isinstance(message, Report) for message in worker.said))
        assert failures
        assert set(failures) == {"as asked"}


async def test_a_connection_that_cannot_be_judged_is_cut_and_the_others_are_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One odd connection would keep the timeouts of all others from passing."""
    async with working(tmp_path) as worker:
        odd = await worker.connect()
        assert (await worker.get(odd)).startswith(HOST)
        (keeper,) = worker.worker._keepers
        (connection,) = keeper.connections
        connection.plane = None  # type: ignore[assignment]
        fine = await worker.connect()
        assert (await worker.get(fine)).startswith(HOST)
        assert await odd.ends() in ("closed", "reset")
        assert (await worker.get(fine)).startswith(HOST)
        odd.close()
        fine.close()
    assert "could not be checked" in capsys.readouterr().out


# -- services ----------------------------------------------------------------------------------------------------------


def judged_services(tmp_path: Path, endpoint: int) -> tuple[Service, ...]:
    """Return the services of the table; the first has ejection, a circuit and a second endpoint, which refuses."""
    snapshot, listener = make_snapshot(tmp_path, endpoint=endpoint)
    listener.close()
    os.close(snapshot.listeners[0].descriptor)
    slow, *others = snapshot.services
    second = refusing_port()
    more = ValuesEndpoint(f"http://127.0.0.1:{second}", f"127.0.0.1:{second}", "127.0.0.1", second)
    circuit = CircuitRules(open_for=60.0)
    return (replace(slow, endpoints=(*slow.endpoints, more), outliers=OutlierRules(), circuit=circuit), *others)


async def test_a_storm_of_failures_is_one_message(tmp_path: Path) -> None:
    """The supervisor would be busy with messages just when everything fails."""
    async with working(tmp_path, services=judged_services(tmp_path, refusing_port())) as worker:
        failed = AttemptTold("slow", 0, succeeded=False)
        worker.worker.tell(failed)
        worker.worker.tell(failed)
        await until(lambda: News((failed, failed)) in worker.said)
        worker.worker.tell(failed)
        await until(lambda: News((failed,)) in worker.said)


async def test_failures_are_told_as_they_happen(tmp_path: Path) -> None:
    """Other workers would send to an endpoint that this one knows to fail."""
    async with working(tmp_path, services=judged_services(tmp_path, refusing_port())) as worker:
        wire = await worker.connect()
        await worker.get(wire, SLOW)
        await until(lambda: any(isinstance(message, News) for message in worker.said))
        items = [item for message in worker.said if isinstance(message, News) for item in message.items]
        assert AttemptTold("slow", 0, succeeded=False) in items
        assert Verdicts("slow", 0, failures=1) in items
        wire.close()


async def test_successes_are_told_with_the_report(tmp_path: Path) -> None:
    """A share of failures would be counted among too few requests, and open the circuit of a service that is well."""
    endpoint = Endpoint()
    async with working(tmp_path, services=judged_services(tmp_path, endpoint.port)) as worker:
        worker.channel.send(StandingsChanged("slow", (Standing(), Standing(Health.DOWN))))
        wire = await worker.connect()
        await wire.send(SLOW)
        upstream = await endpoint.accept()
        await upstream.read_head()
        await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert (await worker.answer(wire)).startswith(HOST)
        await worker.gauges()
        assert News((Verdicts("slow", 0, successes=1),)) in worker.said
        wire.close()
    endpoint.close()


async def test_what_the_supervisor_says_of_endpoints_and_circuits_holds(tmp_path: Path) -> None:
    """Requests would go to endpoints that are down, and into open circuits."""
    async with working(tmp_path, services=judged_services(tmp_path, refusing_port())) as worker:
        wire = await worker.connect()
        worker.channel.send(StandingsChanged("slow", (Standing(Health.DOWN), Standing(Health.DOWN))))
        assert (await worker.get(wire, SLOW)).startswith(b"HTTP/1.1 503")
        worker.channel.send(CircuitChanged("slow", CircuitView(CircuitState.OPEN, epoch=1)))
        answer = await worker.get(wire, SLOW)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"retry-after: " in answer.lower()
        await worker.gauges()
        assert News((Verdicts("slow", 1, refused=1),)) in worker.said
        wire.close()


async def test_a_trial_waits_for_its_permit(tmp_path: Path) -> None:
    """A half-open circuit would let everybody in, or nobody ever."""
    endpoint = Endpoint()
    async with working(tmp_path, services=judged_services(tmp_path, endpoint.port)) as worker:
        worker.channel.send(StandingsChanged("slow", (Standing(), Standing(Health.DOWN))))
        worker.channel.send(CircuitChanged("slow", CircuitView(CircuitState.HALF_OPEN, epoch=2, has_permits=True)))
        wire = await worker.connect()
        await wire.send(SLOW)
        await until(lambda: News((TrialAsked("slow", 2),)) in worker.said)
        assert not endpoint.has_visitor()
        worker.channel.send(TrialAnswer("slow", 7))
        upstream = await endpoint.accept()
        await upstream.read_head()
        await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert (await worker.answer(wire)).startswith(HOST)
        await until(lambda: News((TrialEnded("slow", 7, Verdict.SUCCEEDED),)) in worker.said)
        wire.close()
    endpoint.close()


async def test_it_explains_how_it_would_balance(tmp_path: Path) -> None:
    """Nobody could see what a worker thinks of an endpoint."""
    services = judged_services(tmp_path, refusing_port())
    async with working(tmp_path, services=services) as worker:
        worker.channel.send(StandingsChanged("slow", (Standing(), Standing(is_ejected=True))))
        worker.channel.send(Explain(5, "slow", b"ada", b"no token"))
        await until(lambda: any(isinstance(message, Explained) for message in worker.said))
        (explained,) = [message for message in worker.said if isinstance(message, Explained)]
        assert explained.number == 5
        assert [(seen.url, seen.is_eligible, seen.why) for seen in explained.candidates] == [
            (services[0].endpoints[0].url, True, ""),
            (services[0].endpoints[1].url, False, "ejected"),
        ]
        assert (explained.circuit, explained.bound_to, explained.home, explained.queued) == (
            CircuitView(),
            None,
            None,
            0,
        )
        assert explained.budget > 0
        assert (await worker.gauges())["orion_upstream_retry_budget"] == {("slow",): explained.budget}


async def test_attempts_in_flight_are_counted_by_endpoint(tmp_path: Path) -> None:
    """Nobody would see which endpoint holds the requests."""
    endpoint = Endpoint()
    async with working(tmp_path, endpoint=endpoint.port) as worker:
        wire = await worker.connect()
        await wire.send(SLOW)
        upstream = await endpoint.accept()
        await upstream.read_head()
        assert (await worker.gauges())["orion_endpoint_in_flight"] == {("slow", f"http://127.0.0.1:{endpoint.port}"): 1}
        await upstream.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        await wire.read_head()
        assert sum((await worker.gauges())["orion_endpoint_in_flight"].values()) == 0
        wire.close()
    endpoint.close()


# -- leaving -----------------------------------------------------------------------------------------------------------


async def test_what_filters_report_goes_up_ahead_of_the_counts(tmp_path: Path) -> None:
    """The admin API, which asks all workers, would show what was so a second ago."""
    mirror = FilterUse("mirror", MirrorRules("slow"), "mirror")
    table = RouteTable([make_route("/slow", ToService("slow"), name="slow", filters=(mirror,))])
    async with working(tmp_path, endpoint=refusing_port(), table=table) as at_work:
        client = await at_work.connect()
        assert (await at_work.get(client, SLOW)).startswith(b"HTTP/1.1 502")
        while not (told := [message for message in at_work.said if isinstance(message, FilterReports)]):
            await at_work.gauges()
        ((route, name, report),) = told[0].items
        assert (route, name) == ("slow", "mirror")
        assert report.document()["failed"] == {"connection_refused": 1}
        assert at_work.totals.counters["orion_mirror_requests_total"] == {("slow", "failed"): 1}
        assert isinstance(at_work.said[at_work.said.index(told[0]) + 1], Report)
        client.close()


async def test_idle_connections_are_closed_and_the_worker_leaves(tmp_path: Path) -> None:
    """A stop would take as long as clients keep their connections."""
    async with working(tmp_path) as worker:
        used, fresh = await worker.connect(), await worker.connect()
        await worker.get(used)
        await worker.until_connections(2)
        await worker.drain()
        assert await used.ends() == "closed"
        assert await fresh.ends() == "closed"
        assert await worker.leave() == (0, 0)
        used.close()
        fresh.close()


async def test_filters_are_told_when_the_worker_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a plug-in has open, and its thread, would be cut off without a word."""
    closed: list[str] = []

    class Closes(Filter):
        def close(self) -> None:
            closed.append("closed")

    monkeypatch.setitem(FILTERS, "probe", lambda rules, facilities: Closes())
    filters = (FilterUse("probe", None, "own"), FilterUse("probe", None, "shared", is_named=True))
    routes = [make_route(path, ToService("slow"), name=path[1:], filters=filters) for path in ("/a", "/b")]
    async with working(tmp_path, table=RouteTable(routes)) as worker:
        await worker.drain()
        assert await worker.leave() == (0, 0)
    assert closed == ["closed"] * 3


async def test_an_exchange_ends_well_and_says_that_it_is_the_last(tmp_path: Path) -> None:
    """Requests would be lost at every deployment, or clients send their next one into a closing connection."""
    endpoint = Endpoint()
    async with working(tmp_path, endpoint=endpoint.port) as worker:
        wire = await worker.connect()
        await wire.send(SLOW)
        upstream = await endpoint.accept()
        await upstream.read_head()
        await worker.drain()
        await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        answer = await worker.answer(wire)
        assert answer.endswith(b"ok")
        assert b"connection: close" in answer.lower()
        assert await wire.ends() == "closed"
        assert await worker.leave() == (0, 0)
        wire.close()
    endpoint.close()


async def test_a_connection_that_had_its_answer_promised_as_kept_is_closed_too(tmp_path: Path) -> None:
    """One long download that began before the stop would hold the worker until the drain's end, idle."""
    endpoint = Endpoint()
    async with working(tmp_path, endpoint=endpoint.port) as worker:
        wire = await worker.connect()
        await wire.send(SLOW)
        upstream = await endpoint.accept()
        await upstream.read_head()
        await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
        assert b"connection" not in (await wire.read_head()).lower()
        await worker.drain()
        await upstream.send(b"lf")
        assert await wire.read(4) == b"half"
        assert await wire.ends() == "closed"
        assert await worker.leave() == (0, 0)
        wire.close()
    endpoint.close()


async def test_who_waited_in_the_queue_is_still_served(tmp_path: Path) -> None:
    """Clients that had connected just before a stop would be reset."""
    async with working(tmp_path) as worker:
        clients = [ask_at_once(worker.listener.port) for _ in range(20)]
        worker.worker._receive(Drain(5.0, 1.0))  # before the loop could accept any of them
        for client in clients:
            wire = Wire(client)
            assert (await worker.answer(wire)).startswith(HOST)
            assert await wire.ends() == "closed"
            wire.close()
        assert await worker.leave() == (0, 0)
        assert sum(worker.totals.counters["orion_http_requests_total"].values()) == 20, (
            "it left before they were served"
        )


def ask_at_once(port: int) -> socket.socket:
    """Connect and ask without giving the loop a turn."""
    client = socket.create_connection(("127.0.0.1", port), timeout=5)
    client.sendall(HELLO)
    return client


async def test_what_does_not_end_in_time_is_cut_and_counted(tmp_path: Path) -> None:
    """A stop would never end, or nobody be told that requests were lost."""
    endpoint = Endpoint()
    async with working(tmp_path, endpoint=endpoint.port) as worker:
        busy = [await worker.connect() for _ in range(2)]
        for wire in busy:
            await wire.send(SLOW)
        for _ in busy:
            await (await endpoint.accept()).read_head()
        idle = await worker.connect()
        await worker.get(idle)
        await worker.drain(within=0.2, spread=0.1)
        assert await worker.leave() == (0, 2)
        for wire in (*busy, idle):
            wire.close()
    endpoint.close()


async def test_a_second_demand_cuts_at_once(tmp_path: Path) -> None:
    """Whoever cannot wait could only kill, and lose the log with it."""
    endpoint = Endpoint()
    async with working(tmp_path, endpoint=endpoint.port) as worker:
        wire = await worker.connect()
        await wire.send(SLOW)
        await (await endpoint.accept()).read_head()
        await worker.drain(within=3600, spread=3600)
        worker.channel.send(Drain(0.0, 0.0))
        assert await worker.leave() == (0, 1)
        wire.close()
    endpoint.close()


async def test_without_its_supervisor_it_drains_as_configured_and_leaves(tmp_path: Path) -> None:
    """Workers of a killed supervisor would hold the ports for ever, or cut requests."""
    endpoint = Endpoint()
    async with working(tmp_path, endpoint=endpoint.port) as worker:
        wire = await worker.connect()
        await wire.send(SLOW)
        upstream = await endpoint.accept()
        await upstream.read_head()
        worker.channel.close()
        await until(lambda: worker.worker.is_draining)
        await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert (await worker.answer(wire)).endswith(b"ok")
        assert await worker.leave() == (0, -1)
        wire.close()
    endpoint.close()


async def test_what_cannot_be_served_is_a_failure_and_no_farewell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker without its log would look as if it had drained, and nobody know why."""
    settings = AccessLogSettings(str(tmp_path / "missing" / "log"))
    async with working(tmp_path, access_log=settings) as worker:
        assert await worker.leave() == (1, -1)
        assert worker.said == []
    assert "a snapshot cannot be served" in capsys.readouterr().out
    os.close(worker.snapshot.listeners[0].descriptor)
