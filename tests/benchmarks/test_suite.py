"""The smallest real runs: a round through real servers, and the command with its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.__main__ import main
from benchmarks.loads import Offered, Saturation
from benchmarks.peers import PEERS
from benchmarks.processes import NotInstalledError, UnfitError
from benchmarks.scenarios.small_get import SMALL_GET
from benchmarks.suite import Plan, run_scenario

if TYPE_CHECKING:
    from benchmarks.peers.peer import Site

ROOT = Path(__file__).parents[2]


def prepare_absent(site: Site) -> list[str]:
    """A peer whose program nobody installed."""
    raise NotInstalledError("absent is not installed")


def prepare_broken(site: Site) -> list[str]:
    """A peer that does not start."""
    return [sys.executable, "-c", "raise SystemExit('wrong configuration')"]


def prepare_unfit(site: Site) -> list[str]:
    """A peer that lacks what the scenario needs."""
    raise UnfitError("it has no routes")


@pytest.mark.usefixtures("load_programs")
def test_a_round_measures_who_runs_and_says_why_others_do_not() -> None:
    """One peer that is missing or broken does not cost the figures of the others."""
    told: list[str] = []
    peers = {"absent": prepare_absent, "nginx": PEERS["nginx"], "broken": prepare_broken, "unfit": prepare_unfit}
    scenario = replace(SMALL_GET, loads=(Offered(300), Saturation()), idle=20)
    (result,) = run_scenario(scenario, Plan(1, 1, connections=8, peers=peers, quick=True), told.append)
    assert result.unfit == {"unfit": "it has no routes"}
    assert result.missing == {"absent": "absent is not installed"}
    assert result.failed == {"broken": "ended at once with status 1: wrong configuration"}
    assert list(result.peers) == ["nginx"]
    (measured,) = result.peers["nginx"].rounds
    answers = measured.answers
    assert answers.errors == 0
    assert answers.requests > 100
    assert 0 < answers.p50 <= answers.p99 < answers.duration
    assert measured.cpu is not None
    assert 0 < measured.cpu < 2 * answers.duration
    assert measured.memory is not None
    assert measured.memory > 2**20
    assert measured.held is not None
    assert "small_get, 300/s offered, round 1 of 1: nginx" in told
    assert (result.load, result.rate) == ("300/s offered", 300)
    assert 200 < result.peers["nginx"].rate.median < 400


@pytest.mark.usefixtures("load_programs")
def test_the_command_prints_a_table_and_writes_results(tmp_path: Path) -> None:
    """`python -m benchmarks` works from a clone, with figures on stdout alone."""
    options = ["--quick", "--peer", "nginx", "--scenario", "small_get", "--connections", "4", "--output", "results/one"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "requests/s" in done.stdout
    assert "round 1 of 1" not in done.stdout
    output = tmp_path / "results" / "one"
    document = json.loads((output / "result.json").read_text())
    assert document["settings"] == {"seconds": 1, "rounds": 1, "connections": 4, "warm_up": 1}
    assert document["machine"]["programs"].keys() >= {"nginx", "wrk", "aiohttp", "uvloop"}
    assert document["scenarios"][0]["peers"]["nginx"]["requests_per_second"]["median"] > 100
    table = (output / "table.md").read_text()
    assert "### c · small_get, saturation" in table
    assert "| nginx |" in table
    assert (output / "picture.svg").read_text().startswith("<svg")


@pytest.mark.usefixtures("load_programs")
def test_ctrl_c_in_a_round_stops_every_process_and_removes_every_file(tmp_path: Path) -> None:
    """A run that is given up leaves no nginx on the machine and no directory in /tmp."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "--peer", "nginx", "--seconds", "60", "--quick"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "round 1" in process.stderr.readline()
        assert _find_processes(str(tmp_path)), "the search for processes is blind"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 128 + signal.SIGINT
    assert _find_processes(str(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def _find_processes(directory: str) -> list[str]:
    """Every process that has the directory in its arguments (nginx) or its environment (wrk)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with suppress(OSError):  # ended meanwhile, or another user's
                text = (process / name).read_text(errors="replace")
                if directory in text:
                    found.append(text)
    return found


@pytest.mark.parametrize(
    "options",
    [["--seconds", "0"], ["--rounds", "x"], ["--peer", "apache"], ["--connections", "-1"], ["--scenario", "tls"]],
)
def test_wrong_options_are_refused_before_anything_starts(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing mistake costs no minute of measuring."""
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert options[0] in capsys.readouterr().err
