"""Times as clients see them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from backends.common.clock import follow, iso_time, utc_now

CASES = [
    (datetime(2025, 1, 18, 14, 30, tzinfo=UTC), "2025-01-18T14:30:00.000Z"),
    (datetime(2025, 1, 18, 14, 30, 1, 234567, tzinfo=UTC), "2025-01-18T14:30:01.234Z"),
    (datetime(2025, 1, 18, 1, 0, tzinfo=timezone(timedelta(hours=2))), "2025-01-17T23:00:00.000Z"),
]


@pytest.mark.parametrize(("moment", "text"), CASES)
def test_a_time_is_written_in_utc_with_a_z(moment: datetime, text: str) -> None:
    """Clients sort and compare times as text; another zone or length would break that."""
    assert iso_time(moment) == text


def test_now_loses_nothing_when_it_is_written() -> None:
    """What POST answers as createdAt is what GET answers later, to the last digit."""
    now = utc_now()
    assert datetime.fromisoformat(iso_time(now)) == now


@pytest.mark.parametrize(
    ("step", "followed"),
    [(0.0, 0.0), (0.002, 0.002), (-0.002, 0.0), (-0.999, 0.0), (-1.0, -1.0), (-3600.0, -3600.0), (3600.0, 3600.0)],
)
def test_a_clock_that_is_corrected_does_not_run_backwards(step: float, followed: float) -> None:
    """A mail would be delivered before it was sent; a clock that is set anew is believed."""
    latest = datetime(2026, 11, 23, tzinfo=UTC)
    assert follow(latest + timedelta(seconds=step), latest) == latest + timedelta(seconds=followed)
