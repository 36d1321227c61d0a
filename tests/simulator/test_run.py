"""Running a scenario: the same every time, and what happens on the way of a request."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from orion_gateway.simulator.measure import Scope, count_offered, summarize
from orion_gateway.simulator.record import Lane, Look
from orion_gateway.simulator.run import deal_subsets, rate_at, run_scenario
from orion_gateway.simulator.scenario import Step
from orion_gateway.values import Route, RouteMatch, Split, Target
from tests.simulator.running import LOAD, read_text, run_text

if TYPE_CHECKING:
    from pathlib import Path

ALL_FAIL = "upstreams: [{service: orders, timeline: [{at: 2s, does: fail}]}]\n"
CIRCUIT = "circuit_breaker: {failure_threshold: 5, minimum_requests: 5, open_for: 3s"


def test_the_same_seed_gives_the_same_run(tmp_path: Path) -> None:
    """A scenario that fails in CI could not be looked at afterwards."""
    read = read_text(tmp_path, LOAD + "workers: 2\n" + ALL_FAIL, CIRCUIT + "}")
    assert asdict(run_scenario(*read)) == asdict(run_scenario(*read))


def test_another_seed_gives_another_run(tmp_path: Path) -> None:
    """A scenario that holds by luck could not be told from one that holds."""
    read = read_text(tmp_path, LOAD)
    assert run_scenario(*read).offered_at != run_scenario(*read, seed=2).offered_at


def test_every_request_that_came_ends_or_is_unfinished(tmp_path: Path) -> None:
    """Shares would be of something else than what clients saw."""
    summary = summarize(run_text(tmp_path, LOAD))
    assert summary.offered == pytest.approx(1000, rel=0.1)
    assert summary.ended + summary.unfinished == summary.offered
    assert (summary.succeeded, summary.errors, summary.retries) == (summary.ended, {}, 0)
    assert summary.latency_p50 == pytest.approx(0.010)


def test_an_open_circuit_refuses_and_a_fallback_answers(tmp_path: Path) -> None:
    """Clients of a service with a fallback would see errors in the simulation that they would not see."""
    refused = summarize(run_text(tmp_path, LOAD + ALL_FAIL, CIRCUIT + "}"))
    assert refused.refused > 500
    assert refused.errors[503] == refused.refused
    answered = summarize(run_text(tmp_path, LOAD + ALL_FAIL, CIRCUIT + ", fallback: {respond: {status: 200}}}"))
    assert answered.refused > 500
    assert 503 not in answered.errors
    other = run_text(tmp_path, LOAD + ALL_FAIL, CIRCUIT + ", fallback: {service: archive}}")
    assert summarize(other).refused > 500
    assert 503 not in summarize(other).errors
    # Some are still on their way at the end.
    assert summarize(other, 1).attempts == pytest.approx(summarize(other).refused, abs=20)
    assert {change.look for change in other.circuits} >= {Lane.CLOSED, Lane.OPEN, Lane.HALF_OPEN}


def test_a_request_that_takes_too_long_fails_by_timeout(tmp_path: Path) -> None:
    """What hangs would hang for ever, and nothing would be learnt from it."""
    hangs = "upstreams: [{service: orders, timeline: [{at: 0s, does: hang}]}]\n"
    summary = summarize(run_text(tmp_path, LOAD + hangs, "timeouts: {response: 1s}"))
    assert set(summary.errors) == {504}
    assert summary.errors[504] == summary.ended
    total = summarize(run_text(tmp_path, LOAD + hangs, "timeouts: {total: 500ms}"))
    assert set(total.errors) == {504}


def test_requests_wait_when_all_endpoints_are_full_and_are_refused_when_too_many_do(tmp_path: Path) -> None:
    """The limits of connections would cost nothing in a simulation."""
    slow = "upstreams: [{service: orders, latency: 100ms}]\n"
    keys = "connections: {max: 2, queue: 3, queue_timeout: 60ms}"
    record = run_text(tmp_path, LOAD + slow, keys)
    assert set(summarize(record).errors) == {503}
    # Four at a time, each for 100 ms.
    assert 350 <= summarize(record).succeeded <= 400
    patient = run_text(tmp_path, LOAD + slow, "connections: {max: 2, queue: 1000, queue_timeout: off}")
    assert summarize(patient).errors == {}
    assert 350 <= summarize(patient).succeeded <= 400


def test_without_an_endpoint_that_is_up_there_is_503(tmp_path: Path) -> None:
    """A gateway whose endpoints are all down would seem to answer."""
    down = "upstreams: [{service: orders, timeline: [{at: 0s, does: refuse}]}]\n"
    record = run_text(tmp_path, LOAD + down, "health_check: {path: /health, interval: 1s, fall: 1}")
    assert set(summarize(record).errors) == {502, 503}
    looks = [change.look for change in record.standings if change.endpoint == 0]
    assert looks == [Look.UNKNOWN, Look.DOWN]


def test_checks_find_a_status_that_is_not_good(tmp_path: Path) -> None:
    """An endpoint that answers its checks with 500 would count as well."""
    fails = "upstreams: [{service: orders, endpoints: 1, timeline: [{at: 3s, does: fail}]}]\n"
    record = run_text(tmp_path, LOAD + fails, "health_check: {path: /health, interval: 1s, fall: 2}")
    assert [change.look for change in record.standings if change.endpoint == 1] == [Look.UNKNOWN, Look.UP, Look.DOWN]
    # One that passes its checks all the same stays in.
    passes = fails.replace("does: fail", "does: fail, checks_pass: true")
    record = run_text(tmp_path, LOAD + passes, "health_check: {path: /health, interval: 1s, fall: 2}")
    assert [change.look for change in record.standings if change.endpoint == 1] == [Look.UNKNOWN, Look.UP]


def test_an_endpoint_that_is_back_warms_up_and_is_up(tmp_path: Path) -> None:
    """The timeline would not show slow start, or never its end."""
    away = "upstreams: [{service: orders, endpoints: 1, timeline: [{at: 2s, does: refuse}, {at: 4s, does: answer}]}]\n"
    keys = "slow_start: 2s\n    health_check: {path: /health, interval: 500ms, fall: 1, rise: 1}"
    record = run_text(tmp_path, LOAD + away, keys)
    looks = [change.look for change in record.standings if change.endpoint == 1]
    assert looks == [Look.UNKNOWN, Look.UP, Look.DOWN, Look.WARMING, Look.UP]


def test_a_circuit_that_is_closed_again_ramps_up(tmp_path: Path) -> None:
    """The timeline would not show that an ever larger share is let through."""
    back = "upstreams: [{service: orders, timeline: [{at: 1s, does: fail}, {at: 3s, does: answer}]}]\n"
    record = run_text(tmp_path, LOAD + back, "slow_start: 2s\n    " + CIRCUIT + "}")
    assert [change.look for change in record.circuits][-3:] == [Lane.HALF_OPEN, Lane.RAMP, Lane.CLOSED]


def test_rates_change_by_steps_and_ramps() -> None:
    """A peak would come at another time than the scenario says."""
    written = [{"at": "1s", "rate": "10/s"}, {"at": "2s", "rate": "20/s"}, {"at": "4s", "rate": "60/m", "ramp": True}]
    steps = [Step.model_validate(step) for step in written]
    assert [rate_at(steps, at) for at in (0.5, 1.0, 2.0, 3.0, 4.0, 9.0)] == [0.0, 10.0, 20.0, 10.5, 1.0, 1.0]


def test_requests_come_at_the_rate_of_their_time(tmp_path: Path) -> None:
    """The load would be another one than the scenario's."""
    load = "duration: 20s\nload: [{route: orders, rate: [{rate: 0/s}, {at: 10s, rate: 200/s}]}]\n"
    record = run_text(tmp_path, load)
    assert count_offered(record, Scope(until=9.99)) == 0
    assert count_offered(record, Scope(since=10.0)) == pytest.approx(2000, rel=0.1)


def test_nothing_comes_at_no_rate(tmp_path: Path) -> None:
    """A scenario without requests would never end, or divide by them."""
    summary = summarize(run_text(tmp_path, LOAD.replace("100/s", "0/s")))
    assert (summary.offered, summary.upstream_load, summary.latency_p99) == (0, None, None)


def test_all_endpoints_are_in_as_many_subsets() -> None:
    """Some endpoints would have twice the load of others for no reason."""
    dealt = deal_subsets(100, 10, 50)
    assert [len(set(subset)) for subset in dealt] == [10] * 50
    seen = [sum(endpoint in subset for subset in dealt) for endpoint in range(100)]
    assert set(seen) == {5}


def test_a_split_sends_each_service_its_share(tmp_path: Path) -> None:
    """How much of the load a canary gets could not be tried."""
    scenario, _, services = read_text(tmp_path, LOAD)
    action = Split((Target("orders", 3), Target("archive", 1)))
    routes = [Route("orders", RouteMatch(path="/orders/**"), action)]
    record = run_scenario(scenario, routes, services)
    assert count_offered(record, Scope(service=0)) / len(record.offered_at) == pytest.approx(0.75, abs=0.05)
