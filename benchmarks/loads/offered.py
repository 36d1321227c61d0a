"""As much as is said: our open-loop generator sends at the times it planned, whatever became of earlier requests.

Latency counts from the planned time, so a stall is charged to every request that it held up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.loads.load import Answers, Target
from benchmarks.processes import ServingError, on_core

if TYPE_CHECKING:
    from benchmarks.scenarios.scenario import Scenario

ROOT = Path(__file__).parents[2]
PROGRAM = "benchmarks.clients.open_loop"
GRACE = 15.0  # seconds the generator may take beyond its duration to start, to connect and to report


@dataclass(frozen=True, slots=True)
class Offered:
    """A number of requests per second, arriving at random (Poisson), as those of many independent clients do."""

    rate: int

    @property
    def name(self) -> str:
        """What results call it."""
        return f"{self.rate:,}/s offered"

    def put(self, target: Target, scenario: Scenario, seconds: int, seed: int) -> Answers:
        """Run the generator once."""
        order = {
            "port": target.port,
            "connections": target.connections,
            "rate": self.rate,
            "seconds": seconds,
            "seed": seed,
            "requests": [text.decode("latin-1") for text in scenario.render_requests(f"127.0.0.1:{target.port}")],
            "body_bytes": len(scenario.body),
        }
        try:
            with on_core(target.core):
                done = subprocess.run(
                    [sys.executable, "-m", PROGRAM],
                    cwd=ROOT,
                    input=json.dumps(order),
                    capture_output=True,
                    text=True,
                    timeout=seconds + GRACE,
                    check=False,
                )
        except subprocess.TimeoutExpired:
            raise ServingError(f"the generator did not end within {seconds + GRACE:g} s") from None
        if done.returncode != 0:
            raise ServingError(f"the generator failed: {done.stderr.strip()[-200:]}")
        return Answers(**json.loads(done.stdout))
