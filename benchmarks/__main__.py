"""The command: `python -m benchmarks`. Reads options, runs the suite, shows the table on stdout and progress on stderr.

Exit codes: 0 all went well; 1 a peer failed, saw errors, or is missing though asked for by name; 2 could not run;
130 and 143 when stopped by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from benchmarks.machine import describe_machine
from benchmarks.peers import PEERS
from benchmarks.processes import NotInstalledError, ServingError
from benchmarks.report import render_table, to_json
from benchmarks.scenarios import SCENARIOS
from benchmarks.suite import Plan, run_scenario

if TYPE_CHECKING:
    from types import FrameType

    from benchmarks.results import ScenarioResult

FULL = {"seconds": 5, "rounds": 5}
QUICK = {"seconds": 1, "rounds": 3}


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the options; print usage and exit with 2 when they are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure Orion beside its peers in one run."
    )
    parser.add_argument(
        "--quick", action="store_true", help="a first impression: {rounds} rounds of {seconds} s".format(**QUICK)
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
        "--json", type=Path, metavar="FILE", help="also write all figures and the machine's description"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the suite; return the exit code."""
    options = parse_arguments(arguments)
    defaults = QUICK if options.quick else FULL
    plan = Plan(
        seconds=options.seconds or defaults["seconds"],
        rounds=options.rounds or defaults["rounds"],
        connections=options.connections,
        peers={name: PEERS[name] for name in options.peer or PEERS},
    )
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    machine = describe_machine()
    results = []
    try:
        for scenario in SCENARIOS:
            result = run_scenario(scenario, plan, tell=lambda text: print(text, file=sys.stderr, flush=True))
            results.append(result)
            print(f"\n{scenario.name}: {scenario.summary}")
            print(f"medians of {plan.rounds} rounds of {plan.seconds} s over {plan.connections} connections\n")
            print(render_table(result), flush=True)
    except (NotInstalledError, ServingError) as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return 2
    if machine["cores"] == 1:
        print(
            "\nnote: only one core here, load and proxy shared it; only CPU per request says something", file=sys.stderr
        )
    if options.json:
        settings = {"seconds": plan.seconds, "rounds": plan.rounds, "connections": plan.connections}
        document = {"machine": machine, "settings": settings, "scenarios": [to_json(result) for result in results]}
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 1 if any(_has_failed(result, options.peer or []) for result in results) else 0


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
