"""What a plain request costs in process, without sockets: `python -m tests.harness.cost`. A measurement, not a test.

On a busy machine times mean little: `python -m tests.harness.cost count` gives instructions instead, by callgrind.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from random import Random
from typing import cast

import uvloop

from orion_gateway.balancer import POLICIES
from orion_gateway.http1.body import LengthBody
from orion_gateway.http1.fields import ForwardedRules, Peer
from orion_gateway.http1.head import (
    HeadLimits,
    RequestHead,
    ResponseHead,
    choose_identifiers,
    parse_request,
    parse_response,
    render_request,
    render_response,
)
from orion_gateway.proxy.downstream import Downstream
from orion_gateway.proxy.keeper import Keeper
from orion_gateway.proxy.plane import DataPlane, PlaneSettings
from orion_gateway.proxy.upstream import UpstreamConnection
from orion_gateway.routing.path import judge_path
from orion_gateway.routing.table import RouteTable
from orion_gateway.telemetry.access_log import AccessLogSettings, open_access_log
from orion_gateway.telemetry.metrics import RouteMetrics, ServiceMetrics
from orion_gateway.values import Balancing, Endpoint, Outcome, Route, RouteMatch, Service, ToService, Verdict
from tests.telemetry.finished import Ended

REQUEST = (
    b"GET /api/v1/users/42?full=1 HTTP/1.1\r\nHost: api.example.com\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Referer: https://www.example.com/some/page\r\nCookie: session=abcdefghijklmnopqrstuvwxyz; theme=dark; _ga=1\r\n"
    b"Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\n"
    b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: x\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 12\r\nConnection: keep-alive\r\n\r\nhello world\n"
)
ROUNDS, REPEATS = 7, 3000


class Nowhere(asyncio.Transport):
    """A transport that takes everything and does nothing."""

    def write(self, data: object) -> None: ...

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


class Door(Keeper):
    """A listener without a socket."""

    def remember(self, connection: Downstream) -> None: ...

    def forget(self, connection: Downstream) -> None: ...


async def main(exchanges: int = 0) -> None:
    """Print what the parts cost; or only make so many exchanges."""
    rng = Random(1)
    endpoint = Endpoint("http://127.0.0.1:1", "127.0.0.1:1", "127.0.0.1", 1)
    paths = [*(f"/service-{number}/**" for number in range(99)), "/api/v1/users/**"]
    routes = [Route(path, RouteMatch(path=path), ToService("app")) for path in paths]
    log = open_access_log(AccessLogSettings(path="/dev/null"), rng)
    plane = DataPlane(
        RouteTable(routes),
        [Service("app", (endpoint,))],
        PlaneSettings(),
        log,
        rng,
        lambda news: None,
    )
    client = Downstream(Door("http", 8080, plane))
    client.connection_made(Nowhere({"peername": ("127.0.0.1", 1)}))
    pool = plane.pools["app"]
    upstream = UpstreamConnection(pool, endpoint, plane.head_limits)
    upstream.connection_made(Nowhere())
    pool.take_back(upstream, time.monotonic(), is_clean=True)

    def exchange() -> None:
        client.data_received(REQUEST)
        upstream.data_received(RESPONSE)

    for _ in range(exchanges):
        exchange()
    if exchanges:
        return

    limits, peer = HeadLimits(), Peer(None, 8080, b"http", ForwardedRules())
    head = cast("RequestHead", parse_request(REQUEST, limits)[0])
    random = rng.randbytes(24)
    ids = choose_identifiers(head, peer.rules, random, False)
    answer = cast("ResponseHead", parse_response(RESPONSE, limits, b"GET")[0])
    own = b"X-Request-Id: %b\r\n" % ids.request_id
    content = b"hello world\n"
    path = judge_path(head.path)
    policy = POLICIES["round_robin"](Balancing())
    policy.update([endpoint])
    ended = Ended(head, ids=ids, endpoint=endpoint)
    of_route, of_service = RouteMetrics(), ServiceMetrics()
    outcome = Outcome(Verdict.SUCCEEDED, None, 200, 0.002, sent=True)
    parts = {
        "whole exchange": exchange,
        "parse and judge a request": lambda: parse_request(REQUEST, limits),
        "choose its ids": lambda: choose_identifiers(head, peer.rules, random, False),
        "render it": lambda: render_request(head, head.target, head.host, peer, ids),
        "look a field up": lambda: head.first(b"user-agent"),
        "parse and judge a response": lambda: parse_response(RESPONSE, limits, b"GET"),
        "render it for the client": lambda: render_response(answer, b"", own),
        "read its content": lambda: LengthBody(12).feed(content),
        "judge its path": lambda: judge_path(head.path),
        "find its route": lambda: plane.table.find(head.method, head.host, path, head, "http"),
        "pick an endpoint": lambda: policy.pick(0, 0.0, rng),
        "count its attempt": lambda: of_service.record(outcome),
        "count it": lambda: of_route.record(b"GET", 200, 0.002, 0.001, len(REQUEST), 12, False),
        "write its line": lambda: log.write(ended, "/api/v1/users/**", "app", 0.002, None),
        "nothing (the measurement)": lambda: None,
    }
    for name, part in parts.items():
        best = min(measure(part) for _ in range(ROUNDS))
        print(f"{name:<28} {best:6.2f} µs (best of {ROUNDS})")
    log.close()


def measure(part: object) -> float:
    """Return the microseconds of one call, the mean of many."""
    assert callable(part)
    started = time.perf_counter()
    for _ in range(REPEATS):
        part()
    return (time.perf_counter() - started) / REPEATS * 1e6


def count_instructions() -> float:
    """Return the instructions of one exchange of the compiled build, the mean of `REPEATS`."""
    both = "--toggle-collect=__pyx_pw_*data_received"  # the client's connection and the endpoint's
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no", both]
    run = [sys.executable, "-m", "tests.harness.cost", str(REPEATS)]
    said = subprocess.run([*command, *run], capture_output=True, text=True, check=True).stderr
    return int(re.findall(r"Collected : (\d+)", said)[0]) / REPEATS


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            uvloop.run(main())
        case ["count"]:
            print(f"{count_instructions():,.0f} instructions per exchange")
        case [number]:
            uvloop.run(main(int(number)))
