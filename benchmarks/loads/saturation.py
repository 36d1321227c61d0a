"""As much as goes: wrk, whose connections each send the next request when the last one was answered.

That shows the highest rate and what a request costs then. It hides stalls, since nobody asks during one; for latency
there is `offered`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.loads.load import Answers, Target
from benchmarks.processes import ServingError, find_program, on_core

if TYPE_CHECKING:
    from benchmarks.scenarios.scenario import Scenario

SCRIPT = Path(__file__).with_name("wrk_load.lua")
REPORT_MARK = "report "
GRACE = 10.0  # seconds wrk may take beyond its duration to connect, to stop and to report


@dataclass(frozen=True, slots=True)
class Report:
    """What wrk said: the answers, and the bytes that came back, header sections included."""

    answers: Answers
    received: int


def parse_report(output: str) -> Report:
    """Find the line of `wrk_load.lua` in wrk's output; raise ValueError when there is none or it is damaged."""
    for line in output.splitlines():
        if line.startswith(REPORT_MARK):
            fields = json.loads(line.removeprefix(REPORT_MARK))
            try:
                answers = Answers(
                    requests=fields["requests"],
                    duration=fields["duration_us"] / 1e6,
                    p50=fields["p50_us"] / 1e6,
                    p90=fields["p90_us"] / 1e6,
                    p95=fields["p95_us"] / 1e6,
                    p99=fields["p99_us"] / 1e6,
                    p999=fields["p999_us"] / 1e6,
                    errors=fields["errors"],
                )
                return Report(answers, fields["bytes"])
            except KeyError as error:
                raise ValueError(f"wrk's report has no {error}: {line}") from None
    raise ValueError(f"wrk printed no report: {output[-200:]!r}")


@dataclass(frozen=True, slots=True)
class Saturation:
    """The load of wrk, with one thread."""

    @property
    def name(self) -> str:
        """What results call it."""
        return "saturation"

    @property
    def rate(self) -> int | None:
        """No rate is offered."""
        return None

    def put(self, target: Target, scenario: Scenario, seconds: int, seed: int) -> Answers:  # noqa: ARG002 - no chance here
        """Run wrk once; raise ServingError also when its answers were too short to be the upstream's."""
        with tempfile.TemporaryDirectory(prefix="orion-wrk-") as directory:
            content, targets = Path(directory) / "content", Path(directory) / "targets"
            content.write_bytes(scenario.content)
            targets.write_text("".join(f"{line}\n" for line in scenario.targets))
            command = [find_program("wrk"), "--threads", "1", "--connections", str(target.connections)]
            command += ["--duration", f"{seconds}s", "--script", str(SCRIPT)]
            for name, value in scenario.fields:
                command += ["--header", f"{name}: {value}"]
            command.append(f"http://127.0.0.1:{target.port}{scenario.targets[0]}")
            command += ["--", scenario.method, str(content), str(targets)]
            report = parse_report(_run(command, target.core, seconds + GRACE))
        answers = report.answers
        if answers.requests == 0:
            raise ServingError(f"no request was answered in {seconds} s, {answers.errors} errors")
        # wrk looks at no content: this is how a peer that answers something else under load is found out.
        if not answers.errors and report.received < answers.requests * len(scenario.body):
            raise ServingError(
                f"answers of {report.received // answers.requests} bytes cannot hold the upstream's content"
            )
        return answers


def _run(command: list[str], core: int, timeout: float) -> str:
    try:
        with on_core(core):
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise ServingError(f"wrk did not end within {timeout:g} s") from None
    if done.returncode != 0:
        raise ServingError(f"wrk failed: {(done.stderr or done.stdout).strip()[-200:]}")
    return done.stdout
