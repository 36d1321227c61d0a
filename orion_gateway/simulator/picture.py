"""Draw a record as SVG that is readable on light and on dark ground: lanes of endpoints and circuits, curves of rates.

One axis of time runs through everything, so that the eye can go from an ejection straight down to the errors.
"""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from orion_gateway.simulator.expectations import show_value
from orion_gateway.simulator.measure import summarize
from orion_gateway.simulator.record import Deed, Lane, Look
from orion_gateway.simulator.timeline import Band, OneLane, build_timeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orion_gateway.simulator.expectations import Held
    from orion_gateway.simulator.record import Record
    from orion_gateway.simulator.timeline import Curve, Span, Timeline

BINS = 240
WIDTH = 960
MARGIN = 16
LABEL = 190  # pixels left of the plot
RIGHT = 56  # pixels right of it
PLOT = WIDTH - LABEL - RIGHT
LANE = 30
BAR = 16  # of which a lane is painted
DEED = 5  # and below it what an endpoint really did
BAND = 74
PANEL = 120
GAP = 26

LOOKS: Mapping[int, tuple[str, str]] = {
    Look.UP: ("up", "up"),
    Look.WARMING: ("warming", "warming up"),
    Look.UNKNOWN: ("unknown", "not checked yet"),
    Look.EJECTED: ("ejected", "ejected"),
    Look.DOWN: ("down", "down"),
}
LANES: Mapping[int, tuple[str, str]] = {
    Lane.CLOSED: ("up", "closed"),
    Lane.RAMP: ("warming", "closed, ramping up"),
    Lane.OPEN: ("open", "open"),
    Lane.HALF_OPEN: ("half", "half open"),
}
DEEDS: Mapping[int, tuple[str, str]] = {
    Deed.ANSWER: ("", "answers"),
    Deed.SLOW: ("slow", "slow"),
    Deed.RECOVER: ("recover", "fails ever less"),
    Deed.FAIL: ("fail", "fails"),
    Deed.RESET: ("reset", "resets"),
    Deed.HANG: ("hang", "hangs"),
    Deed.REFUSE: ("refuse", "refuses"),
}
CURVES = {
    "offered": "offered by clients",
    "upstream": "attempts upstream",
    "errors": "errors seen by clients",
    "refused": "refused by circuit",
    "retries": "retries",
}

# Colours for light ground; the media query turns them for readers whose page is dark. No ground is painted.
STYLE = """
    text { font: 12px system-ui, sans-serif; fill: #24292f; }
    .title { font-size: 17px; font-weight: 600; }
    .head { font-weight: 600; }
    .quiet { fill: #57606a; }
    .failed { fill: #cf222e; }
    .grid { stroke: #d0d7de; stroke-width: 1; }
    .up { fill: #4ac26b; } .warming { fill: #b4e3c0; } .unknown { fill: #d0d7de; }
    .ejected { fill: #e8a33d; } .down { fill: #d1495b; } .half { fill: #8f7ee7; } .open { fill: #5a4fb3; }
    .slow { fill: #bf8700; } .recover { fill: #c69026; } .fail { fill: #a40e26; } .reset { fill: #cf4f8f; }
    .hang { fill: #6639ba; } .refuse { fill: #24292f; }
    polyline { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
    polygon { stroke: none; opacity: 0.14; }
    .offered { stroke: #6e7781; } .upstream { stroke: #0969da; } .errors { stroke: #cf222e; }
    .refused { stroke: #8250df; } .retries { stroke: #bf8700; }
    polyline.offered { stroke-dasharray: 5 3; }
    polygon.upstream { fill: #0969da; } polygon.errors { fill: #cf222e; } polygon.retries { fill: #bf8700; }
    polygon.refused { fill: #8250df; } polygon.traffic { fill: #000000; opacity: 0.22; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .quiet { fill: #9198a1; }
      .failed { fill: #ff7b72; }
      .grid { stroke: #30363d; }
      .up { fill: #2ea043; } .warming { fill: #1f5a2c; } .unknown { fill: #484f58; }
      .ejected { fill: #d29922; } .down { fill: #da3633; } .half { fill: #a393f0; } .open { fill: #6e5fd0; }
      .slow { fill: #d29922; } .recover { fill: #c69026; } .fail { fill: #ff7b72; } .reset { fill: #f778ba; }
      .hang { fill: #ab7df8; } .refuse { fill: #e6edf3; }
      .offered { stroke: #9198a1; } .upstream { stroke: #4493f8; } .errors { stroke: #ff7b72; }
      .refused { stroke: #ab7df8; } .retries { stroke: #d29922; }
    }"""


def render_picture(record: Record, judged: Sequence[Held]) -> str:
    """Return the document."""
    timeline = build_timeline(record, BINS)
    parts = list(_head(record))
    top = 76.0
    for of, title in (("endpoint", "Endpoints"), ("circuit", "Circuits")):
        rows = [row for row in timeline.rows if row.of == of]
        if rows:
            parts += _section(title, rows, record.duration, top)
            top += 24 + sum(_height(row) for row in rows) + GAP
    for title, names in (
        ("Requests per second", ("offered", "upstream")),
        ("Trouble per second", ("errors", "refused", "retries")),
    ):
        curves = [curve for curve in timeline.curves if curve.name in names]
        parts += _panel(title, curves, timeline, top)
        top += 24 + PANEL + GAP + 8
    for held in judged:
        sign, kind = ("✓", "quiet") if held.has_held else ("✗", "failed")
        parts.append(_text(MARGIN, top, f"{sign} {held.said}: {held.found}", kind))
        top += 17
    height = round(top + 4)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
            ' role="img">',
            f"  <title>{escape(record.title or 'Simulation')}</title>",
            f"  <style>{STYLE}\n  </style>",
            *(f"  {part}" for part in parts),
            "</svg>\n",
        ]
    )


def _head(record: Record) -> Iterator[str]:
    summary = summarize(record)
    errors = sum(summary.errors.values())
    gateways = "1 gateway" if record.gateways == 1 else f"{record.gateways:,} gateways"
    workers = "1 worker" if record.workers == 1 else f"{record.workers} workers"
    yield _text(MARGIN, 26, record.title or "Simulation", "title")
    share = show_value(errors / summary.ended, "%") if summary.ended else "none"
    yield _text(
        MARGIN,
        47,
        f"{gateways} of {workers} · {summary.offered:,} requests · client errors {errors:,} ({share}) · "
        f"upstream load {show_value(summary.upstream_load, 'x')} offered · {summary.retries:,} retries · "
        f"{summary.refused:,} refused",
        "quiet",
    )


def _section(title: str, rows: Sequence[OneLane | Band], duration: float, top: float) -> Iterator[str]:
    meaning = LOOKS if rows[0].of == "endpoint" else LANES
    kinds = sorted({kind for row in rows for kind in _kinds_of(row)})
    yield _text(MARGIN, top + 12, title, "head")
    deeds = sorted({span.kind for row in rows if isinstance(row, OneLane) for span in row.deeds} - {0})
    yield from _legend([meaning[kind] for kind in kinds] + [DEEDS[kind] for kind in deeds], top + 12)
    top += 24
    bottom = top + sum(_height(row) for row in rows)
    yield from _grid(duration, top, bottom)
    for row in rows:
        if isinstance(row, Band):
            yield from _band(row, top)
        else:
            yield _text(LABEL - 10, top + 12, _shorten(row.label), anchor="end")
            for span in row.spans:
                yield _bar(span, duration, top, BAR, meaning[span.kind], row.label)
            for span in row.deeds:
                if span.kind:
                    yield _bar(span, duration, top + BAR + 1, DEED, DEEDS[span.kind], row.label)
            if row.scale and row.rates:
                yield _shape("traffic", row.rates, row.scale, top + 1, BAR - 1)
        top += _height(row)


def _bar(span: Span, duration: float, top: float, height: int, kind: tuple[str, str], label: str) -> str:
    x, width = _x(span.since, duration), max((span.until - span.since) / duration * PLOT, 2.0)
    said = f"{label}: {kind[1]}, {span.since:.2f} s to {span.until:.2f} s"
    return (
        f'<rect class="{kind[0]}" x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height}" rx="2">'
        f"<title>{escape(said)}</title></rect>"
    )


def _shape(kind: str, values: Sequence[float], highest: float, top: float, height: float) -> str:
    """Return the area below a curve."""
    width = PLOT / len(values)
    bottom = top + height
    points = [
        f"{LABEL + (index + 0.5) * width:.1f},{bottom - value / highest * height:.1f}"
        for index, value in enumerate(values)
    ]
    ends = f"{LABEL + PLOT - width / 2:.1f},{bottom:.1f} {LABEL + width / 2:.1f},{bottom:.1f}"
    return f'<polygon class="{kind}" points="{" ".join(points)} {ends}"/>'


def _kinds_of(row: OneLane | Band) -> set[int]:
    if isinstance(row, Band):
        return {kind for shares in row.shares for kind, share in enumerate(shares) if share > 0}
    return {span.kind for span in row.spans}


def _height(row: OneLane | Band) -> int:
    return BAND if isinstance(row, Band) else LANE if row.of == "endpoint" else LANE - DEED - 1


def _band(row: Band, top: float) -> Iterator[str]:
    """Yield stacked shares, the well ones below, as one rectangle per run of equal bins and kind."""
    meaning = LOOKS if row.of == "endpoint" else LANES
    full, width = BAND - 12, PLOT / len(row.shares)
    yield _text(LABEL - 10, top + 14, _shorten(row.label), anchor="end")
    yield _text(LABEL - 10, top + 30, f"{row.count:,} {'seen' if row.of == 'endpoint' else 'gateways'}", "quiet", "end")
    yield _text(WIDTH - RIGHT + 6, top + 10, "100 %", "quiet")
    first = 0
    for index in range(1, len(row.shares) + 1):
        if index < len(row.shares) and row.shares[index] == row.shares[first]:
            continue
        y = top + full
        for kind, share in enumerate(row.shares[first]):
            if share > 0:
                y -= share * full
                # A little wider than its bins: neighbours must not show a seam.
                yield (
                    f'<rect class="{meaning[kind][0]}" shape-rendering="crispEdges" x="{LABEL + first * width:.1f}" '
                    f'y="{y:.2f}" width="{(index - first) * width + 0.4:.1f}" height="{share * full:.2f}"/>'
                )
        first = index


def _panel(title: str, curves: Sequence[Curve], timeline: Timeline, top: float) -> Iterator[str]:
    used = [curve for curve in curves if curve.highest > 0]
    yield _text(MARGIN, top + 12, title, "head")
    yield from _legend([(curve.name, CURVES[curve.name]) for curve in used], top + 12, is_line=True)
    top += 24
    step, highest = _scale(max([curve.highest for curve in curves]))
    yield from _grid(timeline.duration, top, top + PANEL)
    for line in range(round(highest / step) + 1):
        y = top + PANEL - line * step / highest * PANEL
        yield f'<line class="grid" x1="{LABEL}" y1="{y:.1f}" x2="{LABEL + PLOT}" y2="{y:.1f}"/>'
        yield _text(LABEL - 10, y + 4, f"{line * step:,.10g}", "quiet", "end")
    for curve in used:
        width = PLOT / timeline.bins
        points = [
            f"{LABEL + (index + 0.5) * width:.1f},{top + PANEL - rate / highest * PANEL:.1f}"
            for index, rate in enumerate(curve.rates)
        ]
        if curve.name != "offered":
            yield _shape(curve.name, curve.rates, highest, top, PANEL)
        yield f'<polyline class="{curve.name}" points="{" ".join(points)}"/>'


def _grid(duration: float, top: float, bottom: float) -> Iterator[str]:
    step, _ = _scale(duration)
    at = 0.0
    while at <= duration * 1.0001:
        x = _x(at, duration)
        yield f'<line class="grid" x1="{x:.1f}" y1="{top - 4:.1f}" x2="{x:.1f}" y2="{bottom:.1f}"/>'
        yield _text(x, bottom + 14, f"{at:g} s", "quiet", "middle")
        at += step


def _legend(entries: Sequence[tuple[str, str]], y: float, *, is_line: bool = False) -> Iterator[str]:
    x = float(LABEL)
    for kind, words in entries:
        if is_line:
            yield f'<polyline class="{kind}" points="{x:.0f},{y - 4:.0f} {x + 18:.0f},{y - 4:.0f}"/>'
        else:
            yield f'<rect class="{kind}" x="{x:.0f}" y="{y - 10:.0f}" width="18" height="11" rx="2"/>'
        yield _text(x + 24, y, words, "quiet")
        x += 24 + 6.7 * len(words) + 22


def _scale(highest: float) -> tuple[float, float]:
    """Return the distance of round lines, about five of them, and the first line at or above the highest value."""
    if highest <= 0:
        return 1.0, 1.0
    rough = highest / 5
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return step, step * ceil(highest / step - 1e-9)


def _x(at: float, duration: float) -> float:
    return LABEL + at / duration * PLOT


def _shorten(label: str) -> str:
    return label if len(label) <= 28 else f"…{label[-27:]}"


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "") -> str:
    attributes = (f' class="{kind}"' if kind else "") + (f' text-anchor="{anchor}"' if anchor else "")
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{escape(words)}</text>'
