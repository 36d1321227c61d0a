"""Start a server on one core, wait until it answers, and stop it whatever happens.

What is started, and what is measured, is decided elsewhere. Everything here is bounded in time and stays on loopback.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INSTALLED = Path(__file__).parent.parent / "var" / "bench-peers"
"""Where `make bench-peers` puts what is not a package of Debian: programs in `bin`, modules in `node_modules`."""

REQUIRED = ("nginx", "wrk")
"""Without these nothing can be measured; tests need them too."""

LONGEST_LINE = 200  # a trace in one line of JSON ends with what matters
STOP_TIMEOUT = 5.0
PROBE_INTERVAL = 0.02


class NotInstalledError(Exception):
    """A program is not on this machine; the text says which one and how to get it."""


class UnfitError(Exception):
    """A peer cannot do what a scenario asks of it; the text says what it lacks."""


class ServingError(Exception):
    """A program is there but did not do its work; the text says how it failed."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A request on loopback and the content that must come back with status 200 within `timeout` seconds."""

    port: int
    target: str
    body: bytes
    timeout: float = 10.0
    method: str = "GET"
    content: bytes = b""


def find_program(name: str) -> str:
    """Return the path of a program; raise NotInstalledError when there is none."""
    # Debian keeps daemons in the sbin directories, which are not on an ordinary user's PATH.
    places = [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", str(INSTALLED / "bin")]
    path = shutil.which(name, path=os.pathsep.join(places))
    if path is None:
        target = "services" if name in REQUIRED else "bench-peers"
        raise NotInstalledError(f"{name} is not installed (`make {target}` installs it)")
    return path


def free_port() -> int:
    """Return a TCP port of loopback that nobody listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def choose_cores() -> tuple[int, int]:
    """Return the core of the proxy under test and that of everything else: the same one when there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[min(1, len(cores) - 1)]


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Pin what is started inside the block to one core: a child inherits the affinity of the one who starts it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def serving(command: Sequence[str], directory: Path, core: int, probe: Probe) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; inside the block it answers. Its output is in `directory`.

    Raises ServingError when it ends or does not answer as the probe asks.
    """
    output = directory / "output.log"
    with output.open("wb") as sink, on_core(core):
        # A session of its own: Ctrl-C reaches only the benchmark, which then stops everything in its order.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait_until_it_answers(process, probe, output)
        yield process
    finally:
        _stop(process)


def _wait_until_it_answers(process: subprocess.Popen[bytes], probe: Probe, output: Path) -> None:
    deadline = time.monotonic() + probe.timeout
    answer = "nothing"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServingError(f"ended at once with status {process.returncode}: {_read_last_lines(output)}")
        try:
            status, body = _ask(probe)
        except (OSError, http.client.HTTPException) as error:
            answer = repr(error)
        else:
            if (status, body) == (200, probe.body):
                return
            answer = f"status {status} with {len(body)} bytes of content"
        time.sleep(PROBE_INTERVAL)
    raise ServingError(f"not ready after {probe.timeout:g} s, last answer: {answer}; {_read_last_lines(output)}")


def _ask(probe: Probe) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", probe.port, timeout=1.0)
    try:
        connection.request(probe.method, probe.target, body=probe.content or None)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _read_last_lines(output: Path) -> str:
    lines = output.read_text(errors="replace").strip().splitlines()[-3:]
    return " | ".join(line[-LONGEST_LINE:] for line in lines) or "it printed nothing"


def _stop(process: subprocess.Popen[bytes]) -> None:
    try:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT)
    finally:
        # Also after an orderly end, and when a second Ctrl-C cut the waiting short: nothing of the session may stay.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
