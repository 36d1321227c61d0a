"""The promises about memory and slow clients, measured on the real program: `orion run` and its worker process.

`python -m tests.integration.proofs` runs them in full (2 GiB each way, a reader of 10 KiB/s, 1,000 slow heads: about
two minutes) and prints the numbers; `test_proofs` runs small ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from tests.harness.gateway import EXAMPLE
from tests.harness.wire import Endpoint, Wire, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PORTION = bytes(256 * 1024)
TABLE = """
version: 1
gateway:
  workers: 1
  run_dir: {directory}
  admin: {{bind: "127.0.0.1:0"}}
  access_log: {{path: "{directory}/access.log"}}
listeners: [{{name: http, bind: "127.0.0.1:0"}}]
services: {{users: {{endpoints: [{{url: "http://127.0.0.1:{endpoint}"}}]}}}}
routes: [{{name: all, match: {{path: "/**"}}, service: users, limits: {{body: off}}}}]
"""


@dataclass
class Program:
    """A running gateway: where it listens and which process forwards."""

    port: int
    worker: int

    @property
    def resident(self) -> int:
        """Resident bytes of the worker now."""
        return self._status("VmRSS")

    @property
    def peak(self) -> int:
        """The most that were resident since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Measure the peak from now on (proc(5), clear_refs)."""
        Path(f"/proc/{self.worker}/clear_refs").write_text("5")

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self.worker}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {name}")


@asynccontextmanager
async def running(endpoint: Endpoint) -> AsyncIterator[Program]:
    """Run the program in front of an endpoint while the block lasts."""
    with tempfile.TemporaryDirectory(prefix="orion-proof-") as directory:
        table = Path(directory) / "routes.yaml"
        table.write_text(TABLE.format(directory=directory, endpoint=endpoint.port))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "orion_gateway", "run", "-c", str(table), stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr is not None
        try:
            port = await _wait_until_it_serves(process.stderr)
            reading = asyncio.ensure_future(process.stderr.read())
            yield Program(port, _child_of(process.pid))
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
            await reading
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _wait_until_it_serves(log: asyncio.StreamReader) -> int:
    """Return the port that the log names."""
    port = 0
    async with asyncio.timeout(30):
        async for line in log:
            entry = json.loads(line)
            if entry["event"] == "listening":
                port = int(entry["address"].rpartition(":")[2])
            elif entry["event"] == "worker serves":
                return port
    raise AssertionError("the gateway ended before it served")


async def stream_up(program: Program, endpoint: Endpoint, size: int) -> None:
    """Send so many bytes through the gateway."""
    client = await connect(program.port)
    await client.send(f"POST /up HTTP/1.1\r\nHost: {EXAMPLE}\r\nContent-Length: {size}\r\n\r\n".encode())
    wire = await endpoint.accept()
    await wire.read_head()
    await asyncio.gather(_send(client, size), _receive(wire, size))
    await wire.send(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    assert (await client.read_head()).startswith(b"HTTP/1.1 204 ")
    client.close()


async def stream_down(program: Program, endpoint: Endpoint, size: int) -> None:
    """Receive so many bytes through the gateway."""
    client = await connect(program.port)
    await client.send(f"GET /down HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\n".encode())
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size)
    await client.read_head()
    await asyncio.gather(_send(wire, size), _receive(client, size))
    client.close()


async def read_slowly(program: Program, endpoint: Endpoint, rate: int, seconds: int) -> int:
    """Read an endless answer at so many bytes per second; return how many bytes came."""
    client = await connect(program.port, receive_buffer=16 * 1024)
    await client.send(f"GET /slow HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\n".encode())
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % 2**40)
    sending = asyncio.ensure_future(_send_for_ever(wire))
    received = 0
    for _ in range(seconds):
        await asyncio.sleep(1)
        received += len(await client.read(rate))
    sending.cancel()
    client.reset()
    wire.close()
    return received


async def attack_with_slow_heads(program: Program, endpoint: Endpoint, clients: int) -> tuple[float, list[float], int]:
    """Open so many connections that each send a byte of a head per second, while one client works on.

    Returns the seconds until all were closed, the other client's durations, and how many answers said 408.
    """
    serving = asyncio.ensure_future(_answer_all(endpoint))
    started = time.monotonic()
    attack = [asyncio.ensure_future(_send_head_slowly(program.port)) for _ in range(clients)]
    durations: list[float] = []
    working = asyncio.ensure_future(_work_on(program.port, durations))
    slow = await asyncio.gather(*attack)
    seconds = time.monotonic() - started
    working.cancel()
    serving.cancel()
    return seconds, sorted(durations), sum(answer.startswith(b"HTTP/1.1 408 ") for answer in slow)


async def _send_head_slowly(port: int) -> bytes:
    client = await connect(port)
    await client.send(f"GET / HTTP/1.1\r\nHost: {EXAMPLE}\r\nX-Slow: ".encode())
    reading = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(client.socket, 4096))
    while True:
        done, _ = await asyncio.wait([reading], timeout=1.0)
        if done:
            break
        with contextlib.suppress(OSError):
            await client.send(b"x")
    answer = reading.result()
    client.close()
    return answer


async def _work_on(port: int, durations: list[float]) -> None:
    client = await connect(port)
    while True:
        started = time.monotonic()
        await client.send(f"GET / HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\n".encode())
        await client.read_until(b"\r\n\r\nhi")
        durations.append(time.monotonic() - started)
        await asyncio.sleep(0.005)


async def _answer_all(endpoint: Endpoint) -> None:
    async def answer_on(wire: Wire) -> None:
        with contextlib.suppress(EOFError, OSError, TimeoutError):
            while True:
                await wire.read_head()
                await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    async with asyncio.TaskGroup() as group:
        while True:
            with contextlib.suppress(TimeoutError):
                group.create_task(answer_on(await endpoint.accept()))


async def _send(wire: Wire, size: int) -> None:
    while size:
        part = min(size, len(PORTION))
        await wire.send(PORTION[:part])
        size -= part


async def _send_for_ever(wire: Wire) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await loop.sock_sendall(wire.socket, PORTION)


async def _receive(wire: Wire, size: int) -> None:
    while size:
        data = await wire.read_some()
        assert data, f"{size} bytes are missing"
        size -= len(data)
    assert size == 0


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


async def prove_all() -> None:
    """Run everything in full and print the numbers."""
    endpoint = Endpoint()
    size = 2 * 2**30
    async with running(endpoint) as program:
        print(f"worker {os.uname().machine}, resident at start {program.resident / 2**20:.1f} MiB")
        for name, stream in (("up", stream_up), ("down", stream_down)):
            program.forget_peak()
            started = time.monotonic()
            await stream(program, endpoint, size)
            seconds = time.monotonic() - started
            print(f"2 GiB {name}: peak {program.peak / 2**20:.1f} MiB, {seconds:.1f} s")
        program.forget_peak()
        before = program.resident
        received = await read_slowly(program, endpoint, 10 * 1024, 75)
        growth = program.peak - before
        print(f"reader of 10 KiB/s for 75 s, {received} bytes: resident grew by at most {growth / 2**20:.1f} MiB")
        program.forget_peak()
        seconds, durations, refused = await attack_with_slow_heads(program, endpoint, 1000)
        p99, slowest, peak = durations[len(durations) * 99 // 100] * 1000, durations[-1] * 1000, program.peak / 2**20
        print(f"1,000 slow heads: all closed after {seconds:.1f} s, {refused} with 408, peak {peak:.1f} MiB")
        print(f"  another client meanwhile: {len(durations)} requests, p99 {p99:.1f} ms, max {slowest:.1f} ms")
    endpoint.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(prove_all())
