"""What a run says about the promises."""

from __future__ import annotations

import pytest

from benchmarks.goals import GOALS, Goal, Run, render_goals
from benchmarks.results import PeerResult, ScenarioResult
from tests.benchmarks.test_results import make_round


def make_result(scenario: str, rate: int | None = None, **peers: tuple[int, float | None, float]) -> ScenarioResult:
    """One round per peer, given by its requests, its CPU seconds and its p99."""
    rounds = {
        name: PeerResult((make_round(requests, cpu, p99=p99, held=2560.0),))
        for name, (requests, cpu, p99) in peers.items()
    }
    return ScenarioResult(scenario, "a load", rate, peers=rounds)


RESULTS = [
    make_result("small_get", nginx=(1000, 1.0, 0.1), envoy=(1000, 2.0, 0.1), orion=(1000, 1.1, 0.1)),
    make_result("response_1m", nginx=(1000, 1.0, 0.1), orion=(900, 1.1, 0.1)),
    make_result("new_connections", nginx=(1000, 1.0, 0.1), orion=(1000, 4.0, 0.1)),
    make_result("routes_100", nginx=(1000, 1.0, 0.1), orion=(1000, 1.0, 0.1)),
    make_result("routes_10k", nginx=(1000, 1.0, 0.1), orion=(1000, 1.02, 0.1)),
    make_result("open_loop", 5000, direct=(10, None, 0.1), nginx=(10, 1.0, 0.2), orion=(10, 1.0, 0.3)),
]


@pytest.mark.parametrize(
    ("value", "at_least", "words"),
    [
        (0.9, False, "0.90 goal"),
        (1.0, False, "1.00 goal"),
        (1.2, False, "1.20 bar"),
        (1.4, False, "1.40 missed"),
        (1.4, True, "1.40 goal"),
        (1.2, True, "1.20 missed"),
        (None, False, "-"),
        (None, True, "-"),
    ],
)
def test_a_value_is_judged_by_the_right_side_of_its_bounds(value: float | None, at_least: bool, words: str) -> None:
    """What was not measured is never good, and a good value is never called missed."""
    bar, goal = (1.3, 1.4) if at_least else (1.3, 1.0)
    assert Goal("x", lambda run, orion: None, bar, goal, at_least).judge(value) == words


def test_every_promise_is_computed_from_its_own_scenario() -> None:
    """The table says what the tables above it say."""
    reached = {goal.text: goal.measure(Run(RESULTS), "orion") for goal in GOALS}
    known = {text: value for text, value in reached.items() if value is not None}
    assert known == {
        "c, CPU per request / nginx": pytest.approx(1.1),
        "c at 5,000/s, CPU per request / nginx": pytest.approx(1.0),
        "c, CPU per request / Envoy": pytest.approx(0.55),
        "e, 1 MiB, bytes per second / nginx": pytest.approx(0.9),
        "l, added p99 at 5,000/s / nginx's": pytest.approx(2.0),
        "h, CPU with 10,000 routes / with 100": pytest.approx(1.02),
        "k, KiB per idle connection": pytest.approx(2.5),
        "5,000/s offered, added P95 in ms": pytest.approx(0.0),
        "g, new connections per CPU second / nginx": pytest.approx(0.25),
    }


def test_a_run_without_figures_leaves_every_promise_open() -> None:
    """An empty run promises nothing."""
    _, _, *lines = render_goals([], ["orion"]).splitlines()
    assert len(lines) == len(GOALS)
    assert {line.split("|")[-2].strip() for line in lines} == {"-"}
