"""Say for people what happened: what came of the requests, the timeline in characters, and what held."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from orion_gateway.simulator.expectations import show_value
from orion_gateway.simulator.measure import summarize
from orion_gateway.simulator.record import Deed, Lane, Look
from orion_gateway.simulator.timeline import Band, build_timeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orion_gateway.simulator.expectations import Held
    from orion_gateway.simulator.measure import Summary
    from orion_gateway.simulator.record import Record
    from orion_gateway.simulator.timeline import Curve, Span

COLUMNS = 72
LEVELS = " ▁▂▃▄▅▆▇█"

LOOKS: Mapping[int, tuple[str, str]] = {
    Look.UP: ("─", "up"),
    Look.WARMING: ("░", "warming up"),
    Look.UNKNOWN: ("?", "not checked yet"),
    Look.EJECTED: ("E", "ejected"),
    Look.DOWN: ("X", "down"),
}
LANES: Mapping[int, tuple[str, str]] = {
    Lane.CLOSED: ("─", "closed"),
    Lane.RAMP: ("░", "closed, ramping"),
    Lane.OPEN: ("O", "open"),
    Lane.HALF_OPEN: ("H", "half open"),
}
DEEDS: Mapping[int, tuple[str, str]] = {
    Deed.ANSWER: ("·", "well"),
    Deed.SLOW: ("s", "slow"),
    Deed.RECOVER: ("v", "failing ever less"),
    Deed.FAIL: ("f", "failing"),
    Deed.RESET: ("t", "resetting"),
    Deed.HANG: ("h", "hanging"),
    Deed.REFUSE: ("r", "refusing"),
}


def render_text(record: Record, judged: Sequence[Held]) -> str:
    """Return the report."""
    return "\n".join([*_head(record), "", *_summary(record), "", *_timeline(record), *_expectations(judged)])


def _head(record: Record) -> Iterator[str]:
    if record.title:
        yield record.title
    gateways = "1 gateway" if record.gateways == 1 else f"{record.gateways:,} gateways"
    workers = "1 worker" if record.workers == 1 else f"{record.workers} workers"
    yield f"{record.duration:g} s, {gateways} of {workers}, seed {record.seed}"


def _summary(record: Record) -> Iterator[str]:
    summary = summarize(record)
    for label, value, remark in summary_rows(summary, record):
        yield f"{label:<20}{value:>12}  {remark}".rstrip()


def summary_rows(summary: Summary, record: Record) -> Iterator[tuple[str, str, str]]:
    """Yield label, value and remark of every line of a summary."""
    offered, ended = summary.offered, summary.ended

    def share(part: int, whole: int) -> str:
        return f"{show_value(part / whole, '%')}" if whole else ""

    failed = sum(summary.errors.values())
    statuses = ", ".join(f"{count:,} of {status}" for status, count in summary.errors.items())
    yield "offered", f"{offered:,}", f"{offered / record.duration:,.1f}/s"
    yield "succeeded", f"{summary.succeeded:,}", share(summary.succeeded, ended)
    yield "client errors", f"{failed:,}", ": ".join(part for part in (share(failed, ended), statuses) if part)
    if summary.unfinished:
        yield "unfinished", f"{summary.unfinished:,}", "still waiting at the end"
    yield "refused by circuit", f"{summary.refused:,}", share(summary.refused, ended)
    yield "attempts upstream", f"{summary.attempts:,}", f"{show_value(summary.upstream_load, 'x')} offered"
    yield "retries", f"{summary.retries:,}", f"{share(summary.retries, offered)} of offered"
    if summary.trials:
        yield "trials", f"{summary.trials:,}", "of half-open circuits"
    p99 = show_value(summary.latency_p99, "s")
    yield "latency", show_value(summary.latency_p50, "s"), f"median; 99 % within {p99}, errors left out"
    if summary.checks:
        endpoints = sum(len(known.names) for known in record.services)
        rate = summary.checks / record.duration / endpoints
        yield "health checks", f"{summary.checks:,}", f"{rate:.2g}/s per endpoint"


def _timeline(record: Record) -> Iterator[str]:
    timeline = build_timeline(record, COLUMNS)
    width = max([len("  not checked yet"), *(len(row.label) for row in timeline.rows)])
    yield f"{'':{width}}  {_axis(record.duration)}"
    kinds: dict[str, str] = {}
    for row in timeline.rows:
        meaning = LOOKS if row.of == "endpoint" else LANES
        if isinstance(row, Band):
            yield from _band(row, width)
            continue
        yield f"{row.label:{width}}  {_lane(row.spans, record.duration, meaning, kinds)}"
        if row.deeds:
            yield f"{'  really':{width}}  {_lane(row.deeds, record.duration, DEEDS, kinds)}"
        if row.scale:
            sparks = "".join(_spark(rate, row.scale) for rate in row.rates)
            yield f"{'  attempts/s':{width}}  {sparks}  at most {max(row.rates):,.4g}"
    for curve in timeline.curves:
        if curve.highest:
            yield f"{curve.name + '/s':{width}}  {_sparks(curve)}  at most {curve.highest:,.4g}"
    legend = "   ".join(f"{sign} {words}" for sign, words in kinds.items())
    yield f"{'':{width}}  one column is {record.duration / COLUMNS:.3g} s" + (f"   {legend}" if legend else "")


def _axis(duration: float) -> str:
    axis = [" "] * (COLUMNS + 8)
    for quarter in range(5):
        at = COLUMNS * quarter // 4
        for offset, char in enumerate(f"{duration * quarter / 4:.4g}s"):
            axis[at + offset] = char
    return "".join(axis).rstrip()


def _lane(spans: Sequence[Span], duration: float, meaning: Mapping[int, tuple[str, str]], kinds: dict[str, str]) -> str:
    """Return one character per column: the worst that something was in it. What signs mean is added to `kinds`."""
    worst = [0] * COLUMNS
    for span in spans:
        first = min(COLUMNS - 1, int(span.since / duration * COLUMNS))
        last = min(COLUMNS - 1, max(first, ceil(span.until / duration * COLUMNS) - 1))
        for column in range(first, last + 1):
            worst[column] = max(worst[column], span.kind)
    for kind in sorted(set(worst)):
        sign, words = meaning[kind]
        if words not in kinds.setdefault(sign, words):
            kinds[sign] += f", {words}"
    return "".join(meaning[kind][0] for kind in worst)


def _band(row: Band, width: int) -> Iterator[str]:
    """Yield a row of sparks for every kind that occurs."""
    meaning = LOOKS if row.of == "endpoint" else LANES
    many = "as their gateways see them" if row.of == "endpoint" else "one per gateway"
    yield f"{row.label:{width}}  {row.count:,}, {many}"
    for kind, (_, words) in meaning.items():
        shares = [shares_of[kind] for shares_of in row.shares]
        if max(shares) > 0:
            sparks = "".join(_spark(share, 1.0) for share in shares)
            yield f"{'  ' + words[: width - 2]:{width}}  {sparks}  at most {show_value(max(shares), '%')}"


def _sparks(curve: Curve) -> str:
    return "".join(_spark(rate, curve.highest) for rate in curve.rates)


def _spark(value: float, highest: float) -> str:
    # Anything at all is seen: only nothing is blank.
    return LEVELS[max(1, round(value / highest * (len(LEVELS) - 1)))] if value > 0 else LEVELS[0]


def _expectations(judged: Sequence[Held]) -> Iterator[str]:
    if judged:
        yield ""
    for held in judged:
        yield f"{'ok  ' if held.has_held else 'FAIL'}  {held.said}: {held.found}"
