"""The model of a scenario: every key of its file, with meaning, default and example.

It is written like the route table and read by the same kinds of values: durations are float seconds, shares parts of
one, rates per second, `off` is `None`. What fits a table (names, numbers of endpoints) is judged by `read`.
"""

import re
from typing import Annotated

from pydantic import Field

from orion_gateway.config.http_words import Method
from orion_gateway.config.kinds import Count, Duration, Flag, Kind, Name, QueueLength, Share, Text, choice, fail, number
from orion_gateway.config.suggest import closest
from orion_gateway.config.table import REQUIRED, Table, key
from orion_gateway.simulator.measure import MEASURES

RATE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)/(s|m)")
RANGE = re.compile(r"([0-9]{1,7})-([0-9]{1,7})")
SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
LIMIT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|%)")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "%": 0.01}

DOES = ("answer", "slow", "fail", "refuse", "hang", "reset", "flap", "recover")
FAULTS = ("fail", "refuse", "hang", "reset")


def read_rate(value: object) -> float:
    """Return requests per second of `200/s` or `30/m`."""
    match = RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        raise fail("E0202", "expected a rate such as 200/s or 30/m", suggestion=f"{value}/s" if is_number else "")
    return float(match[1]) / (60.0 if match[2] == "m" else 1.0)


class Selection(tuple[float, float]):
    """Some endpoints of a service: from the first to the last position, or, between 0 and 1, a share of them."""

    __slots__ = ()

    def pick(self, count: int) -> range:
        """Return the positions that are meant among `count` endpoints; a share is at least one of them."""
        first, last = self
        if first < 0:
            return range(max(1, round(last * count)))
        return range(int(first), int(min(last, count - 1)) + 1)

    def fits(self, count: int) -> bool:
        """Whether all positions exist among `count` endpoints."""
        return self[0] < 0 or self[1] < count


def read_selection(value: object) -> Selection:
    """Return the endpoints of `all`, a position from 0, `2-5` or `20%`. A share has -1 as its first position."""
    if value == "all":
        return Selection((-1.0, 1.0))
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Selection((value, value))
    if isinstance(value, str):
        if (found := RANGE.fullmatch(value)) and int(found[1]) <= int(found[2]):
            return Selection((int(found[1]), int(found[2])))
        if (found := SHARE.fullmatch(value)) and 0 < float(found[1]) <= 100:
            return Selection((-1.0, float(found[1]) / 100))
    expected = "expected endpoints: all, a position from 0, a range such as 2-5, or a share such as 20%"
    raise fail("E0202", expected, suggestion=closest(value, ["all"]) if isinstance(value, str) else "")


class Limit(tuple[float, str]):
    """A number and its unit: `""`, `%` or `s`. Shares are parts of one, durations seconds."""

    __slots__ = ()

    @property
    def value(self) -> float:
        """Return the number."""
        return self[0]

    @property
    def unit(self) -> str:
        """Return what it counts."""
        return self[1]


def read_limit(value: object) -> Limit:
    """Return what `3`, `1.2`, `0.1%` or `5s` means."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return Limit((float(value), ""))
    match = LIMIT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise fail("E0202", "expected a number such as 3, a share such as 0.1% or a duration such as 5s")
    return Limit((float(match[1]) * UNITS[match[2]], "%" if match[2] == "%" else "s"))


RATE_SCHEMA = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?/(s|m)$"}
Rate = Annotated[float, Kind("rate", read_rate, RATE_SCHEMA)]
Endpoints = Annotated[Selection, Kind("endpoints", read_selection, {})]
Bound = Annotated[Limit, Kind("number, share or duration", read_limit, {})]
Seed = Annotated[int, number(0, 1_000_000_000)]
Gateways = Annotated[int, number(1, 10_000)]
WorkerCount = Annotated[int, number(1, 64)]
Position = Annotated[int, number(0, 9_999_999)]
FailureStatus = Annotated[int, number(400, 599)]


class Step(Table):
    """From when on how many requests come."""

    at: Duration = key("0s", "Since the beginning.", "10s")
    rate: Rate = key(REQUIRED, "Requests per second of all clients together.", "200/s")
    ramp: Flag = key(False, "Grow or fall to this rate from the step before, instead of jumping.", True)


class Load(Table):
    """The requests that come in for one route."""

    route: Name = key(REQUIRED, "A route of the table; what it says of retries and timeouts counts.", "orders")
    rate: tuple[Step, ...] = Field(min_length=1, description="The rate, step by step.", examples=[[{"rate": "200/s"}]])
    methods: dict[Method, Share] = key({"GET": "100%"}, "The methods and their shares.", {"GET": "90%", "POST": "10%"})
    clients: Count = key(1000, "How many different clients (what hashing policies see); all equally busy.", 100)


class Turn(Table):
    """What endpoints do from a time on."""

    at: Duration = key(REQUIRED, "Since the beginning.", "10s")
    does: Annotated[str, choice(*DOES)] = key(
        REQUIRED,
        "`answer`: well. `slow`: later. `fail`: with `status`. `refuse`: connections. `hang`: never answers "
        "(SIGSTOP). `reset`: closes instead of answering. `flap`: well and badly in turn. `recover`: fails ever less.",
        "hang",
    )
    share: Share = key("100%", "`fail`, `reset`: of how many requests.", "20%")
    status: FailureStatus = key(500, "`fail`, `recover`, `flap`: the status.", 503)
    factor: Count = key(10, "`slow`: how many times slower.", 5)
    latency: Duration | None = key(None, "`slow`: exactly this slow, instead of `factor`.", "2s")
    period: Duration = key("10s", "`flap`: one time well and one time badly, half of it each.", "4s")
    to: Annotated[str, choice(*FAULTS)] = key("fail", "`flap`: what it does when it is bad.", "refuse")
    over: Duration = key("30s", "`recover`: after how long it fails no more.", "10s")
    checks_pass: Flag = key(False, "Health checks are answered well whatever requests meet.", True)


class Upstream(Table):
    """How endpoints of a service behave. Of several entries for an endpoint, each key of the last one counts."""

    service: Name = key(REQUIRED, "A service of the table.", "orders")
    endpoints: Endpoints = key("all", "Which of its endpoints: `all`, a position from 0, `2-5`, `20%`.", 0)
    latency: Duration = key("10ms", "The median of the time to answer.", "20ms")
    p99: Duration | None = key(None, "Its 99th percentile (log-normal); left out: all answers take the median.", "80ms")
    capacity: QueueLength = key(0, "Requests it works on at a time, others wait; 0: any number.", 16)
    backlog: QueueLength = key(1024, "Requests that may wait; more are refused.", 100)
    timeline: tuple[Turn, ...] = key([], "What happens to them.", [{"at": "10s", "does": "hang"}])


class Generated(Table):
    """Endpoints that stand in for those of the table, for more than anybody wants to write."""

    count: Count = key(REQUIRED, "How many.", 10000)
    subset: Count | None = key(
        None, "How many of them each gateway has in its table; left out: all. They are spread evenly.", 100
    )


class ServiceChange(Table):
    """What the scenario changes about a service of the table."""

    endpoints: Generated = key(REQUIRED, "Endpoints instead of those of the table.", {"count": 10000, "subset": 100})


class Expectation(Table):
    """What must hold; exactly one of the limits is enough, two make a span."""

    what: Annotated[str, choice(*MEASURES)] = key(REQUIRED, "What is measured.", "client_errors")
    service: Name | None = key(None, "Of this service only.", "orders")
    endpoint: Position | None = key(None, "Of this endpoint only, by its position from 0.", 0)
    method: Method | None = key(None, "Of requests with this method only.", "GET")
    since: Duration = key("0s", "Not before.", "10s")
    until: Duration | None = key(None, "Not after; left out: the end.", "20s")
    at_most: Bound | None = key(None, "The largest value.", "0.1%")
    at_least: Bound | None = key(None, "The smallest value.", 1)
    exactly: Bound | None = key(None, "The value.", 2)


class Scenario(Table):
    """A scenario: load, what happens to the endpoints, and what must hold."""

    title: Text = key("", "What it shows.", "One of three endpoints is killed")
    duration: Duration = key(REQUIRED, "How long load comes.", "60s")
    seed: Seed = key(1, "Of everything random; the same seed gives the same run.", 7)
    gateways: Gateways = key(1, "How many gateways, each with a supervisor of its own.", 1000)
    workers: WorkerCount = key(1, "Workers of each gateway.", 2)
    channel_delay: Duration = key("1ms", "From a worker to its supervisor, and back.", "5ms")
    services: dict[Name, ServiceChange] = key(
        {}, "Changes of the table's services.", {"orders": {"endpoints": {"count": 10000, "subset": 100}}}
    )
    load: tuple[Load, ...] = Field(
        min_length=1, description="The requests.", examples=[[{"route": "orders", "rate": [{"rate": "200/s"}]}]]
    )
    upstreams: tuple[Upstream, ...] = key([], "How endpoints behave.", [{"service": "orders", "latency": "20ms"}])
    expect: tuple[Expectation, ...] = key([], "What must hold.", [{"what": "client_errors", "at_most": "0.1%"}])
