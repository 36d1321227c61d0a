"""Run everything CI runs: lint, types, tests with coverage; say how long each part took and what was not run.

The floors of coverage are checked per part of the tree, so that one cannot hide behind the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
FLOORS = {"orion_gateway/*": 90, "backends/*": 80}


def main() -> int:
    """Run the parts in order; return 1 when one failed."""
    parts: list[tuple[str, list[str]]] = [
        ("lint", [PYTHON, "-m", "ruff", "check", "."]),
        ("format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
        ("types", [PYTHON, "-m", "mypy"]),
        ("tests", [PYTHON, "-m", "coverage", "run", "-m", "pytest", "-q", "--durations=10", *sys.argv[1:]]),
        ("combine", [PYTHON, "-m", "coverage", "combine", "--quiet"]),
        *((f"cover {tree}", report_coverage(tree, floor)) for tree, floor in FLOORS.items()),
    ]
    remove_old_coverage()
    results: list[tuple[str, float, int]] = []
    for name, command in parts:
        print(f"== {name}", flush=True)
        started = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        results.append((name, time.monotonic() - started, code))
    print("\npart                     seconds  result")
    for name, seconds, code in results:
        print(f"{name:<24} {seconds:>7.1f}  {'ok' if code == 0 else f'FAILED ({code})'}")
    print(f"{'all':<24} {sum(seconds for _, seconds, _ in results):>7.1f}")
    if not os.environ.get("CI"):
        print("What was not run is listed above as SKIPPED; with CI=true a skipped test fails.")
    return 1 if any(code for _, _, code in results) else 0


def report_coverage(tree: str, floor: int) -> list[str]:
    """Return the command that reports one tree and fails below its floor."""
    return [PYTHON, "-m", "coverage", "report", f"--include={tree}", f"--fail-under={floor}"]


def remove_old_coverage() -> None:
    """Remove what an interrupted run left, or it would be counted."""
    for path in ROOT.glob(".coverage*"):
        path.unlink()


if __name__ == "__main__":
    sys.exit(main())
