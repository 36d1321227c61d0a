"""`orion run`: what keeps it from starting, said so that one knows what to do, and its exit codes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.control.running import leftovers, running, table, until, without


def refuse(text: str, *, arguments: list[str] | None = None, code: int = 2) -> str:
    """Run with a table that must not start; return what it says, and see that nothing is left behind."""
    with running(text, wait=False) as gateway:
        assert gateway.wait() == code
        said = (gateway.directory / "stderr").read_text()
        assert "Traceback" not in said
        assert leftovers(gateway.directory) == set()
        return said.replace(str(gateway.directory), "DIR")


def test_a_broken_table_is_told_with_its_places() -> None:
    """Nobody would know where the mistake is; a script could not tell it from a port in use."""
    said = refuse(table(gateway="  worker: 3"), code=1)
    assert "routes.yaml:8:3: error[" in said
    assert "workers" in said, "the suggestion"


def test_a_missing_table_could_not_run(tmp_path: Path) -> None:
    """A wrong path would look like a broken table."""
    done = subprocess.run(
        [sys.executable, "-m", "orion_gateway", "run", "-c", str(tmp_path / "none.yaml")],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert "none.yaml" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("which", ["listener", "admin"])
def test_an_address_in_use_is_named_with_its_listener(which: str) -> None:
    """With ten listeners nobody would know which one to look at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        said = refuse(table(**{which: bind}))  # type: ignore[arg-type]
    name = "http" if which == "listener" else "admin"
    assert said == f"orion: cannot start: listener '{name}' cannot listen on {bind}: Address already in use\n"


def test_the_socket_of_a_running_gateway_is_not_taken() -> None:
    """A second start by mistake would cut the first gateway off from its commands."""
    with running(table()) as first:
        text = table().replace("DIR/run", str(first.directory / "run"))
        said = refuse(text)
        assert said.endswith("admin.sock: another process listens there\n")
        assert first.get() == (200, b"hello")
        assert (first.directory / "run" / "admin.sock").exists()


def foreign(directory: Path) -> None:
    """Make a run directory of another user."""
    directory.mkdir()
    os.chown(directory, 65534, 65534)


def foreign_link(directory: Path) -> None:
    """Make a link of another user to a directory of ours."""
    directory.with_name("ours").mkdir()
    directory.symlink_to(directory.with_name("ours"))
    os.chown(directory, 65534, 65534, follow_symlinks=False)


def open_to_all(directory: Path) -> None:
    """Make a run directory to which everybody may write."""
    directory.mkdir()
    directory.chmod(0o777)


def a_file(directory: Path) -> None:
    """Put a file where the run directory should be."""
    directory.write_text("")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (foreign, "belongs to another user; set gateway.run_dir"),
        (foreign_link, "belongs to another user; set gateway.run_dir"),
        (open_to_all, "everybody may write to the run directory"),
        (a_file, "cannot be used: File exists"),
    ],
)
def test_a_run_directory_that_others_control_is_not_used(
    make: Callable[[Path], None], reason: str, tmp_path: Path
) -> None:
    """Whoever made it first could put a socket of their own in the place of the admin API's."""
    if os.getuid() != 0 and make in (foreign, foreign_link):
        pytest.skip("only root can make files of other users")
    make(tmp_path / "run")
    said = refuse(table().replace("DIR/run", str(tmp_path / "run")))
    assert said.startswith("orion: cannot start: ")
    assert reason in said


def test_an_access_log_that_cannot_be_opened_is_named() -> None:
    """The workers would fail one after another, and nobody know why."""
    text = without(table(), "access_log").replace("\nlisteners:", "\n  access_log: {path: DIR/no/log}\nlisteners:")
    assert (
        refuse(text) == "orion: cannot start: the access log DIR/no/log cannot be opened: No such file or directory\n"
    )


def test_modules_in_the_working_directory_are_not_imported(tmp_path: Path) -> None:
    """Started in a directory with a `random.py`, the workers would die, or run somebody else's code."""
    (tmp_path / "uvloop.py").write_text("raise SystemExit('this is not uvloop')")
    (tmp_path / "routes.yaml").write_text(table().replace("DIR", str(tmp_path)))
    program = Path(sys.executable).with_name("orion")
    with (tmp_path / "stderr").open("w+") as log:
        process = subprocess.Popen([program, "run", "-c", "routes.yaml"], cwd=tmp_path, stdout=log, stderr=log)
    try:
        until(lambda: "worker serves" in (tmp_path / "stderr").read_text(), "a worker that serves")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
