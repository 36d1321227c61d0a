"""The contract of loads, run over both of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks.idle import holding
from benchmarks.loads import Offered, Saturation
from benchmarks.loads.load import Target
from benchmarks.processes import ServingError
from benchmarks.scenarios.scenario import Work
from benchmarks.scenarios.small_get import SMALL_GET
from tests.benchmarks.answering import answer_at_once, answering

if TYPE_CHECKING:
    import asyncio

    from benchmarks.loads.load import Load

HELLO = replace(SMALL_GET, body=b"hello", work=Work(routes=3))
LOADS = [Saturation(), Offered(200)]


def name_load(load: Load) -> str:
    return load.name


@pytest.mark.usefixtures("load_programs")
@pytest.mark.parametrize("load", LOADS, ids=name_load)
def test_a_load_counts_good_answers_and_times_them(load: Load) -> None:
    """Every way to ask gives the same figures, in seconds and in order, and asks on all routes."""
    with answering(answer_at_once) as port:
        answers = load.put(Target(port, connections=4, core=0), HELLO, seconds=1, seed=1)
    assert (answers.errors, answers.unserved) == (0, 0)
    assert answers.requests > 100
    assert 0 < answers.p50 <= answers.p90 <= answers.p95 <= answers.p99 <= answers.p999 < answers.duration + 1


@pytest.mark.usefixtures("load_programs")
@pytest.mark.parametrize("load", LOADS, ids=name_load)
def test_a_load_that_meets_nobody_is_no_round(load: Load) -> None:
    """A peer that ended never becomes a row of zeros."""
    with answering(answer_at_once) as port:
        pass
    with pytest.raises(ServingError):
        load.put(Target(port, connections=2, core=0), HELLO, seconds=1, seed=1)


@pytest.mark.usefixtures("load_programs")
def test_answers_that_cannot_hold_the_content_are_no_round() -> None:
    """wrk looks at no content: short answers under load are found by their bytes."""
    with answering(answer_at_once) as port, pytest.raises(ServingError, match="cannot hold the upstream's content"):
        Saturation().put(Target(port, 2, core=0), replace(HELLO, body=b"x" * 1000), seconds=1, seed=1)


def test_held_connections_are_open_at_once_and_the_closed_ones_are_counted() -> None:
    """Memory per idle connection is divided by connections that are really there."""
    transports: list[asyncio.Transport] = []

    def answer(loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        transports.append(transport)
        answer_at_once(loop, transport)
        if len(transports) == 10:
            transports[0].close()

    with answering(answer) as port, holding(Target(port, 1, core=0), replace(HELLO, idle=20)) as held:
        assert len(transports) == 20
    assert held.lost == 1


def test_idle_connections_that_are_refused_fail_the_peer() -> None:
    """A peer that takes too few clients is not measured with fewer."""
    with answering(answer_at_once) as port:
        pass
    with (
        pytest.raises(ServingError, match="only 0 of 5 connections"),
        holding(Target(port, 1, core=0), replace(HELLO, idle=5)),
    ):
        pytest.fail("the block was entered")
