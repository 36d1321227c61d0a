"""The command: `python -m benchmarks`. Reads options, runs the suite, shows tables on stdout and progress on stderr.

Exit codes: 0 all went well; 1 a peer failed, saw errors, or is missing though asked for by name; 2 could not run;
130 and 143 when stopped by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from benchmarks.goals import render_goals
from benchmarks.machine import describe_machine
from benchmarks.peers import PEERS, QUICK
from benchmarks.picture import pick_panels, render_picture
from benchmarks.processes import NotInstalledError, ServingError
from benchmarks.report import render_table, to_json
from benchmarks.scenarios import SCENARIOS
from benchmarks.suite import Plan, run_scenario

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from benchmarks.results import ScenarioResult

FULL = {"seconds": 2, "rounds": 5, "warm_up": 3}
BRIEF = {"seconds": 1, "rounds": 1, "warm_up": 1}
LETTERS = {scenario.name: scenario.letter for scenario in SCENARIOS}
SUMMARIES = {scenario.name: scenario.summary for scenario in SCENARIOS}


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the options; print usage and exit with 2 when they are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure Orion beside its peers in one run: every peer on one core, load and upstream on another, "
        "in alternating rounds. benchmarks/README.md tells the method and how to read the figures.",
        epilog="scenarios: " + "; ".join(f"{one.letter} {one.name}, {one.summary}" for one in SCENARIOS),
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a first impression in under 3 minutes: {rounds} round of {seconds} s, only the first load of each "
        "scenario, only the peers {peers}".format(**BRIEF, peers=", ".join(QUICK)),
    )
    parser.add_argument("--seconds", type=_positive, metavar="N", help=f"length of a round (default {FULL['seconds']})")
    parser.add_argument("--rounds", type=_positive, metavar="N", help=f"rounds per peer (default {FULL['rounds']})")
    parser.add_argument(
        "--connections", type=_positive, metavar="N", default=64, help="keep-alive connections (default 64)"
    )
    parser.add_argument(
        "--peer", action="append", choices=PEERS, metavar="NAME", help=f"only this one, repeatable: {', '.join(PEERS)}"
    )
    parser.add_argument(
        "--scenario",
        action="append",
        choices=[scenario.name for scenario in SCENARIOS],
        metavar="NAME",
        help="only this one, repeatable; see below",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIRECTORY",
        help="also write result.json (every round and the machine), table.md and picture.svg there",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the suite; return the exit code."""
    options = parse_arguments(arguments)
    defaults = BRIEF if options.quick else FULL
    names = options.peer or (QUICK if options.quick else PEERS)
    plan = Plan(
        seconds=options.seconds or defaults["seconds"],
        rounds=options.rounds or defaults["rounds"],
        connections=options.connections,
        peers={name: PEERS[name] for name in names},
        warm_up=defaults["warm_up"],
        quick=options.quick,
    )
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
    _raise_descriptor_limit()
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    machine = describe_machine()
    results: list[ScenarioResult] = []
    try:
        for scenario in SCENARIOS:
            if options.scenario and scenario.name not in options.scenario:
                continue
            for result in run_scenario(scenario, plan, tell=lambda text: print(text, file=sys.stderr, flush=True)):
                results.append(result)
                print(render_section(result), flush=True)
            if options.output:
                # After each scenario: a long run that is stopped keeps what it has measured.
                write_results(options.output, results, plan, machine)
    except (NotInstalledError, ServingError) as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return 2
    print(render_summary(results))
    if machine["cores"] == 1:
        print(
            "\nnote: only one core here, load and proxy shared it; only CPU per request says something", file=sys.stderr
        )
    return 1 if any(_has_failed(result, options.peer or []) for result in results) else 0


def render_section(result: ScenarioResult) -> str:
    """Return the heading and the table of one scenario under one load."""
    heading = f"### {LETTERS[result.scenario]} · {result.scenario}, {result.load}"
    return f"\n{heading}\n\n{SUMMARIES[result.scenario]}\n\n{render_table(result)}"


def render_summary(results: Sequence[ScenarioResult]) -> str:
    """Return what the measured gateways reached of what is promised."""
    orions = [name for name in PEERS if name.startswith("orion") and any(name in result.peers for result in results)]
    return f"\n### Promises\n\n{render_goals(results, orions)}" if orions else ""


def write_results(directory: Path, results: Sequence[ScenarioResult], plan: Plan, machine: dict[str, object]) -> None:
    """Write everything known so far: `result.json`, `table.md` and, when there is something to draw, `picture.svg`."""
    settings = {
        "seconds": plan.seconds,
        "rounds": plan.rounds,
        "connections": plan.connections,
        "warm_up": plan.warm_up,
    }
    document = {"machine": machine, "settings": settings, "scenarios": [to_json(result) for result in results]}
    (directory / "result.json").write_text(json.dumps(document, indent=2) + "\n")
    method = f"medians over {plan.rounds} x {plan.seconds} s, {plan.connections} connections"
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, {machine['time']}"
    sections = [f"{method[0].upper()}{method[1:]}; {where}.", render_summary(results), *map(render_section, results)]
    (directory / "table.md").write_text("\n".join(sections) + "\n")
    panels = pick_panels(results)
    if panels:
        (directory / "picture.svg").write_text(render_picture(panels, [f"Shorter is better; {method}.", where]))


def _raise_descriptor_limit() -> None:
    """Allow this process and all that it starts as many descriptors as the system does."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _has_failed(result: ScenarioResult, asked_for: list[str]) -> bool:
    return (
        bool(result.failed)
        or any(peer.errors for peer in result.peers.values())
        or any(name in result.missing for name in asked_for)
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    # An exception and not the default end, so that every block stops what it started.
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
