"""What time it is, and how a time is written: always UTC, in milliseconds, with a Z."""

from datetime import UTC, datetime, timedelta

_CORRECTION = timedelta(seconds=1)
"""By less than this a clock is set back to keep time, by more because somebody wants it."""

_latest = datetime.min.replace(tzinfo=UTC)


def utc_now() -> datetime:
    """Return the time now, aware and in UTC, cut to milliseconds so that what is stored is what was answered.

    Within a process it stands still while the system's clock is corrected backwards: nothing is sent before it is made.
    """
    global _latest
    now = datetime.now(UTC)
    _latest = follow(now.replace(microsecond=now.microsecond // 1000 * 1000), _latest)
    return _latest


def follow(now: datetime, latest: datetime) -> datetime:
    """Return what to say after `latest` was said: `now`, unless that is a small step back."""
    return latest if now < latest < now + _CORRECTION else now


def iso_time(moment: datetime) -> str:
    """Write an aware time as ISO 8601 in UTC, such as `2025-01-18T14:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
