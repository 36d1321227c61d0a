"""Compare a run with what the project promises: each promise is a quantity computed from the medians, and two bounds.

A quantity that a run did not measure is unknown, never good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.report import NOTHING, align_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.results import Figure, PeerResult, ScenarioResult


@dataclass(frozen=True, slots=True)
class Run:
    """The results of a run, found by scenario and offered rate."""

    results: Sequence[ScenarioResult]

    def find(self, scenario: str, rate: int | None = None) -> ScenarioResult | None:
        """Return the result of a scenario at an offered rate, or at saturation."""
        found = (one for one in self.results if (one.scenario, one.rate) == (scenario, rate))
        return next(found, None)

    def compare_cpu(self, orion: str, other: str, scenario: str, rate: int | None = None) -> float | None:
        """Return Orion's CPU per request divided by another peer's."""
        result = self.find(scenario, rate)
        return None if result is None else result.compare_cpu(orion, other)

    def compare_rate(self, orion: str, other: str, scenario: str) -> float | None:
        """Return Orion's answers per second divided by another peer's."""
        result = self.find(scenario)
        if result is None or orion not in result.peers or other not in result.peers:
            return None
        return result.peers[orion].rate.median / result.peers[other].rate.median

    def compare_added(self, orion: str, other: str, scenario: str, rate: int) -> float | None:
        """Return Orion's added p99 divided by another peer's; None when the other one added nothing."""
        own, its = (self._add(peer, scenario, rate, lambda one: one.p99) for peer in (orion, other))
        return own / its if own is not None and its is not None and its > 0 else None

    def add_p95(self, orion: str, scenario: str, rate: int) -> float | None:
        """Return Orion's added 95th percentile in milliseconds."""
        added = self._add(orion, scenario, rate, lambda one: one.p95)
        return None if added is None else added * 1e3

    def compare_scenarios(self, orion: str, scenario: str, other: str) -> float | None:
        """Return Orion's CPU per request in a scenario divided by its own in another."""
        figures = []
        for name in (scenario, other):
            result = self.find(name)
            figures.append(
                result.peers[orion].cpu_per_request if result is not None and orion in result.peers else None
            )
        own, its = figures
        return own.median / its.median if own is not None and its is not None and its.median else None

    def find_held(self, orion: str) -> float | None:
        """Return the KiB that Orion holds for an idle connection."""
        found = (
            one.peers[orion].held for one in self.results if orion in one.peers and one.peers[orion].held is not None
        )
        figure = next(found, None)
        return None if figure is None else figure.median / 1024

    def _add(self, peer: str, scenario: str, rate: int, percentile: Callable[[PeerResult], Figure]) -> float | None:
        result = self.find(scenario, rate)
        return None if result is None else result.add_latency(peer, percentile)


@dataclass(frozen=True, slots=True)
class Goal:
    """A promise: what is measured, the bound that must hold now, the one to reach, and whether more is better."""

    text: str
    measure: Callable[[Run, str], float | None]
    bar: float
    goal: float
    at_least: bool = False

    def judge(self, value: float | None) -> str:
        """Say what a value means: the goal, the bar, neither, or unknown."""
        if value is None:
            return NOTHING
        sign = -1 if self.at_least else 1
        if sign * value <= sign * self.goal:
            return f"{value:.2f} goal"
        return f"{value:.2f} bar" if sign * value <= sign * self.bar else f"{value:.2f} missed"


def _cpu(text: str, other: str, scenario: str, bar: float, goal: float, rate: int | None = None) -> Goal:
    return Goal(text, lambda run, orion: run.compare_cpu(orion, other, scenario, rate), bar, goal)


GOALS = (
    _cpu("c, CPU per request / nginx", "nginx", "small_get", 1.3, 1.0),
    _cpu("c at 5,000/s, CPU per request / nginx", "nginx", "open_loop", 1.3, 1.0, 5000),
    _cpu("c at 15,000/s, CPU per request / nginx", "nginx", "open_loop", 1.3, 1.0, 15_000),
    _cpu("b, CPU per request / nginx", "nginx", "plain_get", 1.25, 1.0),
    _cpu("b at 5,000/s, CPU per request / nginx", "nginx", "plain_get", 1.25, 1.0, 5000),
    _cpu("b at 15,000/s, CPU per request / nginx", "nginx", "plain_get", 1.25, 1.0, 15_000),
    _cpu("c, CPU per request / Envoy", "envoy", "small_get", 0.6, 0.4),
    _cpu("c, CPU per request / Caddy", "caddy", "small_get", 0.3, 0.2),
    _cpu("c, CPU per request / Node http-proxy", "node", "small_get", 0.35, 0.25),
    Goal(
        "e, 1 MiB, bytes per second / nginx",
        lambda run, orion: run.compare_rate(orion, "nginx", "response_1m"),
        0.8,
        1.0,
        at_least=True,
    ),
    Goal(
        "l, added p99 at 5,000/s / nginx's",
        lambda run, orion: run.compare_added(orion, "nginx", "open_loop", 5000),
        1.5,
        1.0,
    ),
    Goal(
        "l, added p99 at 15,000/s / nginx's",
        lambda run, orion: run.compare_added(orion, "nginx", "open_loop", 15_000),
        1.5,
        1.0,
    ),
    Goal(
        "h, CPU with 10,000 routes / with 100",
        lambda run, orion: run.compare_scenarios(orion, "routes_10k", "routes_100"),
        1.3,
        1.05,
    ),
    Goal("k, KiB per idle connection", lambda run, orion: run.find_held(orion), 3.0, 1.5),
    Goal("5,000/s offered, added P95 in ms", lambda run, orion: run.add_p95(orion, "open_loop", 5000), 50.0, 1.0),
    Goal(
        "g, new connections per CPU second / nginx",
        lambda run, orion: _invert(run.compare_cpu(orion, "nginx", "new_connections")),
        0.4,
        0.7,
        at_least=True,
    ),
)


def render_goals(results: Sequence[ScenarioResult], peers: Sequence[str]) -> str:
    """Return every promise with its bounds and what each of the peers reached, as a table in Markdown."""
    run = Run(results)
    lines = [["promise", "bar", "goal", *peers]]
    for goal in GOALS:
        word = "≥" if goal.at_least else "≤"
        reached = [goal.judge(goal.measure(run, peer)) for peer in peers]
        lines.append([goal.text, f"{word} {goal.bar:g}", f"{word} {goal.goal:g}", *reached])
    return align_table(lines)


def _invert(value: float | None) -> float | None:
    return 1 / value if value else None
