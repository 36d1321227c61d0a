"""The smallest real runs: a round through real servers, and the command with its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.__main__ import main
from benchmarks.peers import PEERS
from benchmarks.processes import NotInstalledError
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


@pytest.mark.usefixtures("load_programs")
def test_a_round_measures_who_runs_and_says_why_others_do_not() -> None:
    """One peer that is missing or broken does not cost the figures of the others."""
    told: list[str] = []
    peers = {"absent": prepare_absent, "nginx": PEERS["nginx"], "broken": prepare_broken}
    result = run_scenario(SMALL_GET, Plan(seconds=1, rounds=1, connections=8, peers=peers), told.append)
    assert result.missing == {"absent": "absent is not installed"}
    assert result.failed == {"broken": "ended at once with status 1: wrong configuration"}
    assert list(result.peers) == ["nginx"]
    (measured,) = result.peers["nginx"].rounds
    assert measured.errors == 0
    assert measured.requests > 100
    assert 0 < measured.p50 <= measured.p99 < measured.duration
    assert measured.cpu is not None
    assert 0 < measured.cpu < 2 * measured.duration
    assert "small_get, round 1 of 1: nginx" in told


@pytest.mark.usefixtures("load_programs")
def test_the_command_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    """`python -m benchmarks` works from a clone, with figures on stdout alone."""
    options = [
        "--peer",
        "direct",
        "--seconds",
        "1",
        "--rounds",
        "1",
        "--connections",
        "4",
        "--json",
        "results/one.json",
    ]
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
    document = json.loads((tmp_path / "results" / "one.json").read_text())
    assert document["settings"] == {"seconds": 1, "rounds": 1, "connections": 4}
    assert document["machine"]["programs"].keys() >= {"nginx", "wrk", "aiohttp", "uvloop"}
    assert document["scenarios"][0]["peers"]["direct"]["requests_per_second"]["median"] > 100


@pytest.mark.usefixtures("load_programs")
def test_ctrl_c_in_a_round_stops_every_process_and_removes_every_file(tmp_path: Path) -> None:
    """A run that is given up leaves no nginx on the machine and no directory in /tmp."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks", "--peer", "nginx", "--seconds", "60"],
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
    "options", [["--seconds", "0"], ["--rounds", "x"], ["--peer", "apache"], ["--connections", "-1"]]
)
def test_wrong_options_are_refused_before_anything_starts(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing mistake costs no minute of measuring."""
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    assert options[0] in capsys.readouterr().err
