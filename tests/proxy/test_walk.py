"""Endpoints, clients, circuit and health go at random: whatever comes of a request, it comes of it once.

Time is real and short here: a machine that is slow makes other attempts fail, and none of the promises.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from orion_gateway.breaker.news import TrialAsked, TrialEnded
from orion_gateway.values import (
    Balancing,
    BudgetRules,
    CircuitRules,
    CircuitState,
    CircuitView,
    Health,
    HedgeRules,
    OutlierRules,
    Reason,
    RetryRules,
    Standing,
    UpstreamTimeouts,
)
from tests.harness.gateway import EXAMPLE, make_route, make_service
from tests.harness.wire import PATIENCE, refusing_port, settle, until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint, Wire

CLIENTS = 30
REQUESTS = 6
"""Of each client, on one connection as long as that stands."""

RULES = RetryRules(max=2, on=RetryRules().on | {"response_timeout", "429"}, backoff=(0.0, 0.002), buffer=4096)
LIMITS = UpstreamTimeouts(response=0.02, idle=0.05, total=0.5)
LAST_CHUNK = b"0\r\n\r\n"
_HEAD_OF = {200: b"OK", 404: b"Not Found", 429: b"Too Many Requests", 500: b"Error", 503: b"Busy"}


def content_of(name: bytes, size: int) -> bytes:
    """Return content that can be told from every other request's."""
    return (name * (size // len(name) + 1))[:size]


def encode(content: bytes, framing: str, rng: Random) -> bytes:
    if framing == "length":
        return content
    encoded = b""
    while content:
        size = rng.randint(1, len(content))
        encoded += b"%x\r\n%b\r\n" % (size, content[:size])
        content = content[size:]
    return encoded + LAST_CHUNK


async def read_content(wire: Wire, head: bytes) -> bytes:
    """Read what the head announces."""
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        content = b""
        while size := int((await wire.read_until(b"\r\n"))[:-2], 16):
            content += await wire.read(size)
            assert await wire.read(2) == b"\r\n"
        await wire.read(2)
        return content
    if b"content-length: " in lower:
        return await wire.read(int(lower.split(b"content-length: ")[1].split(b"\r\n")[0]))
    return b""


class Walk:
    """What was asked, and what every side has seen."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.gateway: Gateway | None = None
        self.asked: dict[bytes, tuple[bytes, bytes]] = {}
        """Method and content by the name of the request."""
        self.arrived: Counter[bytes] = Counter()
        """How often the head of a request has reached an endpoint."""
        self.answered: set[bytes] = set()
        self.cookie = b""
        """The last one that bound a client."""
        self.granted: list[int] = []
        self.answered_asks = 0
        self.epoch = 0

    # -- endpoints --------------------------------------------------------------------------------------------------

    async def serve(self, endpoint: Endpoint, group: asyncio.TaskGroup) -> None:
        while True:
            wire = await endpoint.accept()
            group.create_task(self.converse(wire))

    async def converse(self, wire: Wire) -> None:
        with suppress(EOFError, OSError, TimeoutError):
            while await self.answer(wire):
                pass
        wire.close()

    async def answer(self, wire: Wire) -> bool:
        """Take one request and do something; return whether another may follow."""
        rng = self.rng
        if rng.random() < 0.05:
            wire.reset()
            return False
        head = await wire.read_head()
        name = head.split(b" ", 2)[1][1:]
        method, expected = self.asked[name]
        self.arrived[name] += 1
        deed = rng.choice(["good"] * 4 + ["good", "bad", "bad", "reset", "stall", "early", "half", "silent end"])
        if deed == "early":
            await wire.send(self.render(name, method, 503, "length"))
            return False
        if deed == "reset" and rng.random() < 0.5:
            await settle(rng.randint(0, 30))
            wire.reset()
            return False
        if b"Expect: " in head and rng.random() < 0.8:
            await wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if b"Expect: " not in head or rng.random() < 0.8:
            assert await read_content(wire, head) == expected
        else:
            deed = rng.choice(["half", "reset", "silent end"])
        if deed == "stall":
            await wire.ends()
            return False
        if deed == "silent end":
            return False
        if rng.random() < 0.1:
            await wire.send(b"HTTP/1.1 103 Early Hints\r\nX-Name: %b\r\n\r\n" % name)
        await settle(rng.choice([0, 0, 5, 100]))
        if deed == "reset":
            wire.reset()
            return False
        status = rng.choice([404, 429, 500, 503]) if deed == "bad" else 200
        framing = rng.choice(["length", "length", "chunked", "close"])
        response = self.render(name, method, status, framing)
        if deed == "half":
            await wire.send(response[: rng.randint(1, len(response) - 1)])
            return False
        cut = rng.randint(0, len(response))
        await wire.send(response[:cut])
        await settle(rng.choice([0, 0, 3]))
        await wire.send(response[cut:])
        if framing == "close" or rng.random() < 0.2:
            wire.end()
            return False
        return True

    def render(self, name: bytes, method: bytes, status: int, framing: str) -> bytes:
        content = content_of(name, self.rng.choice([0, 10, 3000]))
        head = b"HTTP/1.1 %d %b\r\nX-Name: %b\r\n" % (status, _HEAD_OF[status], name)
        if framing == "length":
            head += b"Content-Length: %d\r\n" % len(content)
        elif framing == "chunked":
            head += b"Transfer-Encoding: chunked\r\n"
        else:
            head += b"Connection: close\r\n"
        if method == b"HEAD":
            return head + b"\r\n"
        return head + b"\r\n" + (encode(content, framing, self.rng) if framing == "chunked" else content)

    # -- clients ----------------------------------------------------------------------------------------------------

    async def ask(self, number: int) -> None:
        assert self.gateway is not None
        wire = await self.gateway.connect()
        for turn in range(REQUESTS):
            with suppress(EOFError, ConnectionError):
                names = [b"n%d-%d-%d." % (number, turn, place) for place in range(self.rng.choice([1, 1, 1, 3]))]
                if await self.ask_some(wire, names):
                    continue
            wire.close()
            wire = await self.gateway.connect()

    def begin(self, name: bytes) -> tuple[bytes, bytes]:
        """Return the head and the framed content of a new request."""
        rng = self.rng
        method = rng.choice([b"GET", b"GET", b"HEAD", b"PUT", b"POST", b"POST"])
        content = content_of(name, rng.choice([1, 100, 8000])) if method in (b"PUT", b"POST") else b""
        self.asked[name] = method, content
        version = 1 if content or rng.random() < 0.9 else 0
        head = b"%b /%b HTTP/1.%d\r\nHost: %b\r\n" % (method, name, version, EXAMPLE.encode())
        framing = rng.choice(["length", "chunked"])
        if version and framing == "chunked" and (content or rng.random() < 0.2):
            head += b"Transfer-Encoding: chunked\r\n"
        elif content:
            framing = "length"
            head += b"Content-Length: %d\r\n" % len(content)
        else:
            framing = "none"
        if content and rng.random() < 0.2:
            head += b"Expect: 100-continue\r\n"
        if self.cookie and rng.random() < 0.5:
            head += b"Cookie: %b\r\n" % self.cookie
        return head + b"\r\n", b"" if framing == "none" else encode(content, framing, rng)

    async def ask_some(self, wire: Wire, names: Sequence[bytes]) -> bool:
        """Ask one request behind the other and judge the answers; return whether the connection stands."""
        rng = self.rng
        requests = [self.begin(name) for name in names]
        leaves = rng.random()
        if any(b"Expect" in head for head, _ in requests):
            (head, content), names = requests[0], names[:1]
            await wire.send(head)
        else:
            content = b""
            sent = b"".join(head + content for head, content in requests)
            cut = rng.choice([len(sent), rng.randint(len(requests[0][0]), len(sent))])
            await wire.send(sent[:cut])
            await settle(rng.choice([0, 10]))
            if leaves >= 0.05:
                await wire.send(sent[cut:])
        if leaves < 0.1:
            await settle(rng.randint(0, 60))
            wire.reset() if rng.random() < 0.5 else wire.close()
            return False
        stands = True
        for name, (head, _) in zip(names, requests, strict=False):
            stands = stands and await self.judge(wire, name, head, content)
        return stands

    async def judge(self, wire: Wire, name: bytes, head: bytes, content: bytes) -> bool:
        """Read an answer; `content` is sent when it is asked for. Return whether the connection stands."""
        response = await wire.read_head()
        while response.startswith(b"HTTP/1.1 1"):
            if response.startswith(b"HTTP/1.1 103"):
                assert b"X-Name: %b\r\n" % name in response
            elif content:
                await wire.send(content)
                content = b""
            response = await wire.read_head()
        status = int(response.split(b" ", 2)[1])
        assert name not in self.answered
        self.answered.add(name)
        is_passed_on = b"X-Name: " in response
        assert not is_passed_on or b"X-Name: %b\r\n" % name in response, "somebody else's answer"
        assert is_passed_on or status in (502, 503, 504), "an answer that nobody gave"
        if b"Set-Cookie: " in response:
            self.cookie = response.split(b"Set-Cookie: ")[1].split(b";")[0]
        if not head.startswith(b"HEAD"):
            has_end = b"HTTP/1.0" not in head or b"Content-Length" in response
            received = await (read_content(wire, response) if has_end else wire.read_to_end())
            assert not is_passed_on or received == content_of(name, len(received))
        return not content and b"Connection: close" not in response and b"HTTP/1.0" not in head

    # -- the supervisor ---------------------------------------------------------------------------------------------

    async def supervise(self) -> None:
        """Judge timeouts, turn circuit and health at random, and answer those who ask for trials."""
        gateway, rng = self.gateway, self.rng
        assert gateway is not None
        while True:
            await settle(rng.randint(1, 40))
            gateway.pass_time(0.0)
            asks = [news for news in gateway.news if isinstance(news, TrialAsked)]
            if len(asks) > self.answered_asks and rng.random() < 0.5:
                self.answered_asks += 1
                permit = len(self.granted) + 1 if rng.random() < 0.8 else 0
                if permit and asks[-1].epoch == self.epoch:
                    self.granted.append(permit)
                    gateway.plane.take_trial_answer("users", permit)
                else:
                    gateway.plane.take_trial_answer("users", 0)
            elif rng.random() < 0.05:
                self.turn(
                    rng.choice([CircuitState.CLOSED, CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN])
                )
            elif rng.random() < 0.05:
                healths = [rng.choice([Health.UP] * 4 + [Health.DOWN]) for _ in gateway.endpoints]
                gateway.plane.take_standings("users", [Standing(health, is_suspect=True) for health in healths])

    def turn(self, state: CircuitState) -> None:
        assert self.gateway is not None
        self.epoch += 1
        view = CircuitView(state, self.epoch, has_permits=state is CircuitState.HALF_OPEN, retry_at=1e12)
        self.gateway.plane.take_circuit("users", view)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_happens_once(
    start_gateway: StartGateway, make_endpoint: Callable[..., Endpoint], seed: int
) -> None:
    """Answers are the right ones, orders are not doubled, each exchange is recorded once, and nothing is left over."""
    walk = Walk(Random(seed))
    rules = replace(RULES, hedge=HedgeRules(walk.rng.choice([0.0, 0.003])))
    raised: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: raised.append(context))
    endpoints = [make_endpoint() for _ in range(3)]
    service = make_service(
        *(endpoint.port for endpoint in endpoints),
        refusing_port(),
        balancing=Balancing(
            walk.rng.choice(["round_robin", "power_of_two", "least_connections"]),
            sticky_cookie=walk.rng.choice([None, "bound"]),
        ),
        outliers=OutlierRules(),
        circuit=CircuitRules(),
        budget=BudgetRules(share=10.0, minimum=1000.0),
        max=walk.rng.choice([5, 100]),
        queue=8,
        queue_timeout=0.05,
    )
    gateway = walk.gateway = await start_gateway(service, routes=[make_route(retries=rules, timeouts=LIMITS)])
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        serving = [group.create_task(walk.serve(endpoint, group)) for endpoint in endpoints]
        supervising = group.create_task(walk.supervise())
        async with asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                clients.create_task(walk.ask(number))
        await until(lambda: not any(connection.exchange for connection in gateway.connections))
        supervising.cancel()
        if walk.answered_asks < sum(isinstance(news, TrialAsked) for news in gateway.news):
            gateway.plane.take_trial_answer("users", 0)
        assert [place.in_flight for place in gateway.endpoints] == [0] * len(gateway.endpoints)
        gateway.pool().close()
        for task in serving:
            task.cancel()
    assert raised == []
    recorded = Counter(str(record.line["path"]).encode()[1:] for record in gateway.records)
    assert set(recorded.values()) == {1}
    assert walk.answered | set(walk.arrived) <= set(recorded)
    assert not any(record.reason is Reason.PROXY_INTERNAL_ERROR for record in gateway.records)
    doubled = [name for name, count in walk.arrived.items() if count > 1]
    assert [name for name in doubled if walk.asked[name][0] == b"POST"] == []
    ended = Counter(news.permit for news in gateway.news if isinstance(news, TrialEnded))
    assert ended == Counter(walk.granted)
