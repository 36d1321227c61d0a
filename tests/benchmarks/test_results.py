"""Medians, spread and ratios, and how they are shown."""

from __future__ import annotations

import json

import pytest

from benchmarks.report import render_table, to_json
from benchmarks.results import Figure, PeerResult, Round, ScenarioResult, summarize


def make_round(requests: int, cpu: float | None, errors: int = 0) -> Round:
    """A round of two seconds."""
    return Round(requests=requests, duration=2.0, p50=0.001, p99=0.0042, errors=errors, cpu=cpu)


RESULT = ScenarioResult(
    "small_get",
    {
        "direct": PeerResult((make_round(80_000, None),)),
        "nginx": PeerResult((make_round(100_000, 2.0), make_round(90_000, 1.8), make_round(40_000, 2.0))),
        "slow": PeerResult((make_round(10_000, 2.0, errors=2), make_round(10_000, 2.0, errors=1))),
    },
    missing={"orion": "not installed"},
    failed={"relay": "it ended"},
)


@pytest.mark.parametrize(
    ("values", "figure", "spread"),
    [
        ([3.0], Figure(3.0, 3.0, 3.0), 0.0),
        ([9.0, 1.0, 2.0], Figure(2.0, 1.0, 9.0), 2.0),
        ([1.0, 3.0], Figure(2.0, 1.0, 3.0), 0.5),
        ([0.0, 0.0], Figure(0.0, 0.0, 0.0), 0.0),
    ],
)
def test_a_figure_is_the_median_with_its_extremes(values: list[float], figure: Figure, spread: float) -> None:
    """One round that another program disturbed shows as spread and does not move the figure."""
    assert summarize(values) == figure
    assert figure.spread == spread


def test_nothing_has_no_median() -> None:
    """A peer without rounds cannot look like one that answered nothing."""
    with pytest.raises(ValueError, match="no rounds"):
        summarize([])


def test_cpu_per_request_is_taken_round_by_round() -> None:
    """A disturbed round is out-voted by the others instead of being mixed into them."""
    figure = RESULT.peers["nginx"].cpu_per_request
    assert figure is not None
    assert (figure.median, figure.low, figure.high) == pytest.approx((20e-6, 20e-6, 50e-6))


def test_the_ratio_is_to_nginx_and_unknown_without_either() -> None:
    """The ratio compares CPU with CPU, and is left empty where one of the two was not measured."""
    assert RESULT.compare_cpu("nginx") == 1.0
    assert RESULT.compare_cpu("slow") == pytest.approx(10.0)
    assert RESULT.compare_cpu("direct") is None
    assert RESULT.compare_cpu("orion") is None
    assert ScenarioResult("small_get", {"slow": RESULT.peers["slow"]}).compare_cpu("slow") is None


def test_the_table_shows_every_peer_and_why_others_are_not_there() -> None:
    """The reader sees units, spread, errors, and why two peers have no row."""
    assert render_table(RESULT) == (
        "peer     requests/s  p50 ms  p99 ms  CPU µs/request  to nginx  core  errors\n"
        "direct   40,000 ±0%    1.00    4.20               -         -     -       0\n"
        "nginx   45,000 ±33%    1.00    4.20       20.0 ±75%      1.00  100%       0\n"
        "slow      5,000 ±0%    1.00    4.20       200.0 ±0%     10.00  100%       3\n"
        "orion: missing, not installed\n"
        "relay: failed, it ended"
    )


def test_json_holds_the_figures_and_every_round() -> None:
    """Who keeps results can compute other figures from them later."""
    document = json.loads(json.dumps(to_json(RESULT)))
    assert (document["missing"], document["failed"]) == ({"orion": "not installed"}, {"relay": "it ended"})
    assert document["peers"]["direct"]["cpu_per_request"] is None
    slow = document["peers"]["slow"]
    assert slow["requests_per_second"] == {"median": 5000.0, "low": 5000.0, "high": 5000.0}
    assert (slow["cpu_to_nginx"], slow["errors"]) == (pytest.approx(10.0), 3)
    assert slow["rounds"][0] == {
        "requests": 10_000,
        "duration": 2.0,
        "p50": 0.001,
        "p99": 0.0042,
        "errors": 2,
        "cpu": 2.0,
    }
