"""Run everything CI runs: lint, types, the tests of both builds; say how long each part took and what was not run.

The suite runs twice at the same time: on the pure build with coverage, which sees only Python, and on the compiled one.
Where nothing is compiled the second run is left out; with CI=true that is a failure. The floors of coverage are checked
per part of the tree, so that one cannot hide behind the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from orion_gateway.build import is_compiled, is_pure_asked

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
FLOORS = {"orion_gateway/*": 90, "backends/*": 80}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a part."""

    name: str
    seconds: float
    code: int


def main() -> int:
    """Run the parts in order; return 1 when one failed."""
    remove_old_coverage()
    started = time.monotonic()
    results = [
        run("lint", [PYTHON, "-m", "ruff", "check", "."]),
        run("format", [PYTHON, "-m", "ruff", "format", "--check", "."]),
        run("types", [PYTHON, "-m", "mypy"]),
        *run_tests(sys.argv[1:]),
        run("combine", [PYTHON, "-m", "coverage", "combine", "--quiet"]),
        *(run(f"cover {tree}", report_coverage(tree, floor)) for tree, floor in FLOORS.items()),
    ]
    print("\npart                     seconds  result")
    for result in results:
        print(f"{result.name:<24} {result.seconds:>7.1f}  {describe(result.code)}")
    print(f"{'all':<24} {time.monotonic() - started:>7.1f}")
    if not os.environ.get("CI"):
        print("What was not run is listed above as SKIPPED; with CI=true a skipped test fails.")
    return 1 if any(result.code for result in results) else 0


def run(name: str, command: list[str], output: IO[str] | None = None, **environment: str) -> Result:
    """Run one part, its output here or in a file."""
    if output is None:
        print(f"== {name}", flush=True)
    started = time.monotonic()
    errors = None if output is None else subprocess.STDOUT
    full = {**os.environ, **environment}
    code = subprocess.run(command, cwd=ROOT, env=full, stdout=output, stderr=errors, check=False).returncode
    return Result(name, time.monotonic() - started, code)


def run_tests(arguments: list[str]) -> list[Result]:
    """Run the suite on both builds side by side: the output of the pure run here, the other one's when it ends."""
    pytest = ["pytest", "-q", "--durations=10", *arguments]
    pure = [PYTHON, "-m", "coverage", "run", "-m", *pytest]
    if not is_compiled():
        results = [run("tests, pure", pure, ORION_PURE="1")]
        if os.environ.get("CI") == "true" and not is_pure_asked():
            print("\nNothing is compiled, so the compiled build was not tested (CI=true: nothing may be missing).")
            results.append(Result("tests, compiled", 0.0, 1))
        return results
    # Whatever a run leaves in the tree for the next one is its own: coverage is only the pure one's.
    own = ROOT / ".pytest_cache" / "compiled"
    compiled = [PYTHON, "-m", *pytest, "-o", f"cache_dir={own}"]
    storage = str(ROOT / ".hypothesis" / "compiled")
    with tempfile.TemporaryFile("w+") as output, ThreadPoolExecutor(1) as aside:
        other = aside.submit(run, "tests, compiled", compiled, output, HYPOTHESIS_STORAGE_DIRECTORY=storage)
        first = run("tests, pure", pure, ORION_PURE="1")
        second = other.result()
        output.seek(0)
        print("== tests, compiled", flush=True)
        print(output.read(), flush=True)
    return [first, second]


def describe(code: int) -> str:
    """Return what an exit code means."""
    return "ok" if code == 0 else f"FAILED ({code})"


def report_coverage(tree: str, floor: int) -> list[str]:
    """Return the command that reports one tree and fails below its floor."""
    return [PYTHON, "-m", "coverage", "report", f"--include={tree}", f"--fail-under={floor}"]


def remove_old_coverage() -> None:
    """Remove what an interrupted run left, or it would be counted."""
    for path in ROOT.glob(".coverage*"):
        path.unlink()


if __name__ == "__main__":
    sys.exit(main())
