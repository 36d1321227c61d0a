"""Slow start: at most its share, by credit."""

from __future__ import annotations

import pytest

from orion_gateway.balancer.warmup import Warmup
from orion_gateway.values import Endpoint


def make_endpoints(*weights: int) -> list[Endpoint]:
    return [
        Endpoint(url=f"http://{number}", authority=f"{number}", weight=weight) for number, weight in enumerate(weights)
    ]


def warm(window: float | None, endpoints: list[Endpoint], since: float = 100.0) -> Warmup:
    """Return the slow start of the first endpoint, which is back `since`."""
    warmup = Warmup(window)
    warmup.update(endpoints, {endpoints[0]: since}, since)
    return warmup


@pytest.mark.parametrize(("elapsed", "share"), [(0.0, 0.1), (1.0, 0.1), (2.5, 0.25), (9.9, 0.99)])
def test_the_share_grows_in_a_straight_line_from_a_tenth(elapsed: float, share: float) -> None:
    """A machine with cold caches falls over under its full load; one with none at all never gets warm."""
    endpoints = make_endpoints(1, 1)
    warmup = warm(10.0, endpoints)
    assert warmup.share_of(endpoints[0], 100.0 + elapsed) == pytest.approx(share)
    assert warmup.share_of(endpoints[1], 100.0 + elapsed) == 1.0


def test_one_pick_in_so_many_is_allowed() -> None:
    """A tenth of one of four equal endpoints is each fortieth pick, and what is not taken is not saved up."""
    endpoints = make_endpoints(1, 1, 1, 1)
    warmup = warm(10.0, endpoints)
    allowed = []
    for number in range(200):
        if not warmup.hold(100.0):
            allowed.append(number)
            warmup.charge(endpoints[0])
        warmup.release()
    assert len(allowed) in (4, 5)
    for _ in range(1000):
        warmup.hold(100.0)
        warmup.release()
    assert not warmup.hold(100.0)
    warmup.charge(endpoints[0])
    warmup.release()
    assert warmup.hold(100.0)


def test_whoever_is_held_has_no_room_during_the_pick_only() -> None:
    """A cap that stays 0 would keep the endpoint out for ever."""
    a, b = endpoints = make_endpoints(1, 1)
    warmup = warm(10.0, endpoints)
    assert warmup.hold(100.0)
    assert (a.cap, b.cap) == (0, b.max_in_flight)
    warmup.release()
    assert (a.cap, b.cap) == (a.max_in_flight, b.max_in_flight)


def test_after_its_window_nobody_is_held() -> None:
    """The hot path must be free of it again."""
    endpoints = make_endpoints(1, 1)
    warmup = warm(10.0, endpoints)
    states = [warmup.is_over, warmup.hold(110.0), warmup.is_over]
    assert states == [False, False, True]
    assert warmup.share_of(endpoints[0], 110.0) == 1.0


def test_all_warming_is_as_usual() -> None:
    """After an outage of the whole service, holding back everybody would hold back the users."""
    a, b = endpoints = make_endpoints(1, 1)
    warmup = Warmup(10.0)
    warmup.update(endpoints, {a: 100.0, b: 100.5}, 101.0)
    assert not warmup.hold(101.0)
    assert warmup.share_of(a, 101.0) == 1.0
    warmup.release()
    # One of them is done first: then the other is one among others.
    assert not warmup.hold(110.0)
    warmup.release()
    assert warmup.hold(110.1)


def test_a_credit_outlives_other_news() -> None:
    """Each change of another endpoint would set the credit back, and a busy day would never let the new one in."""
    endpoints = make_endpoints(1, 1)
    warmup = warm(10.0, endpoints)
    for _ in range(19):
        assert warmup.hold(100.0)
        warmup.release()
    warmup.update(endpoints, {endpoints[0]: 100.0}, 100.0)
    warmup.hold(100.0)
    warmup.release()
    assert not warmup.hold(100.0)
    # Another absence is another slow start.
    warmup.release()
    warmup.update(endpoints, {endpoints[0]: 200.0}, 200.0)
    assert warmup.hold(200.0)


@pytest.mark.parametrize(("window", "since", "now"), [(None, 100.0, 99.9), (10.0, 0.0, 1.0), (10.0, 1.0, 11.0)])
def test_who_does_not_warm(window: float | None, since: float, now: float) -> None:
    """Without slow start, never away, or back long ago."""
    a, b = make_endpoints(1, 1)
    warmup = Warmup(window)
    warmup.update([a, b], {a: since}, now)
    assert warmup.is_over
    assert not warmup.hold(now)
