"""What time it is, and how a time is written: always UTC, in milliseconds, with a Z."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the time now, aware and in UTC, cut to milliseconds so that what is stored is what was answered."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def iso_time(moment: datetime) -> str:
    """Write an aware time as ISO 8601 in UTC, such as `2025-01-18T14:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
