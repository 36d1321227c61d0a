"""Hold idle keep-alive connections to a peer while a block runs, and count those that it closed meanwhile."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.processes import ServingError, on_core

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.loads.load import Target
    from benchmarks.scenarios.scenario import Scenario

ROOT = Path(__file__).parents[1]
PROGRAM = "benchmarks.clients.hold"
TIMEOUT = 60.0


@dataclass(slots=True)
class Held:
    """How many of the held connections the peer had closed; known when the block has ended."""

    lost: int = 0


@contextmanager
def holding(target: Target, scenario: Scenario) -> Iterator[Held]:
    """Hold the scenario's idle connections; inside the block all of them are open and were used once.

    Raises ServingError when they cannot be opened within `TIMEOUT` seconds.
    """
    order = {
        "port": target.port,
        "connections": scenario.idle,
        "request": scenario.render_requests(f"127.0.0.1:{target.port}")[0].decode("latin-1"),
        "body_bytes": len(scenario.body),
    }
    with on_core(target.core):
        process = subprocess.Popen(
            [sys.executable, "-m", PROGRAM],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    with process:
        try:
            _wait_until_held(process, json.dumps(order))
            held = Held()
            yield held
            answer, complaint = process.communicate(timeout=TIMEOUT)
            if process.returncode:
                raise ServingError(f"the holder of idle connections failed: {complaint.strip()[-200:]}")
            held.lost = int(answer)
        finally:
            process.kill()


def _wait_until_held(process: subprocess.Popen[str], order: str) -> None:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise AssertionError("started with three pipes")
    process.stdin.write(order + "\n")
    process.stdin.flush()
    if not select.select([process.stdout], [], [], TIMEOUT)[0]:
        raise ServingError(f"cannot hold idle connections: not all were open after {TIMEOUT:g} s")
    if not process.stdout.readline():
        raise ServingError(f"cannot hold idle connections: {process.stderr.read().strip()[-200:]}")
