"""Retries and hedges that no request can get."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orion_gateway.routing.retry_lint import Hopeless, find_hopeless_retries
from orion_gateway.values import HedgeRules, RetryRules, Split, Target, ToService, UpstreamTimeouts
from tests.routing.requests import route

FORWARDED = replace(route("/b"), action=ToService("users"))
AFTER_TIMEOUT = RetryRules(on=frozenset(["response_timeout"]))


@pytest.mark.parametrize(
    ("rules", "timeouts", "key", "why"),
    [
        (AFTER_TIMEOUT, UpstreamTimeouts(response=10.0, total=10.0), "on", "(10s) leaves no time"),
        (AFTER_TIMEOUT, UpstreamTimeouts(response=None), "on", "timeouts.response is off"),
        (RetryRules(hedge=HedgeRules(2.0)), UpstreamTimeouts(total=1.5), "hedge", "timeouts.total (1.5s) ends"),
        (RetryRules(hedge=HedgeRules(30.0)), UpstreamTimeouts(), "hedge", "timeouts.response (30s) ends"),
        (RetryRules(hedge=HedgeRules(40.0)), UpstreamTimeouts(total=9.0), "hedge", "timeouts.total (9s) ends"),
    ],
)
def test_what_a_timeout_cuts_off_is_found(rules: RetryRules, timeouts: UpstreamTimeouts, key: str, why: str) -> None:
    """Somebody would rely on a second attempt that is never made."""
    routes = [route("/a"), replace(FORWARDED, retries=rules, timeouts=timeouts)]
    (found,) = find_hopeless_retries(routes)
    assert (found.index, found.service, found.key) == (1, "users", key)
    assert why in found.why


@pytest.mark.parametrize(
    ("rules", "timeouts"),
    [
        (RetryRules(), UpstreamTimeouts(total=0.1)),
        (AFTER_TIMEOUT, UpstreamTimeouts(response=10.0, total=11.0)),
        (AFTER_TIMEOUT, UpstreamTimeouts()),
        (RetryRules(hedge=HedgeRules()), UpstreamTimeouts(total=0.1)),
        (RetryRules(hedge=HedgeRules(0.05)), UpstreamTimeouts()),
        (RetryRules(max=5, backoff=(1.0, 9.0)), UpstreamTimeouts(response=5.0, total=6.0)),
    ],
)
def test_what_may_happen_is_not_called_hopeless(rules: RetryRules, timeouts: UpstreamTimeouts) -> None:
    """Waits are drawn at random and connections fail early: a strict check would refuse tables that work."""
    assert find_hopeless_retries([replace(FORWARDED, retries=rules, timeouts=timeouts)]) == []


def test_each_mistake_of_a_route_is_told() -> None:
    """A second mistake would show only after the first one is mended."""
    rules = replace(AFTER_TIMEOUT, hedge=HedgeRules(3.0))
    timeouts = UpstreamTimeouts(response=4.0, total=2.0)
    found = find_hopeless_retries([replace(FORWARDED, retries=rules, timeouts=timeouts)])
    assert [hopeless.key for hopeless in found] == ["on", "hedge"]
    why = "timeouts.total (2s) ends every request before a hedge after 3s"
    assert found[1] == Hopeless(0, "users", "hedge", why)


def test_each_service_of_a_split_is_judged_by_its_own_rules() -> None:
    """A canary with other retries would never get the ones that its service writes."""
    targets = (Target("old", retries=AFTER_TIMEOUT), Target("new", 1, UpstreamTimeouts(response=None), AFTER_TIMEOUT))
    (found,) = find_hopeless_retries([replace(route("/a"), action=Split(targets))])
    assert (found.service, found.key) == ("new", "on")
