"""Many requests through an endpoint that does everything wrong at random, from clients that leave at random.

Every request carries a token, every good answer repeats it, so a byte that reaches the wrong client is seen.
`run_chaos` returns what was counted; `python -m tests.integration.chaos [requests] [seed]` runs it alone and prints it.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import h11
import uvloop

from orion_gateway.proxy.downstream import Downstream
from orion_gateway.proxy.exchange import Exchange
from orion_gateway.proxy.plane import PlaneSettings
from orion_gateway.proxy.upstream import UpstreamConnection
from orion_gateway.values import UpstreamTimeouts
from tests.harness.gateway import EXAMPLE, Gateway, RecordedLog, make_route, make_service
from tests.harness.wire import Endpoint, Wire, connect, settle, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orion_gateway.telemetry.finished import Finished
    from orion_gateway.values import Reason

FULL = 10_000
CLIENTS = 64
LEAVING = 0.2
"""The share of requests whose client leaves."""

TIMEOUTS = UpstreamTimeouts(connect=3.0, response=0.3, idle=0.3)
"""Short, so that endpoints that stall do not make the run last; nothing is asserted about how long anything takes."""

_OURS = (Downstream, Exchange, UpstreamConnection)
_LINE = 64
_MAX_CONTENT = 200_000


@dataclass
class Report:
    """What happened, and what was left behind."""

    requests: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """Everything that must not happen, in words."""
    pools: dict[str, int] = field(default_factory=dict)
    in_flight: int = 0
    records: int = 0
    left_behind: int = 0
    """Connections and exchanges that are still in memory."""
    descriptors: tuple[int, int] = (0, 0)
    resident: tuple[int, int] = (0, 0)
    """Resident bytes after the warm-up and at the end."""
    seconds: float = 0.0


# -- the endpoint ------------------------------------------------------------------------------------------------------


def content_for(token: bytes) -> bytes:
    """Return the content of the good answer to a token: its length depends on the token, every line repeats it."""
    lines = 1 + int(token[-4:], 16) % (_MAX_CONTENT // _LINE if token.endswith(b"f") else 16)
    return (token.ljust(_LINE - 1) + b"\n") * lines


async def answer_with_length(wire: Wire, token: bytes, rng: Random) -> bool:
    """Answer well."""
    content = content_for(token)
    await wire.send(b"HTTP/1.1 200 OK\r\nX-Token: %b\r\nContent-Length: %d\r\n\r\n%b" % (token, len(content), content))
    return True


async def answer_in_chunks(wire: Wire, token: bytes, rng: Random) -> bool:
    """Answer well, in chunks and packets that do not meet."""
    content = content_for(token)
    size = rng.randint(1, len(content))
    chunks = [content[at : at + size] for at in range(0, len(content), size)]
    coded = b"".join(b"%x;x=y\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\nX-Sum: 1\r\n\r\n"
    whole = b"HTTP/1.1 200 OK\r\nX-Token: %b\r\nTransfer-Encoding: chunked\r\n\r\n%b" % (token, coded)
    cut = rng.randrange(len(whole))
    await wire.send(whole[:cut])
    await asyncio.sleep(0)
    await wire.send(whole[cut:])
    return True


async def answer_until_close(wire: Wire, token: bytes, rng: Random) -> bool:
    """Answer well, ended by the connection."""
    await wire.send(b"HTTP/1.1 200 OK\r\nX-Token: %b\r\nConnection: close\r\n\r\n%b" % (token, content_for(token)))
    wire.close()
    return False


async def answer_after_hints(wire: Wire, token: bytes, rng: Random) -> bool:
    """Answer well after an interim answer."""
    await wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </%b>\r\n\r\n" % token)
    return await answer_with_length(wire, token, rng)


async def answer_and_talk_on(wire: Wire, token: bytes, rng: Random) -> bool:
    """Answer well and send an answer nobody asked for behind it."""
    evil = b"HTTP/1.1 200 OK\r\nX-Token: evil\r\nContent-Length: 4\r\n\r\nevil"
    await wire.send(b"HTTP/1.1 200 OK\r\nX-Token: %b\r\nContent-Length: 3\r\n\r\nno\n%b" % (token, evil))
    return True


async def answer_then_close(wire: Wire, token: bytes, rng: Random) -> bool:
    """Answer well, say nothing about closing, and close."""
    await answer_with_length(wire, token, rng)
    wire.close()
    return False


async def close_at_once(wire: Wire, token: bytes, rng: Random) -> bool:
    """Close without a word."""
    wire.close()
    return False


async def reset_at_once(wire: Wire, token: bytes, rng: Random) -> bool:
    """Reset without a word."""
    wire.reset()
    return False


async def truncate(wire: Wire, token: bytes, rng: Random) -> bool:
    """Stop anywhere in a good answer, by an end or a reset."""
    content = content_for(token)
    if rng.random() < 0.5:
        head, coded = b"Content-Length: %d" % len(content), content
    else:
        head, coded = b"Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)
    whole = b"HTTP/1.1 200 OK\r\nX-Token: %b\r\n%b\r\n\r\n%b" % (token, head, coded)
    await wire.send(whole[: rng.randrange(len(whole))])
    if rng.random() < 0.5:
        wire.close()
    else:
        wire.reset()
    return False


async def talk_garbage(wire: Wire, token: bytes, rng: Random) -> bool:
    """Send something that is not HTTP, or that two parsers would read differently."""
    await wire.send(
        rng.choice(
            [
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
                rng.randbytes(rng.randint(1, 2000)),
            ]
        )
    )
    return True


async def stall(wire: Wire, token: bytes, rng: Random) -> bool:
    """Say nothing, or half of something, and wait for the gateway to give up."""
    if rng.random() < 0.5:
        await wire.send(b"HTTP/1.1 200 OK\r\nX-Token: %b\r\nContent-Length: 1000\r\n\r\n%b" % (token, token))
    while await wire.read_some():
        pass
    return False


BEHAVIOURS: list[tuple[int, Callable[[Wire, bytes, Random], Awaitable[bool]]]] = [
    (20, answer_with_length),
    (20, answer_in_chunks),
    (5, answer_until_close),
    (5, answer_after_hints),
    (4, answer_and_talk_on),
    (4, answer_then_close),
    (4, close_at_once),
    (4, reset_at_once),
    (6, truncate),
    (4, talk_garbage),
    (2, stall),
]
"""How often each, in relation to the others."""


async def misbehave(wire: Wire, rng: Random) -> None:
    """Serve one connection."""
    weights, behaviours = zip(*BEHAVIOURS, strict=True)
    try:
        while True:
            head = await wire.read_head()
            token = head.split(b" ", 2)[1].rpartition(b"/")[2]
            is_early = rng.random() < 0.1
            if not is_early:
                await read_content(wire, head)
            if head.startswith(b"HEAD "):
                await wire.send(b"HTTP/1.1 200 OK\r\nX-Token: %b\r\nContent-Length: 7\r\n\r\n" % token)
                continue
            (behave,) = rng.choices(behaviours, weights)
            if not await behave(wire, token, rng):
                return
            if is_early:
                await read_content(wire, head)
    except (EOFError, OSError, TimeoutError):
        pass
    finally:
        wire.close()


async def read_content(wire: Wire, head: bytes) -> bytes:
    """Read the content of a request as the gateway frames it."""
    if b"\r\nTransfer-Encoding: chunked\r\n" in head:
        content = b""
        while size := int(await wire.read_until(b"\r\n"), 16):
            content += await wire.read(size)
            await wire.read(2)
        await wire.read(2)
        return content
    _, found, rest = head.partition(b"\r\nContent-Length: ")
    return await wire.read(int(rest.partition(b"\r\n")[0])) if found else b""


# -- the clients -------------------------------------------------------------------------------------------------------


class Left(Exception):  # noqa: N818 (nobody erred)
    """This client has left."""


class Client:
    """Asks one thing after another, on one connection as long as that lasts, and judges what it gets."""

    def __init__(self, port: int, rng: Random, report: Report) -> None:
        self._port = port
        self._rng = rng
        self._report = report
        self._wire: Wire | None = None
        self.ids: list[bytes] = []

    async def ask(self) -> None:
        """Make one request and count its outcome."""
        token = b"%016x" % self._rng.getrandbits(64)
        if self._wire is None:
            self._wire = await connect(self._port)
        try:
            outcome = await self._exchange(self._wire, token)
        except Left:
            outcome = "left"
        except (OSError, EOFError, h11.RemoteProtocolError):
            outcome = "cut"
        except TimeoutError:
            outcome = "hangs"
            self._report.wrong.append(f"{token.decode()}: no answer and no end")
        self._report.outcomes[outcome] += 1
        if outcome != "kept" and self._wire is not None:
            self._wire.close()
            self._wire = None

    def close(self) -> None:
        """Leave for good."""
        if self._wire is not None:
            self._wire.close()

    async def _exchange(self, wire: Wire, token: bytes) -> str:
        method, request = self._make_request(token)
        leaves_after = self._rng.randrange(2 * len(request)) if self._rng.random() < LEAVING else None
        if leaves_after is not None and leaves_after <= len(request):
            await wire.send(request[:leaves_after])
            self._leave(wire)
        await wire.send(request)
        if leaves_after is not None:
            if self._rng.random() < 0.5:
                await wire.read_some()
            self._leave(wire)
        return await self._read_answer(wire, token, method)

    def _leave(self, wire: Wire) -> None:
        if self._rng.random() < 0.5:
            wire.reset()
        else:
            wire.close()
        raise Left

    def _make_request(self, token: bytes) -> tuple[str, bytes]:
        method = self._rng.choice(["GET", "GET", "GET", "HEAD", "PUT", "POST", "POST"])
        line = f"{method} /chaos/{token.decode()} HTTP/1.1\r\nHost: {EXAMPLE}\r\n".encode()
        if method not in ("PUT", "POST"):
            return method, line + b"\r\n"
        content = token * self._rng.randrange(1, 5000)
        if self._rng.random() < 0.5:
            return method, line + b"Content-Length: %d\r\n\r\n%b" % (len(content), content)
        return method, line + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)

    async def _read_answer(self, wire: Wire, token: bytes, method: str) -> str:
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method=method, target="/", headers=[("Host", EXAMPLE)]))
        parser.send(h11.EndOfMessage())
        head: h11.Response | None = None
        content = b""
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                parser.receive_data(await wire.read_some())
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                content += event.data
                self._judge_part(token, head, content)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                self._judge(token, method, head, content)
                return "kept" if parser.their_state is h11.DONE else "last"
            elif not isinstance(event, h11.InformationalResponse):
                raise EOFError

    def _judge_part(self, token: bytes, head: h11.Response | None, content: bytes) -> None:
        if (
            head is not None
            and head.status_code == 200
            and not content_for(token).startswith(content)
            and content != b"no\n"
        ):
            self._report.wrong.append(f"{token.decode()}: got {content[:200]!r}")

    def _judge(self, token: bytes, method: str, head: h11.Response, content: bytes) -> None:
        fields = dict(head.headers)
        self.ids.append(fields[b"x-request-id"])
        self._report.outcomes[f"status {head.status_code}"] += 1
        if head.status_code == 200:
            whole = b"" if method == "HEAD" else content_for(token)
            if fields.get(b"x-token") != token or content not in (whole, b"no\n"):
                self._report.wrong.append(f"{token.decode()}: got {fields} {content[:200]!r}")
        elif head.status_code in (502, 504):
            if content and json.loads(content)["path"].encode() != b"/chaos/" + token:
                self._report.wrong.append(f"{token.decode()}: got another one's error {content!r}")
        else:
            self._report.wrong.append(f"{token.decode()}: got status {head.status_code} {content[:200]!r}")


class CountedLog(RecordedLog):
    """A log that keeps nothing but how many records each request has, so that the test's own memory says little."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[bytes] = Counter()

    def write(self, finished: Finished, route: str, service: str, duration: float, reason: Reason | None) -> None:
        """Count a record."""
        self.counts[finished.ids.request_id] += 1


# -- the run -----------------------------------------------------------------------------------------------------------


async def run_chaos(requests: int, seed: int) -> Report:
    """Make so many requests; at the end everything is closed again."""
    report = Report()
    rng = Random(seed)
    started = time.monotonic()
    endpoint = Endpoint()
    log = CountedLog()
    services = [make_service(endpoint.port, timeouts=TIMEOUTS)]
    gateway = Gateway([make_route(timeouts=TIMEOUTS)], services, PlaneSettings(), log)
    await gateway.start()
    descriptors = count_descriptors()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(_serve(endpoint, rng, group))
        sweeping = group.create_task(_sweep(gateway))
        ids = await _ask_all(gateway, rng, report, max(requests // 10, 1))
        resident = _resident_after_collection()
        ids += await _ask_all(gateway, rng, report, requests)
        await until(lambda: not any(connection.exchange for connection in gateway.connections))
        await until(lambda: not gateway.connections)
        report.in_flight = sum(one.in_flight for one in gateway.endpoints)
        gateway.pass_time(1000.0)  # kept connections are idle now
        await until(lambda: not any(gateway.counts().values()))
        report.pools = gateway.counts()
        gc.collect()
        report.left_behind = sum(isinstance(one, _OURS) for one in gc.get_objects())
        report.resident = (resident, _resident_after_collection())
        sweeping.cancel()
        serving.cancel()
    await settle()
    report.descriptors = (descriptors, count_descriptors())
    report.requests = requests + max(requests // 10, 1)
    report.records = log.counts.total()
    report.wrong += [f"request {one!r} has {count} records" for one, count in log.counts.items() if count != 1]
    report.wrong += [f"request {one!r} was answered and has no record" for one in ids if one not in log.counts]
    await gateway.stop()
    endpoint.close()
    report.seconds = time.monotonic() - started
    return report


async def _serve(endpoint: Endpoint, rng: Random, group: asyncio.TaskGroup) -> None:
    while True:
        wire = await endpoint.accept()
        endpoint.wires.clear()  # each closes its own
        group.create_task(misbehave(wire, rng))


async def _sweep(gateway: Gateway) -> None:
    while True:
        await asyncio.sleep(0.05)
        gateway.pass_time(0.0)


async def _ask_all(gateway: Gateway, rng: Random, report: Report, requests: int) -> list[bytes]:
    """Let the clients make so many requests in all."""
    left = iter(range(requests))
    clients = [Client(gateway.port, Random(rng.getrandbits(64)), report) for _ in range(CLIENTS)]

    async def ask_on(client: Client) -> None:
        for _ in left:
            await client.ask()
        client.close()

    await asyncio.gather(*map(ask_on, clients))
    return [one for client in clients for one in client.ids]


def count_descriptors() -> int:
    """Return how many descriptors this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def resident_size(pid: int | str = "self") -> int:
    """Return the resident bytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _resident_after_collection() -> int:
    """Return the resident bytes once everything that is free was given back to the system."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return resident_size()


def main() -> int:
    """Run it alone and print what was counted."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else FULL
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report = runner.run(run_chaos(requests, seed))
    print(f"{report.requests} requests, seed {seed}, {report.seconds:.1f} s")
    for outcome, count in sorted(report.outcomes.items()):
        print(f"  {outcome:<12} {count}")
    print(f"pools {report.pools}, in flight {report.in_flight}, records {report.records}")
    print(f"connections and exchanges left in memory: {report.left_behind}")
    print("descriptors {} → {}".format(*report.descriptors))
    print("resident MiB {:.1f} → {:.1f}".format(*(size / 2**20 for size in report.resident)))
    print(f"wrong: {len(report.wrong)}", *report.wrong[:20], sep="\n  ")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
