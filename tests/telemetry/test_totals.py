"""Sums over workers that come and go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.telemetry.metrics import Delta, Histogram
from orion_gateway.telemetry.totals import DROPPED, MAX_LABEL_SETS, Totals

REQUESTS = "orion_http_requests_total"
DURATION = "orion_http_request_duration_seconds"
CONNECTIONS = "orion_connections"


def observed(*seconds: float) -> Histogram:
    """Return a histogram of these durations."""
    histogram = Histogram()
    for duration in seconds:
        histogram.observe(duration)
    return histogram


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["add", "die"]), st.integers(0, 50)), max_size=40))
def test_counters_never_go_back_and_gauges_go_with_their_worker(events: list[tuple[int, str, int]]) -> None:
    """Prometheus would see traffic that was not there, or the connections of a dead worker."""
    totals = Totals()
    counted, alive = 0, dict[int, int]()
    for worker, event, amount in events:
        if event == "add":
            delta = Delta({(REQUESTS, ("a",)): amount}, {(DURATION, ("a",)): observed(*[0.1] * amount)})
            delta.gauges[CONNECTIONS, ("http", "idle")] = amount
            totals.add(worker, delta)
            counted += amount
            alive[worker] = amount
        else:
            totals.forget(worker)
            alive.pop(worker, None)
        assert sum(totals.counters.get(REQUESTS, {}).values()) == counted
        assert sum(totals.gauges().get(CONNECTIONS, {}).values()) == sum(alive.values())
    if DURATION in totals.histograms:
        assert sum(totals.histograms[DURATION][("a",)].buckets) == counted


def test_a_worker_tells_only_what_has_changed() -> None:
    """What it did not repeat would be taken for gone."""
    totals = Totals()
    totals.add(1, Delta(gauges={(CONNECTIONS, ("http", "idle")): 3, (CONNECTIONS, ("http", "active")): 1}))
    totals.add(1, Delta(gauges={(CONNECTIONS, ("http", "active")): 2}))
    assert totals.gauges()[CONNECTIONS] == {("http", "idle"): 3, ("http", "active"): 2}


def test_what_is_over_the_limit_of_label_sets_is_counted_together_and_told() -> None:
    """Ten thousand routes times their statuses would fill the memory of gateway and Prometheus."""
    totals = Totals()
    for number in range(MAX_LABEL_SETS + 5):
        totals.count(REQUESTS, (str(number), "GET"))
        totals.add(1, Delta(histograms={(DURATION, (str(number),)): observed(0.1)}))
    totals.count(REQUESTS, ("0", "GET"))
    requests, durations = totals.counters[REQUESTS], totals.histograms[DURATION]
    assert len(requests) == len(durations) == MAX_LABEL_SETS + 1
    assert requests["_other", "_other"] == 5
    assert sum(durations[("_other",)].buckets) == 5
    assert requests["0", "GET"] == 2, "a label set that is known stays itself"
    assert totals.counters[DROPPED] == {(REQUESTS,): 5, (DURATION,): 5}


def test_gauges_are_limited_too() -> None:
    """A table with thousands of services would make as many time series of pools."""
    totals = Totals()
    totals.add(1, Delta(gauges={(CONNECTIONS, (str(number), "idle")): 1 for number in range(MAX_LABEL_SETS + 5)}))
    gauges = totals.gauges()[CONNECTIONS]
    assert len(gauges) == MAX_LABEL_SETS + 1
    assert gauges["_other", "_other"] == 5


def test_the_supervisor_has_gauges_of_its_own() -> None:
    """The generation in force would be missing, or summed over workers."""
    totals = Totals()
    totals.set("orion_config_generation", 1)
    totals.set("orion_config_generation", 2)
    totals.add(1, Delta())
    assert totals.gauges() == {"orion_config_generation": {(): 2}}


def test_a_copy_stands_still_while_counting_goes_on() -> None:
    """A scrape is rendered in a thread: its buckets would not fit its count."""
    histogram = Histogram()
    histogram.observe(0.1)
    delta = Delta({("a_total", ()): 1}, {("b_seconds", ()): histogram}, {("c", ()): 2})
    totals = Totals()
    totals.add(1, delta)
    copy = totals.copy()
    more = Histogram()
    more.observe(0.2)
    totals.add(1, Delta({("a_total", ()): 1}, {("b_seconds", ()): more}, {("c", ()): 3}))
    assert copy.counters == {"a_total": {(): 1}}
    assert sum(copy.histograms["b_seconds"][()].buckets) == 1
    assert copy.gauges() == {"c": {(): 2}}


def test_one_gauge_is_told_by_worker_however_many_there_are() -> None:
    """With more endpoints than label sets nobody could see what a single one has in flight."""
    totals = Totals()
    for worker in (1, 2):
        labels = [(str(number),) for number in range(MAX_LABEL_SETS + 1)]
        totals.add(worker, Delta(gauges={(CONNECTIONS, each): float(worker) for each in labels}))
    assert totals.by_worker(CONNECTIONS, (str(MAX_LABEL_SETS),)) == {1: 1.0, 2: 2.0}
    assert totals.by_worker(CONNECTIONS, ("other",)) == {}
    totals.forget(1)
    assert totals.by_worker(CONNECTIONS, ("0",)) == {2: 2.0}
