"""Lay a record out over time, for the text and the picture: a lane per endpoint and circuit, and curves of rates.

Where there are too many endpoints or gateways for lanes, a band says how large a share of them was how.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from orion_gateway.simulator.measure import average_per_bin, count_per_bin
from orion_gateway.simulator.record import Lane, Look, Try

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.simulator.record import Change, Known, Record

MOST_LANES = 16
"""Of one service; beyond, a band tells more."""

Of = Literal["endpoint", "circuit"]

RateName = Literal["offered", "upstream", "retries", "errors", "refused"]


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when something was of a kind: a `Look` or a `Lane`."""

    since: float
    until: float
    kind: int


@dataclass(frozen=True, slots=True)
class OneLane:
    """How one endpoint or circuit was. Of an endpoint also what it really did, and its attempts per second."""

    label: str
    of: Of
    spans: tuple[Span, ...]
    deeds: tuple[Span, ...] = ()
    """Of kind `Deed`; none when it did nothing but answer."""
    rates: tuple[float, ...] = ()
    scale: float = 0.0
    """The highest rate of any endpoint of the service."""


@dataclass(frozen=True, slots=True)
class Band:
    """How a crowd was: for each bin the share of every kind, which add up to one."""

    label: str
    of: Of
    count: int
    shares: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """A rate per second for each bin."""

    name: RateName
    rates: tuple[float, ...]

    @property
    def highest(self) -> float:
        """Return the largest rate."""
        return max(self.rates)


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a record looks like over time, in `bins` spans of equal length."""

    duration: float
    bins: int
    rows: tuple[OneLane | Band, ...]
    curves: tuple[Curve, ...]


def build_timeline(record: Record, bins: int) -> Timeline:
    """Return the lanes and curves of a record."""
    rows: list[OneLane | Band] = []
    for number, known in enumerate(record.services):
        own = [change for change in record.standings if change.service == number]
        rows += [_band(record, known, own, bins)] if known.seen > MOST_LANES else _lanes(record, number, own, bins)
    for number, known in enumerate(record.services):
        if known.has_circuit:
            own = [change for change in record.circuits if change.service == number]
            rows += _circuits(record, known, own, bins)
    return Timeline(record.duration, bins, tuple(rows), _curves(record, bins))


def _band(record: Record, known: Known, changes: Sequence[Change], bins: int) -> Band:
    averages = average_per_bin(changes, len(Look), known.seen, record.duration, bins)
    shares = tuple(tuple(count / known.seen for count in counts) for counts in averages)
    return Band(f"{known.name} endpoints", "endpoint", known.seen, shares)


def _lanes(record: Record, service: int, changes: Sequence[Change], bins: int) -> list[OneLane]:
    known, width = record.services[service], record.duration / bins
    counts = [[0] * bins for _ in known.names]
    for row, at in enumerate(record.tried_at):
        if record.tried_service[row] == service:
            counts[record.tried_endpoint[row]][min(bins - 1, int(at / width))] += 1
    scale = max(map(max, counts)) / width
    lanes = []
    for gateway in range(record.gateways):
        where = f" gateway {gateway}" if record.gateways > 1 else ""
        for endpoint, name in enumerate(known.names):
            own = [change for change in changes if (change.gateway, change.endpoint) == (gateway, endpoint)]
            deeds = [one for one in record.deeds if (one.service, one.endpoint) == (service, endpoint)]
            lane = OneLane(
                label=f"{known.name} {name}{where}",
                of="endpoint",
                spans=_spans(own, record.duration),
                # What concerns all gateways is shown once.
                deeds=_spans(deeds, record.duration) if deeds and gateway == 0 else (),
                rates=tuple(count / width for count in counts[endpoint]) if gateway == 0 else (),
                scale=scale,
            )
            lanes.append(lane)
    return lanes


def _circuits(record: Record, known: Known, changes: Sequence[Change], bins: int) -> list[OneLane | Band]:
    count = record.gateways
    if count > MOST_LANES:
        averages = average_per_bin(changes, len(Lane), count, record.duration, bins)
        shares = tuple(tuple(one / count for one in counts) for counts in averages)
        return [Band(f"{known.name} circuits", "circuit", count, shares)]
    lanes: list[OneLane | Band] = []
    for gateway in range(count):
        own = [change for change in changes if change.gateway == gateway]
        where = f" gateway {gateway}" if count > 1 else ""
        lanes.append(OneLane(f"{known.name} circuit{where}", "circuit", _spans(own, record.duration)))
    return lanes


def _spans(changes: Sequence[Change], duration: float) -> tuple[Span, ...]:
    spans: list[Span] = []
    since, kind = 0.0, 0
    for change in changes:
        if change.at > since:
            spans.append(Span(since, change.at, kind))
        since, kind = change.at, change.look
    if since < duration:
        spans.append(Span(since, duration, kind))
    return tuple(spans)


def _curves(record: Record, bins: int) -> tuple[Curve, ...]:
    width = record.duration / bins
    ended = range(len(record.begun))

    def rate(name: RateName, counts: list[int]) -> Curve:
        return Curve(name, tuple(count / width for count in counts))

    kinds = record.tried_kind
    retries = (row for row in range(len(kinds)) if kinds[row] == Try.RETRY)
    # An error is seen when the answer comes, not when the request came.
    errors = (row for row in ended if record.status[row] >= 500)
    refused = (row for row in ended if record.is_refused[row])
    return (
        rate("offered", count_per_bin(record.offered_at, range(len(record.offered_at)), width, bins)),
        rate("upstream", count_per_bin(record.tried_at, range(len(record.tried_at)), width, bins)),
        rate("retries", count_per_bin(record.tried_at, retries, width, bins)),
        rate("errors", count_per_bin(record.ended, errors, width, bins)),
        rate("refused", count_per_bin(record.ended, refused, width, bins)),
    )
