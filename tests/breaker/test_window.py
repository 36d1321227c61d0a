"""The rolling window: near to exact, and bounded whatever comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.breaker.window import SLICES, RollingWindow


@given(
    length=st.sampled_from([0.5, 10.0, 60.0]),
    start=st.floats(0, 1e6),
    events=st.lists(st.tuples(st.floats(0, 1.2), st.integers(0, 5), st.integers(0, 5)), max_size=60),
)
def test_it_holds_what_happened_within_its_length_and_a_slice_more_at_most(
    length: float, start: float, events: list[tuple[float, int, int]]
) -> None:
    """Counting less would keep a circuit closed that must open; counting longer would open it for what is long past."""
    window = RollingWindow(length)
    now = start
    past: list[tuple[float, int, int]] = []
    for wait, successes, failures in events:
        now += wait * length
        window.add(successes, failures, now)
        past.append((now, successes, failures))
        least = [event for event in past if event[0] > now - length]
        # The clock's own rounding may move an event over the edge of a slice.
        most = [event for event in past if event[0] >= now - length * (1 + 1 / SLICES) - 1e-6]
        assert sum(event[1] for event in least) <= window.successes <= sum(event[1] for event in most)
        assert sum(event[2] for event in least) <= window.failures <= sum(event[2] for event in most)


def test_its_memory_is_bounded() -> None:
    """A service with 10,000 requests per second must not make the supervisor grow."""
    window = RollingWindow(60.0)
    for number in range(100_000):
        window.add(1, 0, number * 0.01)
    assert len(window._slices) <= SLICES + 1


def test_time_alone_empties_it() -> None:
    """What the admin API shows of a service that nobody uses any more is nothing."""
    window = RollingWindow(60.0)
    window.add(3, 4, 10.0)
    window.forget(72.0)
    assert (window.successes, window.failures) == (0, 0)
    window.add(3, 4, 80.0)
    window.clear()
    assert (window.successes, window.failures) == (0, 0)
