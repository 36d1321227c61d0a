"""A gateway as users run it: its own processes, a table of the test's, addresses learned from its log."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from prometheus_client.parser import text_string_to_metric_families

PATIENCE = 20.0
"""Seconds after which a wait has failed; processes start slowly on a busy machine."""


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition holds; fail with `what` when it does not in time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)


def table(
    *,
    gateway: str = "",
    listener: str = "127.0.0.1:0",
    admin: str = "127.0.0.1:0",
    upstream: int = 1,
    workers: int = 1,
) -> str:
    """Return a table; `gateway` are further lines under that key, indented by two. `DIR` is the gateway's directory."""
    return f"""\
version: 1
gateway:
  workers: {workers}
  run_dir: "DIR/run"
  admin: {{bind: "{admin}"}}
  access_log: {{path: "off"}}
  drain: {{timeout: 10s, spread: 0s}}
{gateway}
listeners:
  - {{name: http, bind: "{listener}"}}
services:
  upstream: {{endpoints: [{{url: "http://127.0.0.1:{upstream}"}}]}}
routes:
  - {{name: hello, match: {{path: "/hello"}}, respond: {{status: 200, body: "hello"}}}}
  - {{name: up, match: {{path: "/up/**"}}, service: upstream}}
  - {{name: health, match: {{path: "/health/**"}}, admin: health}}
"""


def without(text: str, key: str) -> str:
    """Return a table without a line under `gateway`, to write another."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(f"  {key}:"))


class Gateway:
    """A running `orion run`. Its directory has a path short enough for sockets."""

    def __init__(self, process: subprocess.Popen[bytes], directory: Path) -> None:
        self.process = process
        self.directory = directory

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of its log so far."""
        whole, _, _ = (self.directory / "stderr").read_bytes().rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log lines of one event."""
        return [line for line in self.log if line["event"] == name]

    @property
    def port(self) -> int:
        """The port of its listener."""
        return int(self.events("listening")[0]["address"].rpartition(":")[2])

    @property
    def admin_port(self) -> int:
        """The port of the admin API."""
        return int(self.events("admin")[0]["address"].rpartition(":")[2])

    def wait_until_ready(self, workers: int) -> None:
        """Wait until all workers serve."""
        until(
            lambda: self.process.poll() is not None or len(self.events("worker serves")) == workers,
            "workers that serve",
        )
        assert self.process.poll() is None, (self.directory / "stderr").read_text()

    def get(self, path: str = "/hello") -> tuple[int, bytes]:
        """Ask the listener, on a connection of its own."""
        return fetch(self.port, path)

    def admin(self, path: str) -> tuple[int, bytes]:
        """Ask the admin API."""
        return fetch(self.admin_port, path)

    def status(self) -> Any:
        """Return what `/status` says."""
        return json.loads(self.admin("/status")[1])

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of this name with these labels; scrapes are a second old at most."""
        families = text_string_to_metric_families(self.admin("/metrics")[1].decode())
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        return [worker["pid"] for worker in self.status()["workers"] if worker["pid"]]

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal to the supervisor."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end; return the exit code."""
        return self.process.wait(PATIENCE)


@contextmanager
def running(
    text: str,
    *,
    workers: int = 1,
    wrapper: Sequence[str] = (),
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] | None = None,
    wait: bool = True,
    files: Mapping[str, str] | None = None,
) -> Iterator[Gateway]:
    """Run a gateway until the block ends; whatever it has left then is ended too. Its stderr is a file unless given.

    `files` lie beside its table, by name.
    """
    directory = Path(tempfile.mkdtemp(prefix="orion-"))
    (directory / "routes.yaml").write_text(text.replace("DIR", str(directory)))
    for name, content in (files or {}).items():
        (directory / name).write_text(content)
    command = [*wrapper, sys.executable, "-m", "orion_gateway", "run", "-c", "routes.yaml"]
    with (directory / "stderr").open("wb") as log:
        process = subprocess.Popen(command, cwd=directory, stdout=stdout, stderr=log if stderr is None else stderr)
    gateway = Gateway(process, directory)
    try:
        if wait:
            gateway.wait_until_ready(workers)
        yield gateway
    finally:
        if process.poll() is None:
            process.terminate()
            process.terminate()
            process.wait(PATIENCE)
        shutil.rmtree(directory)


def fetch(port: int, path: str = "/hello", timeout: float = PATIENCE) -> tuple[int, bytes]:
    """Make a request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def is_alive(pid: int) -> bool:
    """Say whether a process runs (one that has ended and is not waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Upstream:
    """An HTTP server that answers when it is told to: each request waits for `release`."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self.waiting = threading.Semaphore(0)
        """Released once for each request that has arrived."""
        self._may_answer = threading.Event()
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def release(self) -> None:
        """Answer every request, those that come too."""
        self._may_answer.set()

    def await_requests(self, number: int) -> None:
        """Wait until so many requests have arrived."""
        for _ in range(number):
            assert self.waiting.acquire(timeout=PATIENCE), "a request did not arrive"

    def close(self) -> None:
        """Stop."""
        self._may_answer.set()
        self._listener.close()
        for connection in self._connections:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        buffer = b""
        try:
            while data := connection.recv(65536):
                buffer += data
                while b"\r\n\r\n" in buffer:
                    buffer = buffer.partition(b"\r\n\r\n")[2]
                    self.waiting.release()
                    self._may_answer.wait()
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
        except OSError:
            pass


class Asking:
    """One request under way in a thread; `answer` waits for what came of it: status and content, or the error."""

    def __init__(self, port: int, path: str) -> None:
        self._result: tuple[int, bytes] | OSError | http.client.HTTPException | None = None
        self._thread = threading.Thread(target=self._ask, args=[port, path], daemon=True)
        self._thread.start()

    def answer(self) -> tuple[int, bytes] | OSError | http.client.HTTPException | None:
        """Wait for the end."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "neither an answer nor an error"
        return self._result

    def _ask(self, port: int, path: str) -> None:
        try:
            self._result = fetch(port, path)
        except (OSError, http.client.HTTPException) as error:
            self._result = error


def leftovers(directory: Path) -> set[str]:
    """Return what a gateway has left in its directory, other than what the test put there."""
    files = {str(path.relative_to(directory)) for path in directory.rglob("*")}
    return files - {"routes.yaml", "stderr", "run", "log"}


def descriptors(pid: int) -> list[str]:
    """Return what the descriptors of a process are, the standard ones left out."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(path.readlink())
        except OSError:
            continue
        if int(path.name) > 2:
            found.append(target)
    return found
