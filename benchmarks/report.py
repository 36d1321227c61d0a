"""Show results: a table in Markdown for people, plain values for JSON. What the figures are is decided in `results`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.results import Figure, PeerResult, ScenarioResult

NOTHING = "-"
LARGE = 16 * 1024  # bytes of content from which bytes per second say more than answers per second


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and what stands below it for one peer; a column with nothing in it is not shown."""

    heading: str
    render: Callable[[ScenarioResult, str, PeerResult], str]


COLUMNS = (
    Column("requests/s", lambda _result, _name, peer: _render_figure(peer.rate, ",.0f")),
    Column("MB/s", lambda result, _name, peer: _render_bytes(peer, result.body_bytes)),
    Column("p50 ms", lambda _result, _name, peer: _render_latency(peer.p50)),
    Column("p90 ms", lambda _result, _name, peer: _render_latency(peer.p90)),
    Column("p99 ms", lambda _result, _name, peer: _render_latency(peer.p99)),
    Column("p99.9 ms", lambda _result, _name, peer: _render_latency(peer.p999)),
    Column("added p99 ms", lambda result, name, _peer: _render_added(result, name)),
    Column("CPU µs/request", lambda _result, _name, peer: _render_figure(peer.cpu_per_request, ".1f", scale=1e6)),
    Column("to nginx", lambda result, name, _peer: _render_number(result.compare_cpu(name), ".2f")),
    Column("core", lambda _result, _name, peer: f"{peer.cores.median:.0%}" if peer.cores else NOTHING),
    Column("memory MiB", lambda _result, _name, peer: f"{peer.memory.median / 2**20:.1f}" if peer.memory else NOTHING),
    Column("KiB/idle", lambda _result, _name, peer: f"{peer.held.median / 1024:.2f}" if peer.held else NOTHING),
    Column("unserved", lambda _result, _name, peer: f"{peer.unserved:.0%}" if peer.unserved else NOTHING),
    Column("errors", lambda _result, _name, peer: str(peer.errors)),
)


def render_table(result: ScenarioResult) -> str:
    """Return one scenario and load as a table in Markdown, one line per peer, and below why others are not in it."""
    rows = [[column.render(result, name, peer) for name, peer in result.peers.items()] for column in COLUMNS]
    shown = [(column.heading, cells) for column, cells in zip(COLUMNS, rows, strict=True) if set(cells) - {NOTHING}]
    lines = [["peer", *(heading for heading, _ in shown)]]
    lines += [[name, *(cells[index] for _, cells in shown)] for index, name in enumerate(result.peers)]
    text = align_table(lines)
    notes = [f"{name}: missing, {reason}" for name, reason in result.missing.items()]
    notes += [f"{name}: not measured, {reason}" for name, reason in result.unfit.items()]
    notes += [f"{name}: failed, {reason}" for name, reason in result.failed.items()]
    return "\n".join([text, *([""] if notes else []), *(f"- {note}" for note in notes)])


def align_table(lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown that is readable as it stands too; the first line is its heading."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_align(line, widths) for line in (lines[0], rule, *lines[1:]))


def to_json(result: ScenarioResult) -> dict[str, object]:
    """Return the figures and rounds as values that JSON can hold; durations and CPU in seconds, memory in bytes."""
    peers = {}
    for name, peer in result.peers.items():
        peers[name] = {
            "requests_per_second": asdict(peer.rate),
            **{percentile: asdict(getattr(peer, percentile)) for percentile in ("p50", "p90", "p95", "p99", "p999")},
            "added_p99": result.add_latency(name, lambda one: one.p99),
            "cpu_per_request": _plain(peer.cpu_per_request),
            "cpu_to_nginx": result.compare_cpu(name),
            "cores": _plain(peer.cores),
            "memory": _plain(peer.memory),
            "memory_per_idle_connection": _plain(peer.held),
            "unserved": peer.unserved,
            "errors": peer.errors,
            "rounds": [asdict(one) for one in peer.rounds],
        }
    return {
        "scenario": result.scenario,
        "load": result.load,
        "offered_rate": result.rate,
        "body_bytes": result.body_bytes,
        "peers": peers,
        "missing": result.missing,
        "unfit": result.unfit,
        "failed": result.failed,
    }


def _plain(figure: Figure | None) -> dict[str, float] | None:
    return asdict(figure) if figure else None


def _render_latency(figure: Figure) -> str:
    return f"{figure.median * 1e3:.2f}"


def _render_bytes(peer: PeerResult, body_bytes: int) -> str:
    return f"{peer.rate.median * body_bytes / 1e6:,.0f}" if body_bytes >= LARGE else NOTHING


def _render_added(result: ScenarioResult, name: str) -> str:
    # At saturation there is nothing to add to: without a proxy more is asked, and latency is queueing.
    added = None if result.rate is None else result.add_latency(name, lambda peer: peer.p99)
    return _render_number(added, ".2f", scale=1e3)


def _render_number(value: float | None, form: str, scale: float = 1.0) -> str:
    return NOTHING if value is None else f"{value * scale:{form}}"


def _render_figure(figure: Figure | None, form: str, scale: float = 1.0) -> str:
    if figure is None:
        return NOTHING
    # A single round has no spread, which is something else than a spread of nothing.
    spread = f" ±{figure.spread:.0%}" if figure.high > figure.low else ""
    return f"{figure.median * scale:{form}}{spread}"


def _align(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = line
    cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
    return f"| {' | '.join(cells)} |"
