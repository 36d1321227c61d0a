"""The open-loop generator, tried on servers whose delays are known."""

from __future__ import annotations

from itertools import pairwise
from statistics import mean
from typing import TYPE_CHECKING

import pytest

from benchmarks.clients.open_loop import Generator, Order, Tally, pick_percentile, plan_arrivals, report
from tests.benchmarks.answering import ANSWER, answer_at_once, answering

if TYPE_CHECKING:
    import asyncio

DELAY = 0.03
STALL = 0.4


def make_order(port: int, seconds: float = 0.5, rate: float = 200) -> Order:
    request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    return Order(port, connections=4, rate=rate, seconds=seconds, seed=7, requests=[request], body_bytes=5)


def count_arrivals(order: Order) -> int:
    return len(list(plan_arrivals(order.rate, order.seconds, order.seed)))


def test_arrivals_are_random_with_the_asked_rate_and_the_same_for_the_same_seed() -> None:
    """Every peer of a round meets the same bursts, and they are bursts of independent clients."""
    arrivals = list(plan_arrivals(1000, 10, seed=1))
    assert (
        arrivals == sorted(arrivals) == list(plan_arrivals(1000, 10, seed=1)) != list(plan_arrivals(1000, 10, seed=2))
    )
    assert arrivals[0] > 0
    assert arrivals[-1] < 10
    gaps = [later - earlier for earlier, later in pairwise(arrivals)]
    assert mean(gaps) == pytest.approx(0.001, rel=0.05)
    assert sum(gap < 0.001 for gap in gaps) / len(gaps) == pytest.approx(0.632, abs=0.02)  # 1 - 1/e: exponential gaps


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1.0), (1, 1.0), (50, 50.0), (99, 99.0), (99.1, 100.0), (99.9, 100.0), (100, 100.0)]
)
def test_a_percentile_is_a_measured_value_that_so_many_do_not_exceed(percent: float, value: float) -> None:
    """A p99 is never better than what one in a hundred met."""
    assert pick_percentile([float(number) for number in range(1, 101)], percent) == value
    assert pick_percentile([], percent) == 0.0


def test_a_constant_delay_is_in_every_latency() -> None:
    """What a server takes is what is reported."""
    with answering(lambda loop, transport: loop.call_later(DELAY, transport.write, ANSWER)) as port:
        order = make_order(port, rate=50)
        tally = Generator(order).run()
    assert (tally.answered + tally.unserved, tally.errors) == (count_arrivals(order), 0)
    assert tally.answered > tally.unserved
    assert sum(latency >= DELAY for latency in tally.latencies) >= tally.answered


def test_a_stall_is_charged_to_every_request_that_was_due_in_it() -> None:
    """A server that stood still for 0.4 s shows it; wrk would have charged it to its four waiting connections only."""
    waiting: list[asyncio.Transport] = []
    asked = 0
    stalled = False

    def go_on() -> None:
        nonlocal stalled
        stalled = False
        for transport in waiting:
            transport.write(ANSWER)

    def answer(loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        nonlocal asked, stalled
        asked += 1
        if asked == 20:
            stalled = True
            loop.call_later(STALL, go_on)
        if stalled:
            waiting.append(transport)
        else:
            transport.write(ANSWER)

    with answering(answer) as port:
        order = make_order(port, seconds=1.0)
        tally = Generator(order).run()
    due = list(plan_arrivals(order.rate, order.seconds, order.seed))
    began = due[19]  # the twentieth request cannot come earlier, so the stall ends at `began + STALL` or later
    expected = sum(began <= one <= began + STALL / 2 for one in due)
    assert expected > 30
    assert sum(latency >= STALL / 2 for latency in tally.latencies) >= expected
    assert min(tally.latencies) < STALL / 2
    assert len(tally.latencies) == len(due)


def test_a_server_that_stops_answering_leaves_errors_and_unserved_requests() -> None:
    """No request vanishes: each is answered, an error, or unserved, and its waiting is among the latencies."""
    asked = 0

    def answer(loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        nonlocal asked
        asked += 1
        if asked <= 10:
            transport.write(ANSWER)

    with answering(answer) as port:
        order = make_order(port, seconds=0.3)
        tally = Generator(order).run()
    assert (tally.answered, tally.errors) == (10, order.connections)
    assert tally.unserved == count_arrivals(order) - 10 - order.connections
    assert len(tally.latencies) == count_arrivals(order)


@pytest.mark.parametrize("bad", [b"", ANSWER.replace(b"200", b"503"), ANSWER.replace(b": 5", b": 4")])
def test_what_is_no_good_answer_is_an_error_and_the_round_goes_on(bad: bytes) -> None:
    """A closed connection, an error page and wrong content are counted, each once, on a new connection afterwards."""
    asked = 0

    def answer(loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        nonlocal asked
        asked += 1
        if asked % 2:
            transport.write(ANSWER)
        elif bad:
            transport.write(bad)
        else:
            transport.close()

    with answering(answer) as port:
        order = make_order(port, seconds=0.3)
        tally = Generator(order).run()
    assert tally.answered + tally.errors + tally.unserved == count_arrivals(order)
    assert abs(tally.answered - tally.errors) <= 1


def test_closing_an_idle_connection_is_no_error() -> None:
    """A peer may end keep-alive connections between requests."""

    def answer(loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        transport.write(ANSWER)
        transport.close()

    with answering(answer) as port:
        order = make_order(port, rate=30)
        tally = Generator(order).run()
    assert tally.answered + tally.errors + tally.unserved == count_arrivals(order)
    assert tally.answered > 0


def test_a_refused_connection_ends_the_run() -> None:
    """A peer that is gone gives no row of the table."""
    with answering(answer_at_once) as port:
        pass
    with pytest.raises(ConnectionRefusedError):
        Generator(make_order(port)).run()


def test_the_report_has_its_figures_from_the_tally() -> None:
    """Figures reach the table in seconds."""
    tally = Tally(latencies=[0.004, 0.001, 0.002, 0.003], lags=[0.1, 0.0], answered=3, errors=1, unserved=2)
    assert report(tally, 2.0) == {
        "requests": 3,
        "duration": 2.0,
        "p50": 0.002,
        "p90": 0.004,
        "p95": 0.004,
        "p99": 0.004,
        "p999": 0.004,
        "errors": 1,
        "unserved": 2,
        "lag": 0.1,
    }
