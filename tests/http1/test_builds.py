"""Every test of the codec holds for both builds, in one run."""

import os
import subprocess
import sys
from pathlib import Path

from orion_gateway.build import is_compiled
from tests.http1.builds import PURE, RUNNING

HERE = Path(__file__)


def test_the_pure_build_passes_the_same_tests() -> None:
    """Without it, the specification and what runs could part without anybody noticing."""
    if not is_compiled():
        return  # this run is the one of the pure build
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--ignore={HERE}", str(HERE.parent)]
    run = subprocess.run(command, env={**os.environ, "ORION_PURE": "1"}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert " passed" in run.stdout


def test_two_builds_are_compared() -> None:
    """Without it, a comparison could compare a build with itself."""
    assert str(PURE.scan.__file__).endswith("scan.py")
    assert PURE.head.parse_request is not RUNNING.head.parse_request
    assert str(RUNNING.scan.__file__).endswith(".py") is not is_compiled()
