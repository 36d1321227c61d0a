"""The scenarios: like what they say, and plain enough for every program that they are written into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.loads import Saturation
from benchmarks.scenarios import SCENARIOS
from benchmarks.scenarios.many_routes import ROUTES_10K
from benchmarks.scenarios.post import POST
from benchmarks.scenarios.small_get import PLAIN_GET, SMALL_GET
from benchmarks.upstream import SMALL

if TYPE_CHECKING:
    from benchmarks.scenarios.scenario import Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_a_scenario_can_be_written_into_configurations(scenario: Scenario) -> None:
    """nginx and wrk read the scenario as it was meant, and a request fits into one packet of a fresh connection."""
    if len(scenario.body) <= SMALL:
        assert not set(b"'$\\") & set(scenario.body)
    assert scenario.loads
    assert all(len(request) < 8192 for request in scenario.render_requests("127.0.0.1:65535"))
    assert all(target.startswith("/") and " " not in target for target in scenario.targets)
    assert scenario.idle <= scenario.work.connections


def test_names_are_unique_and_every_letter_of_the_plan_but_tls_is_there() -> None:
    """Options and results name one scenario each."""
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    assert {scenario.letter for scenario in SCENARIOS} == set("abcdefghikl")


def test_the_small_get_is_like_a_browser() -> None:
    """The header has the 12 fields, Host among them, on which the published figures stand."""
    assert len({name.lower() for name, _ in SMALL_GET.fields} | {"host"}) == 12
    assert PLAIN_GET.fields == SMALL_GET.fields


def test_cpu_is_compared_at_saturation_and_at_equal_rates() -> None:
    """An idle proxy pays more per request: b is measured at both, and l gives c the same rates."""
    rates = {(scenario.letter, load.rate) for scenario in SCENARIOS for load in scenario.loads}
    assert {("b", None), ("b", 5000), ("b", 15_000), ("c", None), ("l", 5000), ("l", 15_000)} <= rates
    assert Saturation().rate is None


def test_many_routes_are_asked_for_all_over_the_table() -> None:
    """The first routes of a long table do not stand for all of it."""
    targets = ROUTES_10K.targets
    assert len(set(targets)) == 1000
    assert targets[0].startswith("/service-00000/")
    assert targets[-1].startswith("/service-09990/")


def test_a_request_goes_out_as_http_says() -> None:
    """Content is announced with its length."""
    (request,) = POST.render_requests("127.0.0.1:80")
    head, _, content = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/v1/users/42?fields=name,email HTTP/1.1\r\nHost: 127.0.0.1:80\r\n")
    assert b"\r\nContent-Length: 4096" in head
    assert content == POST.content
    assert len(content) == 4096
