"""Which build runs: chosen by the environment, named, and found out when it is older than its sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from orion_gateway import build

ROOT = Path(__file__).resolve().parent.parent


def answer(program: str, **environment: str) -> str:
    """Return what a fresh interpreter prints in this environment."""
    kept = {name: value for name, value in os.environ.items() if name != "ORION_PURE"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package in a source tree: `one` is compiled from .py and .pxd, `other` from a .pyx, `plain` is not."""
    (tmp_path / "setup.py").touch()
    root = tmp_path / "package"
    for name in ("one.py", "one.pxd", "part/other.py", "part/other.pyx", "plain.py"):
        (root / name).parent.mkdir(exist_ok=True)
        date(root / name, 100)
    for name in ("one", "part/other"):
        date(compiled(root, name), 200)
    return root


def compiled(package: Path, name: str) -> Path:
    """Return the compiled file of a module."""
    return package / f"{name}{EXTENSION_SUFFIXES[0]}"


def date(path: Path, seconds: float) -> None:
    """Make a file that was written at a time."""
    path.touch()
    os.utime(path, (seconds, seconds))


@pytest.fixture
def _not_pure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORION_PURE", raising=False)


@pytest.mark.usefixtures("_not_pure")
def test_a_fresh_build_is_not_stale(package: Path) -> None:
    """A warning that is always there is not read."""
    assert build.is_compiled(package)
    assert build.find_stale(package) == []


@pytest.mark.usefixtures("_not_pure")
@pytest.mark.parametrize(
    ("edited", "stale"),
    [
        ("one.py", ["orion_gateway.one"]),
        ("one.pxd", ["orion_gateway.one"]),
        ("part/other.pyx", ["orion_gateway.part.other"]),
        ("part/other.py", []),  # the pure twin: another program text
        ("plain.py", []),
    ],
)
def test_an_edited_source_makes_its_module_stale(package: Path, edited: str, stale: list[str]) -> None:
    """Somebody would debug a program that does not run."""
    date(package / edited, 300)
    assert build.find_stale(package) == stale


@pytest.mark.usefixtures("_not_pure")
def test_a_module_that_was_not_compiled_with_the_others_is_stale(package: Path) -> None:
    """A new module would run as source among compiled ones that reach into its types."""
    compiled(package, "part/other").unlink()
    assert build.find_stale(package) == ["orion_gateway.part.other"]


@pytest.mark.usefixtures("_not_pure")
def test_without_compiled_modules_nothing_is_stale(package: Path) -> None:
    """The pure build would be told to be built."""
    for name in ("one", "part/other"):
        compiled(package, name).unlink()
    assert not build.is_compiled(package)
    assert build.find_stale(package) == []


@pytest.mark.usefixtures("_not_pure")
def test_what_was_installed_is_not_judged_by_its_dates(package: Path) -> None:
    """Every start from a wheel would warn: pip writes the compiled module first."""
    (package.parent / "setup.py").unlink()
    date(package / "one.py", 300)
    assert build.is_compiled(package)
    assert build.find_stale(package) == []


def test_the_pure_build_is_never_stale(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled modules that do not run would be complained about."""
    date(package / "one.py", 300)
    monkeypatch.setenv("ORION_PURE", "1")
    assert not build.is_compiled(package)
    assert build.find_stale(package) == []


WHERE = """
import importlib
from orion_gateway import build
names = [".".join(("orion_gateway", *typed.relative_to(build.ROOT).with_suffix("").parts))
         for typed in build.ROOT.rglob("*.pxd")]
print(sorted({importlib.import_module(name).__file__.rpartition(".")[2] for name in names}), build.is_compiled())
"""


def test_the_environment_asks_for_the_sources() -> None:
    """The two builds could not be compared, or a fault could not be looked for in the readable one."""
    assert answer(WHERE, ORION_PURE="1") == "['py'] False"


@pytest.mark.compiled
def test_the_compiled_modules_run_when_they_are_there() -> None:
    """All of them: half a build would be neither fast nor right."""
    assert answer(WHERE) == "['so'] True"


@pytest.mark.compiled
def test_this_build_is_not_stale() -> None:
    """The suite would test a program other than the one that is read."""
    assert build.find_stale() == [], build.REMEDY


def test_the_source_finder_leaves_other_packages_alone() -> None:
    """Compiled modules of others would not be found."""
    program = "import orion_gateway, uvloop, json.decoder; print(uvloop.loop.__file__.rpartition('.')[2])"
    assert answer(program, ORION_PURE="1") == "so"


@pytest.mark.parametrize("is_pure", [True, False])
def test_the_version_names_the_build(is_pure: bool) -> None:
    """A bug report, or a measurement, would not say what it is about."""
    program = "from orion_gateway.cli import main; main(['version'])"
    first = answer(program, **({"ORION_PURE": "1"} if is_pure else {})).splitlines()[0]
    has_built = any(build.ROOT.rglob(f"*{EXTENSION_SUFFIXES[0]}"))
    assert first.endswith("(compiled)" if has_built and not is_pure else "(pure Python)")


@pytest.mark.compiled
def test_the_version_says_what_is_stale_and_what_helps(tmp_path: Path) -> None:
    """Whoever asks why an edit has no effect would find no answer."""
    shutil.copytree(build.ROOT, tmp_path / "orion_gateway")
    shutil.copy(ROOT / "setup.py", tmp_path)
    shown = show_version(tmp_path)
    assert shown.stdout.splitlines()[0].endswith("(compiled)")
    assert shown.stderr == ""
    edited = tmp_path / "orion_gateway/http1/parsed.py"
    date(edited, time.time() + 3600)
    shown = show_version(tmp_path)
    assert "orion_gateway.http1.parsed" in shown.stderr
    assert build.REMEDY in shown.stderr


def show_version(directory: Path) -> subprocess.CompletedProcess[str]:
    """Run `orion version` of the package in a directory."""
    command = [sys.executable, "-m", "orion_gateway", "version"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=True)
