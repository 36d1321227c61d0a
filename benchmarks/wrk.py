"""Put load on a port with wrk and read what it reports.

wrk is closed-loop: each connection sends its next request when the last one was answered. What is asked for is the
scenario's; how long, how often and against whom is decided elsewhere.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.processes import ServingError, find_program, on_core

if TYPE_CHECKING:
    from benchmarks.scenarios.scenario import Scenario

REPORT_SCRIPT = Path(__file__).with_name("wrk_report.lua")
REPORT_MARK = "report "
GRACE = 10.0  # seconds wrk may take beyond its duration to connect, to stop and to report


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw: answered requests, duration and latency percentiles in seconds, errors of all kinds."""

    requests: int
    duration: float
    p50: float
    p99: float
    errors: int


def parse_report(output: str) -> Load:
    """Find the line of `wrk_report.lua` in wrk's output; raise ValueError when there is none or it is damaged."""
    for line in output.splitlines():
        if line.startswith(REPORT_MARK):
            fields = json.loads(line.removeprefix(REPORT_MARK))
            try:
                return Load(
                    requests=fields["requests"],
                    duration=fields["duration_us"] / 1e6,
                    p50=fields["p50_us"] / 1e6,
                    p99=fields["p99_us"] / 1e6,
                    errors=fields["errors"],
                )
            except KeyError as error:
                raise ValueError(f"wrk's report has no {error}: {line}") from None
    raise ValueError(f"wrk printed no report: {output[-200:]!r}")


def put_load(port: int, scenario: Scenario, seconds: int, connections: int, core: int) -> Load:
    """Send the scenario's requests to a port of loopback for `seconds` from one core.

    Raises NotInstalledError without wrk, and ServingError when wrk cannot connect, hangs or counts no answer.
    """
    command = [find_program("wrk"), "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
    command += ["--script", str(REPORT_SCRIPT)]
    for name, value in scenario.fields:
        command += ["--header", f"{name}: {value}"]
    command.append(f"http://127.0.0.1:{port}{scenario.target}")
    try:
        with on_core(core):
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE, check=False)
    except subprocess.TimeoutExpired:
        raise ServingError(f"wrk did not end within {seconds + GRACE:g} s") from None
    if done.returncode != 0:
        raise ServingError(f"wrk failed: {(done.stderr or done.stdout).strip()[-200:]}")
    load = parse_report(done.stdout)
    if load.requests == 0:
        raise ServingError(f"no request was answered in {seconds} s, {load.errors} errors")
    return load
