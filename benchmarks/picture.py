"""Draw a run: horizontal bars per peer, as SVG text that is readable on light and on dark ground.

Bars that would leave the panel are cut and say so: one slow peer must not press all others into one pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.results import ScenarioResult

WIDTH = 860
LABEL = 110  # pixels left of the bars
VALUE = 130  # pixels right of the longest bar
LINE = 24
TITLE = 44
LONGEST = 8.0  # times the reference's value: where bars are cut

# Colours for light ground; the media query turns them for readers whose page is dark. No ground is painted.
STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #24292f; }
    .title { font-weight: 600; }
    .quiet { fill: #57606a; }
    rect { fill: #8c959f; }
    rect.own { fill: #0969da; }
    rect.reference { fill: #1a7f37; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .quiet { fill: #9198a1; }
      rect { fill: #656c76; }
      rect.own { fill: #4493f8; }
      rect.reference { fill: #3fb950; }
    }"""


@dataclass(frozen=True, slots=True)
class Bar:
    """A peer's value and how far its rounds lay from each other, as a share; None where that is not known."""

    peer: str
    value: float
    spread: float | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars under one title; shorter is better. `reference` is the peer that scales them."""

    title: str
    bars: tuple[Bar, ...]
    reference: str = "nginx"


def pick_panels(results: Sequence[ScenarioResult]) -> list[Panel]:
    """Return what the picture shows of a run: CPU per request at saturation and at 5,000/s, and added p99 there."""
    panels = []
    for result in results:
        match result.scenario, result.rate:
            case "small_get", None:
                panels.append(
                    _pick(result, "CPU µs per request at saturation, ids, forwarded fields, access log", _pick_cpu)
                )
            case "open_loop", 5000:
                panels.append(_pick(result, "CPU µs per request at 5,000 requests/s offered", _pick_cpu))
                panels.append(_pick(result, "added p99 latency in µs at 5,000 requests/s offered", _pick_added))
    return [panel for panel in panels if panel.bars]


def render_picture(panels: Sequence[Panel], captions: Sequence[str]) -> str:
    """Return the panels below each other, and the captions below them, as a document of SVG."""
    parts: list[str] = []
    top = 10
    for panel in panels:
        parts += _render_panel(panel, top)
        top += TITLE + LINE * len(panel.bars) + 8
    for caption in captions:
        top += 20
        parts.append(f'  <text class="quiet" x="10" y="{top}">{escape(caption)}</text>')
    height = top + 14
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
            f' role="img">',
            f"  <title>{escape('; '.join(panel.title for panel in panels))}</title>",
            f"  <style>{STYLE}\n  </style>",
            *parts,
            "</svg>\n",
        ]
    )


def _pick(result: ScenarioResult, title: str, bar: Callable[[ScenarioResult, str], Bar | None]) -> Panel:
    bars = [found for name in result.peers if (found := bar(result, name)) is not None]
    return Panel(title, tuple(sorted(bars, key=lambda one: one.value)))


def _pick_cpu(result: ScenarioResult, name: str) -> Bar | None:
    figure = result.peers[name].cpu_per_request
    return None if figure is None else Bar(name, figure.median * 1e6, figure.spread)


def _pick_added(result: ScenarioResult, name: str) -> Bar | None:
    added = result.add_latency(name, lambda peer: peer.p99)
    return None if added is None else Bar(name, added * 1e6)


def _render_panel(panel: Panel, top: int) -> list[str]:
    longest = max(0.0, *(bar.value for bar in panel.bars))
    reference = next((bar.value for bar in panel.bars if bar.peer == panel.reference and bar.value > 0), longest)
    scale = (WIDTH - LABEL - VALUE) / (min(longest, LONGEST * reference) or 1.0)
    parts = [f'  <text class="title" x="10" y="{top + 22}">{escape(panel.title)}</text>']
    for index, bar in enumerate(panel.bars):
        y = top + TITLE + LINE * index
        kind = "own" if bar.peer.startswith("orion") else "reference" if bar.peer == panel.reference else "other"
        is_cut = bar.value > LONGEST * reference
        length = max(1.0, min(bar.value, LONGEST * reference) * scale)
        spread = f" ±{bar.spread:.0%}" if bar.spread else ""
        value = f"{'… ' if is_cut else ''}{bar.value:,.1f}{spread}"
        parts += [
            f'  <text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(bar.peer)}</text>',
            f'  <rect class="{kind}" x="{LABEL}" y="{y}" width="{length:.1f}" height="{LINE - 7}" rx="2"/>',
            f'  <text class="quiet" x="{LABEL + length + 8:.1f}" y="{y + 13}">{escape(value)}</text>',
        ]
    return parts
