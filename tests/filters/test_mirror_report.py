"""What a mirror tells: counted right over many workers, and bounded whatever services answer."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.filters.comparison import Comparison, Difference
from orion_gateway.filters.filter import Counting
from orion_gateway.filters.mirror_report import (
    BOUNDS,
    METRIC,
    MOST_EXAMPLES,
    MOST_PLACES,
    Example,
    Latency,
    MirrorReport,
)
from orion_gateway.telemetry.metrics import BOUNDS as METRIC_BOUNDS
from orion_gateway.telemetry.totals import DESCRIPTIONS

CHANGED = Difference("content", "items[3].price", "1", "2")


def differ(*paths: str, at: float = 0.0) -> MirrorReport:
    """Return the report of one request that differed in these places."""
    report = MirrorReport()
    found = Comparison(tuple(Difference("content", path, "1", "2") for path in paths))
    report.compare(found)
    report.show(Example(at, f"id-{at:g}", "GET", "/", found.differences))
    return report


def test_a_document_says_everything_once() -> None:
    """What people read and programs compare: each key is documented in the guide."""
    report = MirrorReport()
    report.compare(Comparison())
    report.compare(Comparison((CHANGED,), has_more=True, unread=""))
    report.compare(Comparison(unread="coding"))
    report.skip("memory")
    report.fail("connection_refused")
    report.outcomes["alone"] += 1
    report.primary.observe(0.004)
    report.show(Example(1767225600.0, "7", "GET", "/items", (CHANGED,), has_more=True))
    document = json.loads(json.dumps(report.document()))
    assert document == {
        "compared": 3,
        "equal": 2,
        "different": 1,
        "equal_share": 0.6667,
        "answered": 0,
        "alone": 1,
        "failed": {"connection_refused": 1},
        "skipped": {"memory": 1},
        "content_not_compared": {"coding": 1},
        "differences": [{"kind": "content", "path": "items[].price", "requests": 1}],
        "latency": {
            "primary": {"count": 1, "p50": 0.005, "p95": 0.005, "p99": 0.005, "buckets": {"0.005": 1}},
            "mirror": {"count": 0, "buckets": {}},
        },
        "examples": [
            {
                "at": "2026-01-01T00:00:00.000Z",
                "id": "7",
                "method": "GET",
                "path": "/items",
                "differences": [{"kind": "content", "path": "items[3].price", "primary": "1", "mirror": "2"}],
                "more": True,
            }
        ],
    }


def test_an_array_counts_once_per_request() -> None:
    """A request with a hundred wrong elements would hide ten others with one each."""
    assert dict(differ("items[0].a", "items[1].a", "items[1].b").places) == {
        ("content", "items[].a"): 1,
        ("content", "items[].b"): 1,
    }


def test_the_latest_examples_of_all_workers_are_kept() -> None:
    """Those of the worker that reports last would push out newer ones."""
    one, other = MirrorReport(), MirrorReport()
    for at in range(0, 2 * MOST_EXAMPLES, 2):
        one = one.merge(differ("a", at=at))
        other = other.merge(differ("a", at=at + 1))
    merged = other.merge(one)
    assert [example.at for example in merged.examples] == [*range(MOST_EXAMPLES, 2 * MOST_EXAMPLES)]
    shown = merged.document()["examples"]
    assert isinstance(shown, list)
    assert shown[0]["id"] == f"id-{2 * MOST_EXAMPLES - 1}"


@pytest.mark.parametrize("is_merged", [True, False])
def test_places_are_bounded(is_merged: bool) -> None:
    """Objects whose members are ids of users would fill the memory of the supervisor."""
    report = MirrorReport()
    for number in range(MOST_PLACES + 50):
        told = differ(f"users.{number}")
        if is_merged:
            report = report.merge(told)
        else:
            report.compare(Comparison(told.examples[0].differences))
    assert len(report.places) == MOST_PLACES + 1
    assert report.places["other", ""] == 50


def test_merging_changes_neither_side() -> None:
    """A report that is sent to two readers would count twice in one of them."""
    one, other = differ("a", at=1.0), differ("b", at=2.0)
    before = pickle.dumps((one, other))
    one.merge(other).compare(Comparison())
    assert pickle.dumps((one, other)) == before


@given(st.lists(st.sampled_from(["equal", "skip", "fail", "differ"])), st.integers(0, 50))
def test_it_does_not_matter_which_worker_saw_what(events: list[str], cut: int) -> None:
    """Counts of two workers are those that one would have had."""

    def tell(some: list[str]) -> MirrorReport:
        report = MirrorReport()
        for event in some:
            match event:
                case "equal":
                    report.compare(Comparison())
                case "skip":
                    report.skip("memory")
                case "fail":
                    report.fail("dns_error")
                case "differ":
                    report.compare(Comparison((CHANGED,)))
            report.mirror.observe(0.01)
        return report

    whole, parts = tell(events), tell(events[:cut]).merge(tell(events[cut:]))
    assert parts.document() == whole.document()


def test_what_is_counted_is_a_metric_that_is_described() -> None:
    """Counts of an unknown metric are never shown."""
    report = differ("a")
    assert isinstance(report, Counting)
    assert list(report.counted()) == [(METRIC, ("different",), 1)]
    assert DESCRIPTIONS[METRIC].labels == ("route", "outcome")


def test_buckets_are_those_of_the_metrics() -> None:
    """Nobody could lay the two beside each other."""
    assert BOUNDS == METRIC_BOUNDS


def test_percentiles_are_bounds_and_beyond_them_unknown() -> None:
    """A percentile that is made up between bounds looks more exact than it is."""
    latency = Latency()
    for seconds in (0.0005, 0.0006, 60.0):
        latency.observe(seconds)
    document = latency.document()
    assert (document["p50"], document["p99"]) == (0.001, None)
    assert document["buckets"] == {"0.0005": 1, "0.001": 1, "+Inf": 1}
