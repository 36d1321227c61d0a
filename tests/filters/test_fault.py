"""Faults: who is hit, how long, and with what."""

from __future__ import annotations

import inspect
from random import Random
from typing import TYPE_CHECKING

import pytest

from orion_gateway.filters.fault import Abort, Delay, Fault, FaultRules, draw
from orion_gateway.values import Reason, Reply
from tests.filters.exchanges import Passing, Worker, read_request

if TYPE_CHECKING:
    from collections.abc import Coroutine

MANY = 20_000


def count(rules: FaultRules) -> tuple[float, float, float]:
    """Return the shares of requests that are delayed, aborted, and both."""
    rng = Random(7)
    drawn = [draw(rules, rng) for _ in range(MANY)]
    delayed = sum(bool(seconds) for seconds, _ in drawn) / MANY
    aborted = sum(does_abort for _, does_abort in drawn) / MANY
    return delayed, aborted, sum(bool(seconds) and does_abort for seconds, does_abort in drawn) / MANY


@pytest.mark.parametrize(
    ("rules", "shares"),
    [
        (FaultRules(Delay(1, 1), Abort(503)), (1, 1, 1)),
        (FaultRules(Delay(1, 1), share=0.2), (0.2, 0, 0)),
        (FaultRules(Delay(1, 1), Abort(503), share=0.2), (0.2, 0.2, 0.2)),
        (FaultRules(Delay(1, 1, 0.5), Abort(503, None, 0.2)), (0.5, 0.2, 0.1)),
        (FaultRules(Delay(1, 1, 0.5), Abort(503), share=0.2), (0.5, 0.2, 0.1)),
        (FaultRules(Delay(1, 1), Abort(503), share=0), (0, 0, 0)),
    ],
)
def test_shares_are_kept(rules: FaultRules, shares: tuple[float, float, float]) -> None:
    """An exercise for one user in a hundred would hit everybody."""
    assert count(rules) == pytest.approx(shares, abs=0.015)


def test_delays_are_drawn_between_their_bounds() -> None:
    """All would wait equally long, which no network does."""
    rng = Random(3)
    seconds = [draw(FaultRules(Delay(0.1, 2.0)), rng)[0] for _ in range(1000)]
    assert 0.1 <= min(seconds) < 0.2
    assert 1.9 < max(seconds) <= 2.0


def finish(waiting: object, turns: int = 10) -> object:
    """Step what a hook returned until it is done."""
    assert inspect.iscoroutine(waiting)
    coroutine: Coroutine[None, None, object] = waiting
    for _ in range(turns):
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
    raise AssertionError("it never ends")


def test_a_request_waits_and_is_then_answered() -> None:
    """The answer would come at once, or the log not say that it was made on purpose."""
    worker, exchange = Worker(), Passing(read_request("/"))
    verdict = Fault(FaultRules(Delay(0.25, 0.25), Abort(418, b"short")), worker).on_request(exchange)
    reply = finish(verdict)
    assert worker.slept == [0.25]
    assert isinstance(reply, Reply)
    assert (reply.status, reply.content) == (418, b"short")
    assert reply.headers == ((b"Content-Type", b"text/plain; charset=utf-8"),)
    assert exchange.notes == ["fault: delayed 250 ms", "fault: answered 418"]


def test_a_delayed_request_goes_on() -> None:
    """A delay without abort would be an answer."""
    worker = Worker()
    assert finish(Fault(FaultRules(Delay(1, 1)), worker).on_request(Passing(read_request("/")))) is None
    assert worker.slept == [1]


def test_a_client_that_leaves_ends_the_wait() -> None:
    """Requests of clients that are gone would be answered, or held for the whole delay."""
    exchange = Passing(read_request("/"))
    waiting = Fault(FaultRules(Delay(3600, 3600), Abort(503)), Worker()).on_request(exchange)
    assert inspect.iscoroutine(waiting)
    waiting.send(None)
    waiting.close()
    assert exchange.notes == ["fault: delayed 3600000 ms"]


@pytest.mark.parametrize(("status", "content"), [(503, None), (204, b""), (302, b"")])
def test_an_abort_without_body_has_the_error_body_where_there_is_one(status: int, content: bytes | None) -> None:
    """A 200 would have the body of an error."""
    reply = Fault(FaultRules(abort=Abort(status)), Worker()).on_request(Passing(read_request("/")))
    assert isinstance(reply, Reply)
    assert (reply.status, reply.content, reply.reason) == (status, content, Reason.FAULT_INJECTED)


def test_who_is_not_hit_costs_nothing() -> None:
    """Every request would be a task of its own."""
    exchange = Passing(read_request("/"))
    assert Fault(FaultRules(Delay(1, 1), Abort(503), share=0), Worker()).on_request(exchange) is None
    assert exchange.notes == []
