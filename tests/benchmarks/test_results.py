"""Medians, spread and ratios, and how they are shown."""

from __future__ import annotations

import json

import pytest

from benchmarks.loads.load import Answers
from benchmarks.report import render_table, to_json
from benchmarks.results import Figure, PeerResult, Round, ScenarioResult, summarize


def make_round(
    requests: int, cpu: float | None, errors: int = 0, p99: float = 0.0042, unserved: int = 0, held: float | None = None
) -> Round:
    """A round of two seconds."""
    answers = Answers(requests, 2.0, 0.001, 0.002, 0.003, p99, 0.009, errors, unserved)
    return Round(answers, cpu, None if cpu is None else 8 * 2**20, held)


RESULT = ScenarioResult(
    "small_get",
    "saturation",
    peers={
        "direct": PeerResult((make_round(80_000, None),)),
        "nginx": PeerResult((make_round(100_000, 2.0), make_round(90_000, 1.8), make_round(40_000, 2.0))),
        "slow": PeerResult((make_round(10_000, 2.0, errors=2), make_round(10_000, 2.0, errors=1))),
    },
    missing={"orion": "not installed"},
    unfit={"relay": "it has no routes"},
    failed={"caddy": "it ended"},
)
OFFERED = ScenarioResult(
    "open_loop",
    "5,000/s offered",
    rate=5000,
    body_bytes=65_536,
    peers={
        "direct": PeerResult((make_round(10_000, None, p99=0.001),)),
        "slow": PeerResult((make_round(7_500, 1.5, p99=0.5, unserved=2_500, held=2048.0),)),
    },
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
    assert RESULT.compare_cpu("nginx", "slow") == pytest.approx(0.1)
    assert RESULT.compare_cpu("direct") is None
    assert RESULT.compare_cpu("orion") is None
    assert OFFERED.compare_cpu("slow") is None


def test_added_latency_is_what_the_proxy_adds_to_none() -> None:
    """Latency of load generator and upstream is not charged to a proxy."""
    assert OFFERED.add_latency("slow", lambda peer: peer.p99) == pytest.approx(0.499)
    assert OFFERED.add_latency("direct", lambda peer: peer.p99) is None
    assert OFFERED.add_latency("orion", lambda peer: peer.p99) is None


def test_the_table_shows_every_peer_and_why_others_are_not_there() -> None:
    """The reader sees units, spread, errors, why peers have no row, and no column in which nothing stands."""
    assert render_table(RESULT).splitlines() == [
        "| peer   |  requests/s | p50 ms | p90 ms | p99 ms | p99.9 ms | CPU µs/request | to nginx | core | memory MiB "
        "| errors |",
        "| ------ | ----------: | -----: | -----: | -----: | -------: | -------------: | -------: | ---: | ---------: "
        "| -----: |",
        "| direct |      40,000 |   1.00 |   2.00 |   4.20 |     9.00 |              - |        - |    - |          - "
        "|      0 |",
        "| nginx  | 45,000 ±33% |   1.00 |   2.00 |   4.20 |     9.00 |      20.0 ±75% |     1.00 | 100% |        8.0 "
        "|      0 |",
        "| slow   |       5,000 |   1.00 |   2.00 |   4.20 |     9.00 |          200.0 |    10.00 | 100% |        8.0 "
        "|      3 |",
        "",
        "- orion: missing, not installed",
        "- relay: not measured, it has no routes",
        "- caddy: failed, it ended",
    ]


def test_what_could_not_be_served_is_shown() -> None:
    """A proxy that answers three of four requests does not look like one that kept up."""
    heading, _, direct, slow = (
        [cell.strip() for cell in line.split("|")] for line in render_table(OFFERED).splitlines()
    )
    shown = dict(zip(heading, slow, strict=True))
    assert {name: shown[name] for name in ("unserved", "errors", "added p99 ms", "KiB/idle", "MB/s", "requests/s")} == {
        "unserved": "25%",
        "errors": "0",
        "added p99 ms": "499.00",
        "KiB/idle": "2.00",
        "MB/s": "246",
        "requests/s": "3,750",
    }
    assert dict(zip(heading, direct, strict=True))["unserved"] == "-"


def test_json_holds_the_figures_and_every_round() -> None:
    """Who keeps results can compute other figures from them later."""
    document = json.loads(json.dumps(to_json(RESULT)))
    assert (document["scenario"], document["load"], document["offered_rate"]) == ("small_get", "saturation", None)
    assert (document["missing"], document["failed"]) == ({"orion": "not installed"}, {"caddy": "it ended"})
    assert document["unfit"] == {"relay": "it has no routes"}
    assert document["peers"]["direct"]["cpu_per_request"] is None
    slow = document["peers"]["slow"]
    assert slow["requests_per_second"] == {"median": 5000.0, "low": 5000.0, "high": 5000.0}
    assert (slow["cpu_to_nginx"], slow["errors"]) == (pytest.approx(10.0), 3)
    assert slow["p999"]["median"] == 0.009
    assert slow["memory"]["median"] == 8 * 2**20
    assert slow["rounds"][0]["cpu"] == 2.0
    assert slow["rounds"][0]["answers"]["p95"] == 0.003
