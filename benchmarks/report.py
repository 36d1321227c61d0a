"""Show results: a table for people, plain values for JSON. What the figures are is decided in `results`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.results import Figure, PeerResult, ScenarioResult

HEADINGS = ("peer", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "to nginx", "core", "errors")


def render_table(result: ScenarioResult) -> str:
    """Return the scenario's table, one line per peer, then one line per peer that is missing or failed."""
    lines = [HEADINGS, *(_render_row(name, peer, result.compare_cpu(name)) for name, peer in result.peers.items())]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    text = [_align(line, widths) for line in lines]
    text += [f"{name}: missing, {reason}" for name, reason in result.missing.items()]
    text += [f"{name}: failed, {reason}" for name, reason in result.failed.items()]
    return "\n".join(text)


def to_json(result: ScenarioResult) -> dict[str, object]:
    """Return the scenario's figures and rounds as values that JSON can hold; durations and CPU in seconds."""
    peers = {}
    for name, peer in result.peers.items():
        peers[name] = {
            "requests_per_second": asdict(peer.rate),
            "p50": asdict(peer.p50),
            "p99": asdict(peer.p99),
            "cpu_per_request": asdict(peer.cpu_per_request) if peer.cpu_per_request else None,
            "cpu_to_nginx": result.compare_cpu(name),
            "cores": asdict(peer.cores) if peer.cores else None,
            "errors": peer.errors,
            "rounds": [asdict(one) for one in peer.rounds],
        }
    return {"scenario": result.scenario, "peers": peers, "missing": result.missing, "failed": result.failed}


def _render_row(name: str, peer: PeerResult, ratio: float | None) -> tuple[str, ...]:
    return (
        name,
        _render_figure(peer.rate, ",.0f"),
        f"{peer.p50.median * 1e3:.2f}",
        f"{peer.p99.median * 1e3:.2f}",
        _render_figure(peer.cpu_per_request, ".1f", scale=1e6),
        f"{ratio:.2f}" if ratio is not None else "-",
        f"{peer.cores.median:.0%}" if peer.cores else "-",
        str(peer.errors),
    )


def _render_figure(figure: Figure | None, form: str, scale: float = 1.0) -> str:
    return f"{figure.median * scale:{form}} ±{figure.spread:.0%}" if figure else "-"


def _align(line: tuple[str, ...], widths: list[int]) -> str:
    first, *others = line
    return "  ".join(
        [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
    )
