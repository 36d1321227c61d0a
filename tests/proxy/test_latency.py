"""The live percentile that hedges wait for."""

from __future__ import annotations

from orion_gateway.proxy.latency import LatencyWindow


def fill(window: LatencyWindow, durations: list[float]) -> None:
    for duration in durations:
        window.observe(duration)


def test_a_few_samples_say_nothing() -> None:
    """A delay of the first answer would hedge half of all requests."""
    window = LatencyWindow()
    fill(window, [0.1] * 19)
    assert window.p95 is None
    window.observe(0.1)
    assert window.p95 == 0.1


def test_it_is_the_95th_percentile() -> None:
    """The slowest twentieth is what a hedge is for."""
    window = LatencyWindow()
    fill(window, [number / 1000 for number in range(256)])
    assert window.p95 is not None
    assert 0.22 < window.p95 < 0.245


def test_it_follows_a_service_that_becomes_slow() -> None:
    """Or a slow hour would double the load by hedges."""
    window = LatencyWindow()
    fill(window, [0.01] * 300)
    assert window.p95 == 0.01
    fill(window, [1.0] * 64)
    assert window.p95 == 1.0
