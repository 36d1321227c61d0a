"""Run everything CI runs: lint, types, the tests of both builds; say how long each part took and what was not run.

The suite runs twice: on the pure build with coverage, which sees only Python, and on the compiled one; two processes
are at work at a time. Where nothing is compiled the second run is left out; with CI=true that is a failure. The floors
of coverage are checked per part of the tree, so that one cannot hide behind the other.
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
FIRST_HALF = {
    f"tests/{name}"
    for name in (
        "admin",
        "backends",
        "balancer",
        "benchmarks",
        "breaker",
        "cli",
        "config",
        "http1",
        "lint",
        "transcripts",
    )
}
"""What the first half of the pure run has; the second one has the rest, so that a new package is never left out."""
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
    """Run the suite on both builds, two runs at a time: the pure one in two halves, because coverage makes it slow."""
    pytest = ["pytest", "-q", "--durations=10", *arguments]
    pure = [PYTHON, "-m", "coverage", "run", "-m", *pytest]
    if not is_compiled():
        results = [run("tests, pure", pure, ORION_PURE="1")]
        if os.environ.get("CI") == "true" and not is_pure_asked():
            print("\nNothing is compiled, so the compiled build was not tested (CI=true: nothing may be missing).")
            results.append(Result("tests, compiled", 0.0, 1))
        return results
    plain = [PYTHON, "-m", *pytest]
    if arguments:  # somebody asks for a few of them
        runs = [("tests, pure", pure, "1"), ("tests, compiled", plain, "")]
    else:
        first, second = split_suite()
        runs = [("tests, pure 1", [*pure, *first], "1"), ("tests, pure 2", [*pure, *second], "1")]
        runs.append(("tests, compiled", plain, ""))
    with ThreadPoolExecutor(2) as side_by_side:
        return list(side_by_side.map(lambda one: run_aside(*one), runs))


def split_suite() -> tuple[list[str], list[str]]:
    """Return the entries of `tests` in two halves that take about as long."""
    entries = sorted(
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").iterdir()
        if path.name.startswith("test_") or any(path.glob("**/test_*.py"))
    )
    first = [entry for entry in entries if entry in FIRST_HALF]
    return first, [entry for entry in entries if entry not in FIRST_HALF]


def run_aside(name: str, command: list[str], pure: str) -> Result:
    """Run one part with what it leaves in the tree for the next time apart; show its output when it ends."""
    own = name.replace("tests, ", "").replace(" ", "-")
    cache = ROOT / ".pytest_cache" / own
    with tempfile.TemporaryFile("w+") as output:
        result = run(
            name,
            [*command, "-o", f"cache_dir={cache}"],
            output,
            HYPOTHESIS_STORAGE_DIRECTORY=str(ROOT / ".hypothesis" / own),
            ORION_PURE=pure,
        )
        output.seek(0)
        print(f"== {name}\n{output.read()}", flush=True)
    return result


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
