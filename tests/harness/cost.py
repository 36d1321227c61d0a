"""What a plain request costs in process, without sockets: `python -m tests.harness.cost`. A measurement, not a test.

On a busy machine times mean little: `python -m tests.harness.cost count` gives instructions instead, by callgrind.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from random import Random
from typing import TYPE_CHECKING, cast

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
from orion_gateway.routing.path import judge_path
from orion_gateway.telemetry.metrics import RouteMetrics, ServiceMetrics
from orion_gateway.values import Balancing, Outcome, Route, RouteMatch, ToService, Verdict
from tests.harness.inprocess import REQUEST, RESPONSE, InProcess
from tests.telemetry.finished import Ended

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS, REPEATS = 7, 3000


async def main(exchanges: int = 0) -> None:
    """Print what the parts cost; or only make so many exchanges."""
    paths = [*(f"/service-{number}/**" for number in range(99)), "/api/v1/users/**"]
    worker = InProcess([Route(path, RouteMatch(path=path), ToService("app")) for path in paths])
    plane, log, endpoint, exchange = worker.plane, worker.log, worker.endpoint, worker.exchange
    for _ in range(exchanges):
        exchange()
    if exchanges:
        return

    rng = Random(1)
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
    worker.close()


def measure(part: object) -> float:
    """Return the microseconds of one call, the mean of many."""
    assert callable(part)
    started = time.perf_counter()
    for _ in range(REPEATS):
        part()
    return (time.perf_counter() - started) / REPEATS * 1e6


def count_instructions(run: Sequence[str], exchanges: int) -> float:
    """Return the instructions of one exchange of the compiled build; `run` is a module that makes so many of them."""
    both = "--toggle-collect=__pyx_pw_*data_received"  # the client's connection and the endpoint's
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no", both]
    said = subprocess.run([*command, sys.executable, "-m", *run], capture_output=True, text=True, check=True).stderr
    return int(re.findall(r"Collected : (\d+)", said)[0]) / exchanges


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            uvloop.run(main())
        case ["count"]:
            counted = count_instructions(["tests.harness.cost", str(REPEATS)], REPEATS)
            print(f"{counted:,.0f} instructions per exchange")
        case [number]:
            uvloop.run(main(int(number)))
