"""Run the scenarios: every peer side by side in one run, in alternating rounds on the same cores.

The proxy under test has one core to itself; load generator and upstream share the other. All peers stay up during a
scenario, so that each round of one stands beside a round of every other, whatever else the machine was doing then.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from benchmarks.cpu import read_tree_seconds
from benchmarks.idle import Held, holding
from benchmarks.loads import Saturation
from benchmarks.loads.load import Target
from benchmarks.memory import read_tree_memory
from benchmarks.peers.peer import Site
from benchmarks.processes import (
    NotInstalledError,
    Probe,
    ServingError,
    UnfitError,
    choose_cores,
    find_program,
    free_port,
    serving,
)
from benchmarks.results import PeerResult, Round, ScenarioResult
from benchmarks.upstream import prepare_upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.loads.load import Load
    from benchmarks.peers.peer import Peer
    from benchmarks.scenarios.scenario import Scenario

Value = TypeVar("Value", int, float)

START_TIMEOUT = 60.0  # seconds that a peer may take to read 10,000 routes


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how often, over how many connections, against whom.

    `warm_up` is the seconds of load before a peer's first round: some compile what is hot. A quick plan puts only the
    first load of each scenario.
    """

    seconds: int
    rounds: int
    connections: int
    peers: Mapping[str, Peer]
    warm_up: int = 1
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that answers: whom to ask, and the first of its processes, None where no proxy stands between.

    `memory` is what it held when it was warm and nobody was connected.
    """

    target: Target
    pid: int | None
    memory: int | None = None


@dataclass(slots=True)
class _Entrants:
    """Who takes part in a scenario, and why the others do not."""

    running: dict[str, Running] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def run_scenario(scenario: Scenario, plan: Plan, tell: Callable[[str], None]) -> list[ScenarioResult]:
    """Measure the planned peers under each load; of one that is missing, unfit or fails, the reason is kept.

    Raises NotInstalledError without wrk or nginx, and ServingError when the upstream does not start: nothing can be
    measured then. When it returns or raises, no process that it started is left.
    """
    find_program("wrk")
    proxy_core, load_core = choose_cores()
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orion-bench-")))
        upstream_ports = tuple(free_port() for _ in range(scenario.work.endpoints))
        directory = base / "upstream"
        directory.mkdir()
        command = prepare_upstream(directory, upstream_ports, scenario)
        stack.enter_context(serving(command, directory, load_core, _probe(upstream_ports[0], scenario)))

        taking_part = _Entrants()
        for name, prepare in plan.peers.items():
            (base / name).mkdir()
            site = Site(base / name, free_port(), upstream_ports, scenario.work)
            try:
                running = _start(prepare, site, scenario, plan, (proxy_core, load_core), stack)
                Saturation().put(running.target, scenario, plan.warm_up, seed=0)
                taking_part.running[name] = replace(running, memory=_read_memory(running))
            except NotInstalledError as error:
                taking_part.missing[name] = str(error)
                tell(f"{name}: missing, {error}")
            except UnfitError as error:
                taking_part.unfit[name] = str(error)
            except ServingError as error:
                taking_part.failed[name] = str(error)
                tell(f"{name}: failed, {error}")
        loads: Sequence[Load] = scenario.loads[:1] if plan.quick else scenario.loads
        return [_put_load(load, scenario, plan, taking_part, tell) for load in loads]


def _put_load(
    load: Load, scenario: Scenario, plan: Plan, taking_part: _Entrants, tell: Callable[[str], None]
) -> ScenarioResult:
    rounds: dict[str, list[Round]] = {}
    failed = dict(taking_part.failed)
    for number in range(1, plan.rounds + 1):
        for name, peer in taking_part.running.items():
            if name in failed:
                continue
            tell(f"{scenario.name}, {load.name}, round {number} of {plan.rounds}: {name}")
            try:
                rounds.setdefault(name, []).append(_measure(peer, load, scenario, plan.seconds, seed=number))
            except ServingError as error:
                failed[name] = f"in round {number}: {error}"
                tell(f"{name}: failed, {error}")
    measured = {name: PeerResult(tuple(of_peer)) for name, of_peer in rounds.items() if name not in failed}
    return ScenarioResult(
        scenario.name,
        load.name,
        load.rate,
        len(scenario.body),
        measured,
        taking_part.missing,
        taking_part.unfit,
        failed,
    )


def _probe(port: int, scenario: Scenario) -> Probe:
    return Probe(port, scenario.targets[0], scenario.body, START_TIMEOUT, scenario.method, scenario.content)


def _start(
    prepare: Peer, site: Site, scenario: Scenario, plan: Plan, cores: tuple[int, int], stack: ExitStack
) -> Running:
    proxy_core, load_core = cores
    command = prepare(site)
    if not command:
        return Running(Target(site.upstream_ports[0], plan.connections, load_core), pid=None)
    process = stack.enter_context(serving(command, site.directory, proxy_core, _probe(site.port, scenario)))
    return Running(Target(site.port, plan.connections, load_core), process.pid)


def _measure(peer: Running, load: Load, scenario: Scenario, seconds: int, seed: int) -> Round:
    with holding(peer.target, scenario) if scenario.idle else nullcontext(Held()) as idle:
        held = None
        if scenario.idle and peer.pid is not None and peer.memory is not None:
            held = (_ask(read_tree_memory, peer.pid) - peer.memory) / scenario.idle
        before = _read_cpu(peer)
        answers = load.put(peer.target, scenario, seconds, seed)
        after = _read_cpu(peer)
        memory = _read_memory(peer)
    cpu = None if before is None or after is None else after - before
    return Round(replace(answers, errors=answers.errors + idle.lost), cpu, memory, held)


def _read_cpu(peer: Running) -> float | None:
    return None if peer.pid is None else _ask(read_tree_seconds, peer.pid)


def _read_memory(peer: Running) -> int | None:
    return None if peer.pid is None else _ask(read_tree_memory, peer.pid)


def _ask(read: Callable[[int], Value], pid: int) -> Value:
    try:
        return read(pid)
    except ProcessLookupError as error:
        raise ServingError(f"it ended: {error}") from None
