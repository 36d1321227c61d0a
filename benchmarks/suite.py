"""Run the scenarios: every peer side by side in one run, in alternating rounds on the same cores.

The proxy under test has one core to itself; load generator and upstream share the other. All peers stay up during a
scenario, so that each round of one stands beside a round of every other, whatever else the machine was doing then.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cpu import read_tree_seconds
from benchmarks.peers.peer import Site
from benchmarks.processes import NotInstalledError, Probe, ServingError, choose_cores, find_program, free_port, serving
from benchmarks.results import PeerResult, Round, ScenarioResult
from benchmarks.upstream import prepare_upstream
from benchmarks.wrk import put_load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.peers.peer import Peer
    from benchmarks.scenarios.scenario import Scenario

WARM_UP = 1  # seconds of load before the first timed round of a peer


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often, over how many connections, against whom."""

    seconds: int
    rounds: int
    connections: int
    peers: Mapping[str, Peer]


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that answers: its port, and the first of its processes, None where no proxy stands between."""

    port: int
    pid: int | None


def run_scenario(scenario: Scenario, plan: Plan, tell: Callable[[str], None]) -> ScenarioResult:
    """Measure the planned peers; of one that is missing or fails, the reason is kept.

    Raises NotInstalledError without wrk or nginx, and ServingError when the upstream does not start: nothing can be
    measured then. When it returns or raises, no process that it started is left.
    """
    find_program("wrk")
    proxy_core, load_core = choose_cores()
    missing: dict[str, str] = {}
    failed: dict[str, str] = {}
    rounds: dict[str, list[Round]] = {}
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orion-bench-")))
        upstream = _make_site(base / "upstream", upstream_port=0)
        probe = Probe(upstream.port, scenario.target, scenario.body.encode())
        command = prepare_upstream(upstream.directory, upstream.port, scenario)
        stack.enter_context(serving(command, upstream.directory, load_core, probe))

        running: dict[str, Running] = {}
        for name, prepare in plan.peers.items():
            site = _make_site(base / name, upstream.port)
            try:
                running[name] = _start(prepare, site, scenario, proxy_core, stack)
                put_load(running[name].port, scenario, WARM_UP, plan.connections, load_core)
            except NotInstalledError as error:
                missing[name] = str(error)
                tell(f"{name}: missing, {error}")
            except ServingError as error:
                failed[name] = str(error)
                tell(f"{name}: failed, {error}")

        for number in range(1, plan.rounds + 1):
            for name, peer in running.items():
                if name in failed:
                    continue
                tell(f"{scenario.name}, round {number} of {plan.rounds}: {name}")
                try:
                    rounds.setdefault(name, []).append(_measure(peer, scenario, plan, load_core))
                except ServingError as error:
                    failed[name] = f"in round {number}: {error}"
                    tell(f"{name}: failed, {error}")
    measured = {name: PeerResult(tuple(of_peer)) for name, of_peer in rounds.items() if name not in failed}
    return ScenarioResult(scenario.name, measured, missing, failed)


def _make_site(directory: Path, upstream_port: int) -> Site:
    directory.mkdir()
    return Site(directory, free_port(), upstream_port)


def _start(prepare: Peer, site: Site, scenario: Scenario, core: int, stack: ExitStack) -> Running:
    command = prepare(site)
    if not command:
        return Running(site.upstream_port, pid=None)
    probe = Probe(site.port, scenario.target, scenario.body.encode())
    process = stack.enter_context(serving(command, site.directory, core, probe))
    return Running(site.port, process.pid)


def _measure(peer: Running, scenario: Scenario, plan: Plan, load_core: int) -> Round:
    before = _read_cpu(peer)
    load = put_load(peer.port, scenario, plan.seconds, plan.connections, load_core)
    after = _read_cpu(peer)
    cpu = None if before is None or after is None else after - before
    return Round(load.requests, load.duration, load.p50, load.p99, load.errors, cpu)


def _read_cpu(peer: Running) -> float | None:
    if peer.pid is None:
        return None
    try:
        return read_tree_seconds(peer.pid)
    except ProcessLookupError as error:
        raise ServingError(f"it ended: {error}") from None
