"""Send requests at planned times, whatever became of the earlier ones, and count latency from those times.

Run as `python -m benchmarks.clients.open_loop`, an order on stdin (`Order`), a report on stdout (the fields of
`loads.load.Answers`).

The plan is made first: arrivals at random (Poisson) with the order's seed. What is due goes out on the connection that
has been free for longest; when none is free it waits, and that waiting is part of its latency. What waits still when
the round is over is `unserved`, and its wait so far is among the latencies too: leaving it out would flatter a peer
that cannot keep up. What was sent has `PATIENCE` more seconds; then it is an error.

No event loop stands below: uvloop's timers tick in milliseconds, between which 15 requests would be due at
15,000 requests/s, and epoll's timeout has the same unit. `select` waits by the microsecond, and waits on the epoll
descriptor, so that no limit on descriptors applies.
"""

from __future__ import annotations

import gc
import json
import select
import socket
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from benchmarks.clients.responses import ResponseError, is_complete

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PATIENCE = 1.0
START = 0.02  # seconds between the last connection and the earliest request
TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to send, how often for how long, and over how many connections; answers have `body_bytes` of content."""

    port: int
    connections: int
    rate: float
    seconds: float
    seed: int
    requests: list[str]
    body_bytes: int


@dataclass(slots=True)
class Tally:
    """What was seen so far, in seconds."""

    latencies: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    answered: int = 0
    errors: int = 0
    unserved: int = 0


def plan_arrivals(rate: float, seconds: float, seed: int) -> Iterator[float]:
    """Yield when requests are due, in seconds from the start of the round."""
    rng = Random(seed)
    due = rng.expovariate(rate)
    while due < seconds:
        yield due
        due += rng.expovariate(rate)


def pick_percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent do not exceed; 0 when there is none."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, max(0, -int(-len(ordered) * percent // 100) - 1))]


class Connection:
    """One keep-alive connection with at most one request on its way."""

    __slots__ = ("due", "is_busy", "received", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.received = b""
        self.due = 0.0
        self.is_busy = False


class Generator:
    """Carry out one order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._requests = [text.encode("latin-1") for text in order.requests]
        self._sent = 0
        self._epoll = select.epoll()
        self._open: dict[int, Connection] = {}
        self._free: deque[Connection] = deque()
        self._waiting: deque[float] = deque()
        self._tally = Tally()

    def run(self) -> Tally:
        """Send everything that is due in the round and wait for the answers; return what was seen."""
        try:
            for _ in range(self._order.connections):
                self._connect()
            return self._run()
        finally:
            for connection in self._open.values():
                connection.socket.close()
            self._epoll.close()

    def _run(self) -> Tally:
        order, tally, clock = self._order, self._tally, time.perf_counter
        planned = list(plan_arrivals(order.rate, order.seconds, order.seed))
        start = clock() + START
        arrivals = deque(start + due for due in planned)
        end = start + order.seconds
        while True:
            now = clock()
            while arrivals and arrivals[0] <= now:
                due = arrivals.popleft()
                if self._free:
                    tally.lags.append(now - due)
                    self._send(self._free.popleft(), due)
                else:
                    self._waiting.append(due)
            if now >= end:
                break
            self._receive(max(0.0, (arrivals[0] if arrivals else end) - clock()))
        tally.unserved = len(self._waiting)
        tally.latencies += [end - due for due in self._waiting]
        self._waiting.clear()
        while (left := end + PATIENCE - clock()) > 0 and any(one.is_busy for one in self._open.values()):
            self._receive(left)
        tally.errors += sum(one.is_busy for one in self._open.values())
        tally.latencies += [clock() - one.due for one in self._open.values() if one.is_busy]
        return tally

    def _connect(self) -> None:
        connection = Connection(self._order.port)
        self._epoll.register(connection.socket, select.EPOLLIN)
        self._open[connection.socket.fileno()] = connection
        self._free.append(connection)

    def _send(self, connection: Connection, due: float) -> None:
        request = self._requests[self._sent % len(self._requests)]
        self._sent += 1
        connection.due, connection.is_busy, connection.received = due, True, b""
        try:
            # A free connection's buffer is empty and holds far more than a request of these scenarios.
            if connection.socket.send(request) != len(request):
                self._fail(connection)
        except OSError:
            self._fail(connection)

    def _receive(self, timeout: float) -> None:
        if not select.select([self._epoll], [], [], timeout)[0]:
            return
        for number, _ in self._epoll.poll(0):
            connection = self._open[number]
            try:
                data = connection.socket.recv(262_144)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data or not connection.is_busy:
                self._fail(connection)
                continue
            connection.received = connection.received + data if connection.received else data
            try:
                if is_complete(connection.received, self._order.body_bytes):
                    self._finish(connection)
            except ResponseError:
                self._fail(connection)

    def _finish(self, connection: Connection) -> None:
        self._tally.latencies.append(time.perf_counter() - connection.due)
        self._tally.answered += 1
        connection.is_busy = False
        self._release(connection)

    def _fail(self, connection: Connection) -> None:
        """Give a connection up for a new one: an error if a request was on its way; closing an idle one is allowed."""
        if connection.is_busy:
            self._tally.errors += 1
            self._tally.latencies.append(time.perf_counter() - connection.due)
        del self._open[connection.socket.fileno()]
        with suppress(ValueError):
            self._free.remove(connection)
        connection.socket.close()
        self._connect()
        self._release(self._free.pop())

    def _release(self, connection: Connection) -> None:
        if self._waiting:
            self._send(connection, self._waiting.popleft())
        else:
            self._free.append(connection)


def report(tally: Tally, duration: float) -> dict[str, float]:
    """Return the fields of `loads.load.Answers`."""
    ordered, lags = sorted(tally.latencies), sorted(tally.lags)
    shares = {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "p999": 99.9}
    return {
        "requests": tally.answered,
        "duration": duration,
        **{name: pick_percentile(ordered, percent) for name, percent in shares.items()},
        "errors": tally.errors,
        "unserved": tally.unserved,
        "lag": pick_percentile(lags, 99),
    }


def main() -> int:
    """Carry out the order on stdin; return 1 when nobody can be connected to or nothing was answered."""
    order = Order(**json.load(sys.stdin))
    # The kernel may put a wake-up off by 50 µs to save power; here the time of a wake-up is what is measured.
    with suppress(OSError):
        Path("/proc/self/timerslack_ns").write_text("1000")
    gc.disable()
    generator = Generator(order)
    try:
        tally = generator.run()
    except OSError as error:
        print(f"cannot connect: {error}", file=sys.stderr)
        return 1
    if not tally.answered:
        print(f"no request was answered, {tally.errors} errors", file=sys.stderr)
        return 1
    print(json.dumps(report(tally, order.seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
