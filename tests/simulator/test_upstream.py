"""Synthetic endpoints: what each kind of behaviour looks like to whoever asks."""

from __future__ import annotations

from math import inf
from random import Random

import pytest

from orion_gateway.simulator.clock import Clock
from orion_gateway.simulator.scenario import Turn
from orion_gateway.simulator.upstream import Behaviour, SimulatedEndpoint, plan_turns
from orion_gateway.values import Reason


class Caller:
    """Takes down when and how it was answered."""

    def __init__(self, clock: Clock, *, is_check: bool = False) -> None:
        self._clock = clock
        self.is_check = is_check
        self.answers: list[tuple[float, Reason | None, int, bool]] = []

    def take_answer(self, reason: Reason | None, status: int, is_sent: bool) -> None:
        self.answers.append((round(self._clock.now, 4), reason, status, is_sent))


def ask(endpoint: SimulatedEndpoint, clock: Clock, *, is_check: bool = False) -> Caller:
    """Send a request."""
    caller = Caller(clock, is_check=is_check)
    endpoint.take(caller)
    return caller


@pytest.mark.parametrize(
    ("behaviour", "answer"),
    [
        (Behaviour(), (0.01, None, 200, True)),
        (Behaviour("slow", factor=10.0), (0.1, None, 200, True)),
        (Behaviour("slow", latency=2.0), (2.0, None, 200, True)),
        (Behaviour("fail", status=503), (0.01, None, 503, True)),
        (Behaviour("reset"), (0.0005, Reason.CONNECTION_TERMINATED, 0, True)),
        (Behaviour("refuse"), (0.0005, Reason.CONNECTION_REFUSED, 0, False)),
        (Behaviour("recover"), (0.01, None, 200, True)),
    ],
)
def test_an_endpoint_does_what_it_is_told(behaviour: Behaviour, answer: tuple[float, Reason | None, int, bool]) -> None:
    """A scenario would show how the gateway takes something else."""
    clock = Clock()
    endpoint = SimulatedEndpoint(clock, Random(1), 0.010)
    endpoint.turn(behaviour)
    caller = ask(endpoint, clock)
    clock.run(10.0)
    assert caller.answers == [answer]


def test_what_hangs_is_answered_when_it_goes_on() -> None:
    """A process that was stopped and continued would have lost what waits in its sockets."""
    clock = Clock()
    endpoint = SimulatedEndpoint(clock, Random(1), 0.010)
    at_work = ask(endpoint, clock)
    endpoint.turn(Behaviour("hang"))
    caller = Caller(clock)
    assert endpoint.take(caller) == inf
    clock.run(5.0)
    assert (at_work.answers, caller.answers) == ([], [])
    endpoint.turn(Behaviour())
    clock.run(6.0)
    assert at_work.answers == [(5.0, None, 200, True)]
    assert caller.answers == [(5.01, None, 200, True)]


def test_what_was_on_its_way_is_cut_when_an_endpoint_is_killed() -> None:
    """A killed process would still answer; a POST would seem never to be in doubt."""
    clock = Clock()
    endpoint = SimulatedEndpoint(clock, Random(1), 0.010, capacity=1)
    at_work, waiting = ask(endpoint, clock), ask(endpoint, clock)
    endpoint.turn(Behaviour("refuse"))
    clock.run(1.0)
    assert at_work.answers == [(0.01, Reason.CONNECTION_TERMINATED, 0, True)]
    assert waiting.answers == [(0.0, Reason.CONNECTION_TERMINATED, 0, True)]
    endpoint.turn(Behaviour())
    assert ask(endpoint, clock).answers == []
    stopped = ask(endpoint, clock)
    endpoint.turn(Behaviour("hang"))
    hung = ask(endpoint, clock)
    endpoint.turn(Behaviour("refuse"))
    assert stopped.answers[0][1] is hung.answers[0][1] is Reason.CONNECTION_TERMINATED


def test_requests_wait_for_capacity_in_order_and_a_full_backlog_refuses() -> None:
    """Overload would cost nothing."""
    clock = Clock()
    endpoint = SimulatedEndpoint(clock, Random(1), 1.0, capacity=1, backlog=2)
    callers = [ask(endpoint, clock) for _ in range(4)]
    clock.run(10.0)
    assert [caller.answers[0][0] for caller in callers] == [1.0, 2.0, 3.0, 0.0005]
    assert callers[3].answers[0][1] is Reason.CONNECTION_REFUSED
    assert endpoint.most_waiting == 2


@pytest.mark.parametrize("kind", ["fail", "hang", "reset", "refuse", "slow"])
def test_checks_may_pass_whatever_requests_meet(kind: str) -> None:
    """A failure that checks do not see could not be shown."""
    clock = Clock()
    endpoint = SimulatedEndpoint(clock, Random(1), 0.010)
    endpoint.turn(Behaviour(kind, latency=5.0 if kind == "slow" else None, checks_pass=True))
    check = ask(endpoint, clock, is_check=True)
    clock.run(1.0)
    assert check.answers == [(0.01, None, 200, True)]


def test_recovering_fails_ever_less() -> None:
    """Recovery would be a jump."""
    clock = Clock()
    endpoint = SimulatedEndpoint(clock, Random(1), 0.0)
    endpoint.turn(Behaviour("recover", since=0.0, over=10.0))
    failed = []
    for second in range(1, 12):
        clock.run(float(second))
        callers = [ask(endpoint, clock) for _ in range(200)]
        clock.run(second + 0.5)
        failed.append(sum(caller.answers[0][2] == 500 for caller in callers))
    assert failed == sorted(failed, reverse=True) or failed[0] > 150 > failed[5] > failed[8]
    assert failed[-1] == 0


def test_latencies_have_the_median_and_percentile_asked_for() -> None:
    """The tail that hedging and ewma are about would be missing."""
    clock = Clock()
    endpoint = SimulatedEndpoint(clock, Random(1), 0.020, p99=0.080)
    taken = sorted(endpoint.take(Caller(clock)) for _ in range(5000))
    assert taken[2500] == pytest.approx(0.020, rel=0.05)
    assert taken[4950] == pytest.approx(0.080, rel=0.15)


def test_flapping_is_two_behaviours_in_turn() -> None:
    """It would flap once, or past the next entry of its timeline."""
    timeline = (
        Turn.model_validate({"at": "1s", "does": "flap", "period": "4s", "to": "refuse"}),
        Turn.model_validate({"at": "8s", "does": "answer"}),
    )
    planned = [(at, behaviour.kind) for at, behaviour in plan_turns(timeline, 100.0)]
    expected = [(1.0, "answer"), (3.0, "refuse"), (5.0, "answer"), (7.0, "refuse"), (8.0, "answer")]
    assert planned == expected


def test_what_is_due_at_the_same_time_happens_in_the_order_said() -> None:
    """A run would depend on how a heap breaks ties."""
    clock = Clock()
    seen: list[str] = []
    for name in "abc":
        clock.at(1.0, seen.append, name)
    clock.at(0.5, seen.append, "first")
    clock.after(3.0, seen.append, "late")
    clock.run(2.0)
    assert (seen, clock.now) == (["first", "a", "b", "c"], 2.0)
    clock.at(1.0, seen.append, "past")
    clock.run(2.0)
    assert seen[-1] == "past"
