"""What each filter adds to an exchange: `python -m tests.harness.filter_cost [NAME ...]`. A measurement, not a test.

A Markdown table of CPU microseconds per request, all threads of the process together. Each case is a route with filters
beside the same route without, both in one process and without sockets, in turns: the machine's mood weighs on both.
On a busy machine `count [NAME ...]` gives instructions instead, by callgrind; those of other threads are left out.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from orion_gateway.assembly import build_routes, build_services
from orion_gateway.build import name_build
from orion_gateway.config.load import load_table
from orion_gateway.filters.ip_access import IpAccessRules
from orion_gateway.filters.networks import NetworkSet
from orion_gateway.values import Route, RouteMatch, ToService
from tests.harness.cost import count_instructions
from tests.harness.inprocess import REQUEST, RESPONSE, InProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROUNDS, REPEATS = 21, 1000
COUNTED = 1000
"""Exchanges whose instructions are counted."""

PLAIN = [Route("plain", RouteMatch(path="/api/v1/users/**"), ToService("app"))]


def with_field(line: bytes) -> bytes:
    """Return the request with one more field."""
    return REQUEST.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")


@dataclass(frozen=True)
class Case:
    """Filters as a route has them: entries of its list, and other keys of it."""

    kinds: frozenset[str]
    """What is measured, by its names in `filters.FILTERS`."""
    entries: Sequence[Mapping[str, Any]] = ()
    keys: Mapping[str, Any] = field(default_factory=dict)
    request: bytes = REQUEST
    response: bytes = RESPONSE
    repeats: int = REPEATS
    rules: Callable[[], object] | None = None
    """What makes the rules of the filter, where they would be too long to write."""


SET = {"set": {"X-Tier": "gold"}, "remove": ["X-Debug"]}

DOCUMENT = json.dumps({"users": [{"id": number, "name": f"user {number}"} for number in range(128)]}).encode()
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(DOCUMENT), DOCUMENT)

CASES: Mapping[str, Case] = {
    "mirror: a request not in its share": Case(
        frozenset(["mirror"]), keys={"mirror": {"service": "shadow", "share": "0.0001%", "compare": {}}}
    ),
    "cors: a page of another origin": Case(
        frozenset(["cors"]),
        [{"cors": {"origins": ["https://app.example.org"], "credentials": True}}],
        request=with_field(b"Origin: https://app.example.org"),
    ),
    "cors: no origin": Case(frozenset(["cors"]), [{"cors": {"origins": ["https://app.example.org"]}}]),
    "fault: one request in a million": Case(
        frozenset(["fault"]), [{"fault": {"abort": 503, "delay": "1s", "share": "0.0001%"}}]
    ),
    "compress: what is not compressed": Case(frozenset(["compress"]), [{"compress": {"types": ["image/bmp"]}}]),
    **{
        f"compress: {len(DOCUMENT):,} bytes of JSON with {encoding}": Case(
            frozenset(["compress"]), [{"compress": {"encodings": [encoding]}}], response=JSON
        )
        for encoding in ("zstd", "br", "gzip")
    },
    "ip_access: deny two networks": Case(
        frozenset(["ip_access"]), [{"ip_access": {"deny": ["203.0.113.0/24", "2001:db8::/32"]}}]
    ),
    "ip_access: deny 100,000 networks": Case(
        frozenset(["ip_access"]), [{"ip_access": {"deny": ["192.0.2.0/24"]}}], rules=lambda: refuse_many(100_000)
    ),
    "request_headers: set one, remove one": Case(frozenset(["request_headers"]), [{"request_headers": SET}]),
    "response_headers: set one, remove one": Case(frozenset(["response_headers"]), [{"response_headers": SET}]),
    "response_headers: a template": Case(
        frozenset(["response_headers"]), [{"response_headers": {"set": {"X-Path": "${request.path}"}}}]
    ),
    "a chain of five header filters": Case(
        frozenset(["request_headers", "response_headers"]),
        [
            {"request_headers": {"set": {"X-Tier": "gold"}}},
            {"request_headers": {"add": {"X-Zone": "a"}}},
            {"request_headers": {"remove": ["X-Debug"]}},
            {"response_headers": {"set": {"X-Served-By": "orion"}}},
            {"response_headers": {"remove": ["X-Powered-By"]}},
        ],
    ),
    "security_headers: three fields": Case(frozenset(["security_headers"]), keys={"security_headers": {}}),
    f"transform: a member of {len(DOCUMENT):,} bytes of JSON": Case(
        frozenset(["transform"]), [{"transform": {"response": {"drop": ["debug"]}}}], response=JSON
    ),
    f"transform: a member of each element of {len(DOCUMENT):,} bytes of JSON": Case(
        frozenset(["transform"]), [{"transform": {"response": {"rename": {"users.*.name": "title"}}}}], response=JSON
    ),
    "plugin: looks at nothing": Case(frozenset(["plugin"]), [{"plugin": {"use": "tests.harness.plugins:Nothing"}}]),
    "plugin: sets a field": Case(frozenset(["plugin"]), [{"plugin": {"use": "tests.harness.plugins:SetsField"}}]),
    "plugin: a coroutine that sets a field": Case(
        frozenset(["plugin"]), [{"plugin": {"use": "tests.harness.plugins:Coroutine"}}]
    ),
    "plugin: sets a field each way": Case(frozenset(["plugin"]), [{"plugin": {"use": "tests.harness.plugins:Tenant"}}]),
}
"""By what a row of the table says."""


@dataclass(frozen=True)
class Cost:
    """Microseconds that a route took without filters, and those that they added: median, and the middle half."""

    without: float
    added: float
    low: float
    high: float


def refuse_many(count: int) -> IpAccessRules:
    """Return rules that refuse so many networks, none beside another; the client is behind most of them."""
    last = int(IPv4Address("126.255.255.255"))
    return IpAccessRules(deny=NetworkSet.of(IPv4Network((last - (number << 9) & ~0xFF, 24)) for number in range(count)))


def make_routes(case: Case) -> tuple[Route, ...]:
    """Return the route of a case, made from a table as that of a user."""
    service = {"endpoints": [{"url": "http://127.0.0.1:1"}]}
    route = {"name": "measured", "match": {"path": "/api/v1/users/**"}, "service": "app", "filters": case.entries}
    table = {
        "version": 1,
        "listeners": [{"name": "http", "bind": "127.0.0.1:8080"}],
        "services": {"app": service, "shadow": service},
        "routes": [route | dict(case.keys)],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "routes.yaml"
        path.write_text(json.dumps(table), encoding="utf-8")  # which is YAML, too
        loaded = load_table(path, {})
        build_services(loaded)
        routes = build_routes(loaded)
    if case.rules is None:
        return routes
    rules = case.rules()
    return tuple(replace(route, filters=tuple(replace(use, rules=rules) for use in route.filters)) for route in routes)


async def measure(case: Case, rounds: int = ROUNDS) -> Cost:
    """Measure a case, in turns with the same route without filters."""
    plain = InProcess(PLAIN)
    filtered = InProcess(make_routes(case))
    without, added = [], []
    for number in range(rounds + 1):
        one = await time_exchanges(plain, case)
        other = await time_exchanges(filtered, case)
        if number:  # the first one warms up
            without.append(one)
            added.append(other - one)
    plain.close()
    filtered.close()
    low, middle, high = statistics.quantiles(added, n=4)
    return Cost(statistics.median(without), middle, low, high)


async def time_exchanges(worker: InProcess, case: Case) -> float:
    """Return the microseconds of CPU of one exchange, the mean of many."""
    request, response = case.request, case.response
    started = time.process_time()
    for _ in range(case.repeats):
        await worker.exchange_once(request, response)
    return (time.process_time() - started) / case.repeats * 1e6


async def make_exchanges(name: str) -> None:
    """Make the exchanges of a case, or those of a route without filters where the name is that of none."""
    case = CASES.get(name)
    worker = InProcess(PLAIN if case is None else make_routes(case))
    request, response = (REQUEST, RESPONSE) if case is None else (case.request, case.response)
    for _ in range(COUNTED):
        await worker.exchange_once(request, response)
    worker.close()


def count(names: Sequence[str]) -> None:
    """Print the instructions that each case adds; with `names`, of the cases that hold one of them."""
    module = "tests.harness.filter_cost"
    plain = count_instructions([module, "make", ""], COUNTED)
    print(f"A plain exchange: {plain:,.0f} instructions\n\n| filter | adds instructions |\n|---|---:|")
    for name in choose(names):
        added = count_instructions([module, "make", name], COUNTED) - plain
        print(f"| {name} | {added:,.0f} |", flush=True)


def choose(names: Sequence[str]) -> list[str]:
    """Return the cases that hold one of these names; all when there are none."""
    return [case for case in CASES if not names or any(name in case for name in names)]


async def main(names: Sequence[str]) -> None:
    """Print the table; with `names`, of the cases that hold one of them."""
    print(f"CPU µs per request, {name_build()}, median of {ROUNDS} rounds (the middle half of them)\n")
    print("| filter | adds µs | middle half | the route without |")
    print("|---|---:|---:|---:|")
    for name in choose(names):
        cost = await measure(CASES[name])
        print(f"| {name} | {cost.added:.2f} | {cost.low:.2f} to {cost.high:.2f} | {cost.without:.1f} |", flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", name]:
            uvloop.run(make_exchanges(name))
        case ["count", *names]:
            count(names)
        case names:
            uvloop.run(main(names))
