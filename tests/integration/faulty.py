"""An upstream in a process of its own that fails as it is told to, and writes down what reached it.

`python -m tests.integration.faulty JOURNAL PORT` serves; `Faulty` is the other end, in the test's process.

The journal outlives a SIGKILL: each event is written to a file before the answer goes out. A line is the monotonic time
(the same clock in every process), what happened, and the request's path: `begin` (a whole request has arrived), `end`
(it was answered), `cut` (the connection ended instead of an answer).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import IO, Literal

import uvloop

_ROOT = Path(__file__).parents[2]

HEALTH = "/health"
"""The path of active checks. It is not written down."""


@dataclass(frozen=True)
class Behaviour:
    """What the upstream does with a request."""

    share: float = 1.0
    """Of the requests that fail; the others are answered well."""
    status: int = 200
    """What a request that fails is answered with."""
    fault: Literal["none", "reset", "hang"] = "none"
    """What a request that fails gets instead of an answer."""
    delay: float = 0.0
    """Seconds before any answer."""
    is_healthy: bool = True
    """What active checks are told."""
    idle: tuple[float, float] | None = None
    """Connections are closed when they have been idle for a time between these, in seconds."""
    stale: float = 0.0
    """Share of the requests on a connection in its second or later use at which it is closed without an answer."""


WELL = Behaviour()


@dataclass(frozen=True)
class Event:
    """One line of a journal."""

    at: float
    what: str
    path: str


# -- the process -------------------------------------------------------------------------------------------------------


class _Server:
    """What all connections share."""

    def __init__(self, journal: int, rng: Random) -> None:
        self.behaviour = WELL
        self.rng = rng
        self._journal = journal

    def note(self, what: str, path: str) -> None:
        """Write an event down; it is safe in the system's hands when this returns."""
        os.write(self._journal, f"{time.monotonic():.6f} {what} {path}\n".encode())


class _Connection(asyncio.Protocol):
    """Reads what a gateway sends: whole heads with a Content-Length or no content."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._buffer = b""
        self._served = 0
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no asyncio.Transport by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()

    def data_received(self, data: bytes) -> None:
        self._stop_timer()
        self._buffer += data
        head, mark, rest = self._buffer.partition(b"\r\n\r\n")
        if not mark:
            return
        lower = head.lower()
        _, found, length = lower.partition(b"\r\ncontent-length:")
        size = int(length.partition(b"\r\n")[0]) if found else 0
        if len(rest) < size:
            return
        self._buffer = rest[size:]
        self._take(head.split(b" ", 2)[1].decode())

    def _take(self, path: str) -> None:
        server, behaviour = self._server, self._server.behaviour
        if path == HEALTH:
            self._write(200 if behaviour.is_healthy else 503, path)
            return
        server.note("begin", path)
        is_reused = self._served > 0
        self._served += 1
        if is_reused and server.rng.random() < behaviour.stale:
            self._cut(path, reset=server.rng.random() < 0.5)
            return
        fails = server.rng.random() < behaviour.share
        if fails and behaviour.fault == "reset":
            self._cut(path, reset=True)
        elif fails and behaviour.fault == "hang":
            return
        else:
            status = behaviour.status if fails else 200
            if behaviour.delay:
                asyncio.get_running_loop().call_later(behaviour.delay, self._answer, status, path)
            else:
                self._answer(status, path)

    def _answer(self, status: int, path: str) -> None:
        if self._transport.is_closing():
            return
        self._server.note("end", path)
        self._write(status, path)
        idle = self._server.behaviour.idle
        if idle is not None:
            seconds = self._server.rng.uniform(*idle)
            self._timer = asyncio.get_running_loop().call_later(seconds, self._transport.close)

    def _write(self, status: int, path: str) -> None:
        content = path.encode()
        self._transport.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(content), content))

    def _cut(self, path: str, *, reset: bool) -> None:
        self._server.note("cut", path)
        if reset:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        else:
            self._transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


async def serve(journal: Path, port: int, seed: int) -> None:
    """Serve until stdin ends; each line of it is a behaviour, answered by a line when it holds."""
    loop = asyncio.get_running_loop()
    server = _Server(os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND), Random(seed))
    listening = await loop.create_server(lambda: _Connection(server), "127.0.0.1", port, backlog=1024)
    print(listening.sockets[0].getsockname()[1], flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        server.behaviour = Behaviour(**json.loads(line))
        print("done", flush=True)


# -- the other end -----------------------------------------------------------------------------------------------------


class Faulty:
    """A faulty upstream as the test sees it. It ends with its block."""

    def __init__(self, journal: Path, seed: int) -> None:
        self._journal = journal
        self._seed = seed
        self._behaviour = WELL
        self.port = 0
        self._process: subprocess.Popen[bytes]
        self.start()

    def __enter__(self) -> Faulty:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start, again on the same port."""
        command = [
            sys.executable,
            "-m",
            "tests.integration.faulty",
            str(self._journal),
            str(self.port),
            str(self._seed),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT)
        self.port = int(self._hear())
        self.behave()

    def behave(self, **changes: object) -> None:
        """Behave well but for these; it holds when this returns."""
        self._behaviour = replace(WELL, **changes)  # type: ignore[arg-type]  # the names decide
        pipe = _open(self._process.stdin)
        pipe.write(json.dumps(asdict(self._behaviour)).encode() + b"\n")
        pipe.flush()
        assert self._hear() == b"done\n"

    def kill(self) -> None:
        """Kill it with SIGKILL, whatever it is doing."""
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                _open(pipe).close()

    def stop(self) -> None:
        """Stop it with SIGSTOP: its sockets stay, nobody answers."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def mark(self) -> int:
        """Return where the journal ends now."""
        return self._journal.stat().st_size

    def events(self, since: int = 0) -> list[Event]:
        """Return what has happened since a mark."""
        with self._journal.open("rb") as file:
            file.seek(since)
            whole, _, _ = file.read().rpartition(b"\n")
        found = []
        for line in whole.decode().splitlines():
            at, what, path = line.split(" ", 2)
            found.append(Event(float(at), what, path))
        return found

    def arrivals(self, since: int = 0) -> list[Event]:
        """Return the requests that have arrived since a mark."""
        return [event for event in self.events(since) if event.what == "begin"]

    def _hear(self) -> bytes:
        line = _open(self._process.stdout).readline()
        assert line, "the upstream ended"
        return line


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
