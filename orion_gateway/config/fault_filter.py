"""The model of the filter `fault`, and the kinds of its values."""

import re
from typing import Annotated, Any

from orion_gateway.config.kinds import DURATION, DURATION_SCHEMA, Kind, ResponseStatus, Share, Text, fail, read_period
from orion_gateway.config.table import REQUIRED, OrText, Table, key

SPAN = re.compile(rf"(?P<least>{DURATION.pattern})\.\.(?P<most>{DURATION.pattern})")


def read_span(value: object) -> tuple[float, float]:
    """Return the bounds of `100ms..2s`, or twice the same for one duration."""
    match = SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        seconds = read_period(value)
        return seconds, seconds
    least, most = (read_period(match[part]) for part in ("least", "most"))
    if least > most:
        message = "the first duration is longer than the second"
        raise fail("E0203", message, suggestion=f"{match['most']}..{match['least']}")
    return least, most


SPAN_SCHEMA: dict[str, Any] = {
    "anyOf": [DURATION_SCHEMA, {"type": "string", "pattern": r"^[0-9.]+(ms|s|m|h)\.\.[0-9.]+(ms|s|m|h)$"}]
}
SPAN_KIND = Kind("duration or two durations", read_span, SPAN_SCHEMA)
STATUS = next(mark for mark in ResponseStatus.__metadata__ if isinstance(mark, Kind))  # type: ignore[attr-defined]
_OWN_SHARE = "Its own share, drawn by itself; left out: that of the filter."


class DelayConfig(Table):
    """How long requests wait."""

    time: Annotated[tuple[float, float], SPAN_KIND] = key(
        REQUIRED, "How long: a duration, or two between which one is drawn. Text alone means the same.", "100ms..2s"
    )
    share: Share | None = key(None, _OWN_SHARE, "10%")


class AbortConfig(Table):
    """What requests are answered with."""

    status: ResponseStatus = key(REQUIRED, "The status. A number alone means the same.", 503)
    body: Text | None = key(None, "Plain text; left out: the error body of the gateway.", "Down for an exercise.")
    share: Share | None = key(None, _OWN_SHARE, "5%")


class FaultConfig(Table):
    """Makes requests slow or fail on purpose, to see what clients do. Not for what real users ask."""

    delay: Annotated[DelayConfig, OrText("time", SPAN_KIND)] | None = key(
        None, "Requests wait before they go on.", "100ms..2s"
    )
    abort: Annotated[AbortConfig, OrText("status", STATUS)] | None = key(
        None, "Requests are answered here, behind the delay if there is one.", 503
    )
    share: Share = key("100%", "The share of the requests that it hits, drawn once for both.", "10%")
