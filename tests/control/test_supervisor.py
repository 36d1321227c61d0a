"""The supervisor and its workers' lives, with workers that misbehave on demand (`stub_worker`)."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from orion_gateway.control.care import Care
from orion_gateway.control.listeners import Listener
from orion_gateway.control.messages import Explained, ListenerPlace, Message, Snapshot
from orion_gateway.control.supervisor import DrainSettings, Patience, Plan, Supervisor
from orion_gateway.telemetry.totals import Totals
from orion_gateway.values import CircuitRules, CircuitState, Endpoint, OutlierRules, Service, Standing
from tests.control.at_work import eventually, make_snapshot
from tests.harness.wire import PATIENCE

STUB = Path(__file__).with_name("stub_worker.py")
PATIENT = DrainSettings(timeout=5.0)
QUICK = Patience(backoff=(0.01, 0.05), stable=60.0, leave=0.2, serve=10.0)


SLOW = Service(
    "slow",
    (Endpoint("http://h:1", "h"), Endpoint("http://h:2", "h")),
    outliers=OutlierRules(consecutive_failures=2),
    circuit=CircuitRules(failure_threshold=1, minimum_requests=1),
)


def make_care(send: Callable[[Message], None], totals: Totals) -> Care:
    """Return what looks after the one service."""
    return Care([SLOW], send, totals, Random(1))


@asynccontextmanager
async def supervising(
    directory: Path,
    *behaviour: str,
    workers: int = 1,
    drain: DrainSettings = PATIENT,
    patience: Patience = QUICK,
) -> AsyncIterator[tuple[Supervisor, asyncio.Task[int], Listener]]:
    """Run a supervisor over stub workers; cut at the end of the block, if it still runs."""
    snapshot, listener = make_snapshot(directory)
    os.close(snapshot.listeners[0].descriptor)

    def make(places: tuple[ListenerPlace, ...]) -> Snapshot:
        assert places == (ListenerPlace("http", listener.socket.fileno(), listener.port),)
        return replace(snapshot, listeners=places)

    command = (sys.executable, str(STUB), *behaviour)
    plan = Plan(
        workers=workers, drain=drain, make_snapshot=make, make_care=make_care, command=command, patience=patience
    )
    supervisor = Supervisor(plan, [listener])
    run = asyncio.get_running_loop().create_task(supervisor.run())
    try:
        yield supervisor, run, listener
    finally:
        supervisor.cut()
        await asyncio.wait([run], timeout=20)


async def ended(run: asyncio.Task[int]) -> int:
    """Wait for the end of the supervisor; return its exit code."""
    return await asyncio.wait_for(asyncio.shield(run), 20)


def are_ready(supervisor: Supervisor) -> bool:
    """Say whether every worker serves."""
    return all(slot.is_ready for slot in supervisor.workers)


def restarts(supervisor: Supervisor) -> float:
    """Return how often a worker was started again."""
    return sum(supervisor.totals.counters["orion_worker_restarts_total"].values())


async def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    """One crash would be the end of the gateway."""
    async with supervising(tmp_path, "serves") as (supervisor, _, _):
        await eventually(lambda: are_ready(supervisor))
        (slot,) = supervisor.workers
        first = slot.process
        assert first is not None
        first.kill()
        await eventually(lambda: slot.process not in (None, first) and slot.is_ready)
        assert restarts(supervisor) == 1
        first = slot.process


async def test_counters_outlive_a_worker_and_gauges_do_not(tmp_path: Path) -> None:
    """Prometheus would see traffic that was not there, or connections of the dead."""
    async with supervising(tmp_path, "serves") as (supervisor, _, _):
        await eventually(lambda: are_ready(supervisor))
        await supervisor.collect()
        assert supervisor.totals.counters["orion_http_requests_total"] == {("a",): 1}
        assert supervisor.totals.gauges()["orion_connections"] == {("a",): 5}
        (slot,) = supervisor.workers
        assert slot.process is not None
        slot.process.kill()
        await eventually(lambda: "orion_connections" not in supervisor.totals.gauges())
        await eventually(lambda: are_ready(supervisor))
        await supervisor.collect()
        assert supervisor.totals.counters["orion_http_requests_total"] == {("a",): 2}


async def test_it_waits_longer_after_each_death(tmp_path: Path) -> None:
    """A worker that dies at once would use up the machine."""
    patience = Patience(backoff=(0.05, 0.2), starts=1000, leave=0.2)
    async with supervising(tmp_path, "dies", patience=patience) as (supervisor, _, _):
        await eventually(lambda: restarts(supervisor) >= 1)
        started = time.monotonic()
        await eventually(lambda: restarts(supervisor) >= 5)
        assert time.monotonic() - started > 0.05 + 0.1 + 0.2 + 0.2


async def test_when_no_worker_ever_serves_the_gateway_gives_up(tmp_path: Path) -> None:
    """A broken installation would look like a running gateway to systemd, for ever."""
    async with supervising(tmp_path, "dies", workers=2) as (supervisor, run, _):
        assert await ended(run) == 2
        assert supervisor.is_draining


async def test_a_program_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    """Too little memory for a moment would end the gateway."""
    snapshot, listener = make_snapshot(tmp_path)
    os.close(snapshot.listeners[0].descriptor)
    plan = Plan(
        workers=1,
        drain=DrainSettings(),
        make_snapshot=lambda places: replace(snapshot, listeners=places),
        make_care=make_care,
        command=(str(tmp_path / "missing"),),
        patience=Patience(backoff=(0.01, 0.01), starts=3),
    )
    supervisor = Supervisor(plan, [listener])
    assert await asyncio.wait_for(supervisor.run(), 20) == 2
    assert restarts(supervisor) == 2


async def test_one_early_death_is_no_reason_to_give_up(tmp_path: Path) -> None:
    """A hiccup at the start would keep the gateway down."""
    async with supervising(tmp_path, "dies once", str(tmp_path / "mark")) as (supervisor, run, _):
        await eventually(lambda: are_ready(supervisor))
        assert not run.done()


async def test_a_worker_that_never_serves_is_replaced(tmp_path: Path) -> None:
    """It would count as one that is still starting, for ever."""
    patience = Patience(serve=0.3, backoff=(0.01, 0.01), starts=2, leave=0.2)
    async with supervising(tmp_path, "mute", patience=patience) as (supervisor, run, _):
        assert not are_ready(supervisor)
        assert await ended(run) == 2


async def test_a_worker_that_says_nothing_is_not_ready_and_holds_up_no_scrape(tmp_path: Path) -> None:
    """A load balancer would go on sending to it, and Prometheus time out."""
    patience = Patience(heartbeat=0.5, leave=0.2)
    async with supervising(tmp_path, "hangs", patience=patience) as (supervisor, _, _):
        await eventually(lambda: are_ready(supervisor))
        await asyncio.wait_for(supervisor.collect(), PATIENCE)
        await eventually(lambda: not are_ready(supervisor))
        collecting = supervisor.collect()
        with pytest.raises(StopIteration):  # it is known to hang, so nothing is awaited
            collecting.send(None)


async def test_a_drain_closes_the_sockets_and_adds_up_what_was_cut(tmp_path: Path) -> None:
    """New connections would wait in a queue that nobody empties; lost requests would go unnoticed."""
    async with supervising(tmp_path, "serves", workers=2) as (supervisor, run, listener):
        await eventually(lambda: are_ready(supervisor))
        supervisor.begin_drain()
        supervisor.begin_drain()
        assert await ended(run) == 3
        assert listener.socket.fileno() < 0
        assert restarts(supervisor) == 0


async def test_until_the_delay_is_over_it_goes_on_as_before(tmp_path: Path) -> None:
    """Load balancers that have not noticed yet would get connection errors; a crash in that time would too."""
    drain = DrainSettings(delay=3600.0)
    async with supervising(tmp_path, "serves", drain=drain) as (supervisor, run, listener):
        await eventually(lambda: are_ready(supervisor))
        (slot,) = supervisor.workers
        first = slot.process
        assert first is not None
        supervisor.begin_drain()
        assert supervisor.is_draining
        first.kill()
        await eventually(lambda: slot.process not in (None, first) and slot.is_ready)
        assert listener.socket.fileno() >= 0
        supervisor.cut()
        assert await ended(run) == 3


async def test_a_worker_that_does_not_leave_is_killed_and_counts_as_cut(tmp_path: Path) -> None:
    """A stop would never end."""
    drain = DrainSettings(timeout=0.1)
    async with supervising(tmp_path, "stays", drain=drain) as (supervisor, run, _):
        await eventually(lambda: are_ready(supervisor))
        (slot,) = supervisor.workers
        assert slot.process is not None
        process = slot.process
        supervisor.begin_drain()
        assert await ended(run) == 3
        assert process.returncode == -9


async def test_a_stop_during_the_start_ends_at_once(tmp_path: Path) -> None:
    """Ctrl-C right after a typo would have to be pressed until the drain's end."""
    async with supervising(tmp_path, "serves") as (supervisor, run, _):
        await asyncio.sleep(0)
        supervisor.begin_drain()
        code = await ended(run)
        assert code in (0, 3)


async def test_a_cut_needs_no_drain_before_it(tmp_path: Path) -> None:
    """The second of two quick signals would be taken for the first."""
    async with supervising(tmp_path, "serves", drain=DrainSettings(delay=3600.0)) as (supervisor, run, _):
        await eventually(lambda: are_ready(supervisor))
        supervisor.cut()
        assert await ended(run) == 3


async def test_when_the_supervisor_fails_its_workers_leave(tmp_path: Path) -> None:
    """After a crash of the supervisor workers would hold the ports, and the next start fail."""
    async with supervising(tmp_path, "serves", workers=2) as (supervisor, run, _):
        await eventually(lambda: are_ready(supervisor))
        processes = [slot.process for slot in supervisor.workers]
        run.cancel()
        await asyncio.wait([run])
        for process in processes:
            assert process is not None
            await asyncio.wait_for(process.wait(), 10)


# -- services ----------------------------------------------------------------------------------------------------------


async def heard(supervisor: Supervisor) -> dict[str, float]:
    """Return how many messages of each kind the workers have heard since the start."""
    await supervisor.collect()
    return {labels[0]: count for labels, count in supervisor.totals.counters.get("heard", {}).items()}


async def test_what_one_worker_tells_changes_what_all_know(tmp_path: Path) -> None:
    """The others would go on sending to an endpoint that fails, and into an open circuit."""
    async with supervising(tmp_path, "fails", workers=2) as (supervisor, _, _):
        await eventually(lambda: are_ready(supervisor))
        judged = supervisor.care.judge.services["slow"]
        await eventually(lambda: judged.standings == [Standing(is_ejected=True), Standing()])
        assert judged.circuit is not None
        assert judged.circuit.state is CircuitState.OPEN
        counts: dict[str, float] = {}
        async with asyncio.timeout(PATIENCE):
            # Each is told everything at its start, the changes of the endpoint and of the circuit, and the answer
            # to its own question; a worker that starts late asks when the rest has long been told.
            wanted = {"StandingsChanged": 3, "CircuitChanged": 3, "TrialAnswer": 2}
            while any(counts.get(kind, 0) < count for kind, count in wanted.items()):
                counts = await heard(supervisor)
        assert counts["TrialAnswer"] == 2, "each has its own answer"


async def test_a_worker_that_is_started_again_is_told_how_everything_stands(tmp_path: Path) -> None:
    """It would send to endpoints that are out until something changes."""
    async with supervising(tmp_path, "serves") as (supervisor, _, _):
        await eventually(lambda: are_ready(supervisor))
        (slot,) = supervisor.workers
        first = slot.process
        assert first is not None
        assert (await heard(supervisor))["StandingsChanged"] == 1
        first.kill()
        await eventually(lambda: slot.process not in (None, first) and slot.is_ready)
        assert (await heard(supervisor))["CircuitChanged"] == 2


async def test_every_ready_worker_explains(tmp_path: Path) -> None:
    """Whoever asks would see one worker and take it for all."""
    async with supervising(tmp_path, "serves", workers=2) as (supervisor, _, _):
        assert await supervisor.explain("slow", b"", b"") == {}, "none is ready"
        await eventually(lambda: are_ready(supervisor))
        answers = await supervisor.explain("slow", b"key", b"token")
        assert {number: answer.budget for number, answer in answers.items()} == {1: 1.5, 2: 1.5}


async def test_a_worker_that_hangs_holds_up_no_explanation(tmp_path: Path) -> None:
    """The question would never be answered, by none."""
    async with supervising(tmp_path, "hangs") as (supervisor, _, _):
        await eventually(lambda: are_ready(supervisor))
        assert await asyncio.wait_for(supervisor.explain("slow", b"", b""), PATIENCE) == {}
        (slot,) = supervisor.workers
        # What comes later than anybody waits for is nobody's answer.
        supervisor._receive(slot, Explained(1, (), False, None, None, None, 0.0, 0))
