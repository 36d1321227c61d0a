"""Starting, pinning and stopping what is measured."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.processes import NotInstalledError, Probe, ServingError, find_program, free_port, on_core, serving

if TYPE_CHECKING:
    from pathlib import Path

# Serves "hello" and has a child that would outlive it; says the child's process id and its own cores.
SERVER = """
import http.server, os, subprocess, sys

class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
with open("child", "w") as file:
    file.write(f"{child.pid} {sorted(os.sched_getaffinity(0))}")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Hello).serve_forever()
"""


def make_server(directory: Path, port: int) -> list[str]:
    """The command of a server that works in `directory`."""
    program = directory / "server.py"
    program.write_text(f"import os\nos.chdir({str(directory)!r})\n{SERVER}")
    return [sys.executable, str(program), str(port)]


def test_a_server_answers_inside_the_block_on_its_core_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """After a run no process is left, not even the child of a server that did not stop it."""
    port, core = free_port(), max(os.sched_getaffinity(0))
    with serving(make_server(tmp_path, port), tmp_path, core, Probe(port, "/", b"hello")) as process:
        child, cores = (tmp_path / "child").read_text().split(maxsplit=1)
        watch = os.pidfd_open(int(child))
    try:
        assert process.returncode is not None
        assert cores == f"[{core}]"
        assert select.select([watch], [], [], 5.0)[0], "the child still runs"
    finally:
        os.close(watch)


def test_a_server_with_other_content_is_not_measured(tmp_path: Path) -> None:
    """A peer that answers 200 with an error page cannot win the comparison."""
    port = free_port()
    probe = Probe(port, "/", b"expected content", timeout=1.0)
    with (
        pytest.raises(ServingError, match="not ready after 1 s, last answer: status 200 with 5 bytes"),
        serving(make_server(tmp_path, port), tmp_path, min(os.sched_getaffinity(0)), probe),
    ):
        pytest.fail("the block was entered")


def test_a_server_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    """Who wrote a wrong configuration reads the program's own complaint."""
    command = [sys.executable, "-c", "import sys; sys.exit('no such option')"]
    with (
        pytest.raises(ServingError, match="ended at once with status 1: no such option"),
        serving(command, tmp_path, min(os.sched_getaffinity(0)), Probe(free_port(), "/", b"")),
    ):
        pytest.fail("the block was entered")


def test_pinning_ends_with_the_block() -> None:
    """The benchmark itself stays free to run where nothing is measured."""
    before = os.sched_getaffinity(0)
    with on_core(max(before)):
        shown = subprocess.check_output([sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"], text=True)
    assert shown.strip() == f"{{{max(before)}}}"
    assert os.sched_getaffinity(0) == before


def test_a_missing_program_is_named_with_the_way_to_get_it() -> None:
    """The reader learns what to install."""
    with pytest.raises(NotInstalledError, match="no-such-program is not installed"):
        find_program("no-such-program")


def test_a_free_port_can_be_listened_on() -> None:
    """Peers do not collide with what already listens on the machine."""
    with socket.create_server(("127.0.0.1", free_port())):
        pass
