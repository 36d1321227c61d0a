"""Attempts that are made again: what the client sees, what each endpoint is sent, and what the log says."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orion_gateway.proxy.deadline import Phase
from orion_gateway.values import (
    Balancing,
    BudgetRules,
    HedgeRules,
    KeySource,
    OutlierRules,
    Reason,
    RetryRules,
    UpstreamTimeouts,
    Websocket,
)
from tests.harness.gateway import EXAMPLE, make_route, make_service
from tests.harness.wire import refusing_port, settle, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint, Wire

HOST = b"Host: %b\r\n" % EXAMPLE.encode()
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy"
AGAIN = RetryRules(backoff=(0.0, 0.0))
"""The default rules without a wait."""
LARGE = 100 * 1024
NOT_FOUND = OK.replace(b"200 OK", b"404 Not Found")
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\n%bConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % HOST
)
SLOWLY = replace(AGAIN, backoff=(1000.0, 1000.0))
"""A wait that the test ends by itself."""


def request(method: bytes, content: bytes = b"") -> bytes:
    return b"%b / HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (method, HOST, len(content), content)


@pytest.fixture
def other(make_endpoint: Callable[..., Endpoint]) -> Endpoint:
    """A second endpoint."""
    return make_endpoint()


async def start(
    start_gateway: StartGateway,
    *ports: int,
    rules: RetryRules = AGAIN,
    budget: BudgetRules | None = None,
    timeouts: UpstreamTimeouts | None = None,
) -> Gateway:
    service = make_service(*ports, budget=budget)
    return await start_gateway(service, routes=[make_route(retries=rules, timeouts=timeouts)])


async def status_of(client: Wire) -> int:
    return int((await client.read_head()).split(b" ", 2)[1])


async def take(endpoint: Endpoint, content: bytes = b"") -> Wire:
    """Accept a connection and read a request with this content."""
    wire = await endpoint.accept()
    await wire.read_head()
    assert await wire.read(len(content)) == content
    return wire


def retries(gateway: Gateway) -> dict[str, float]:
    counters = gateway.plane.take().counters
    return {
        f"{'refused ' if 'refused' in name else ''}{labels[1]}": count
        for (name, labels), count in counters.items()
        if "retries" in name
    }


@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_a_refused_connection_is_tried_elsewhere(
    start_gateway: StartGateway, endpoint: Endpoint, method: bytes
) -> None:
    """Nothing was sent, so that even a POST may go to the other endpoint, with all of its content."""
    gateway = await start(start_gateway, refusing_port(), endpoint.port)
    client = await gateway.ask(request(method, b"abc"))
    wire = await take(endpoint, b"abc")
    await wire.send(OK)
    assert await status_of(client) == 200
    await until(lambda: len(gateway.records) == 1)
    (record,) = gateway.records
    assert record.attempts == 2
    assert record.line["notes"] == f"{gateway.endpoints[0].url} connection_refused"
    assert retries(gateway) == {"connection_refused": 1}


async def test_a_reset_get_is_tried_elsewhere(start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint) -> None:
    """An endpoint that is killed takes the requests in flight with it; they can be asked again."""
    gateway = await start(start_gateway, endpoint.port, other.port)
    client = await gateway.ask(GET)
    (await take(endpoint)).reset()
    await (await take(other)).send(OK)
    assert await status_of(client) == 200


async def test_a_fresh_connection_for_a_stale_one_is_not_the_retry(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """An endpoint that begins to reset everything, the kept connection too, must not use up what is for the other."""
    gateway = await start(start_gateway, endpoint.port, other.port)
    client = await gateway.ask(GET)
    kept = await take(endpoint)
    await kept.send(OK)
    await client.read_until(b"hi")
    await client.send(GET)
    elsewhere = await take(other)
    await elsewhere.send(OK)
    await client.read_until(b"hi")
    await client.send(GET)
    await kept.read_head()
    kept.reset()
    (await take(endpoint)).reset()
    await elsewhere.read_head()
    await elsewhere.send(OK)
    assert await status_of(client) == 200
    await until(lambda: len(gateway.records) == 3)
    assert gateway.records[-1].attempts == 3


async def test_a_reset_post_is_not(start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint) -> None:
    """It may have been carried out."""
    gateway = await start(start_gateway, endpoint.port, other.port)
    client = await gateway.ask(request(b"POST", b"abc"))
    (await take(endpoint, b"abc")).reset()
    assert await status_of(client) == 502
    assert retries(gateway) == {"refused method": 1}
    assert "not repeated: method" in str(gateway.records[0].line["notes"])


async def test_a_503_is_tried_elsewhere_and_its_connection_kept(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """The client sees the good answer; the busy endpoint is not made to accept connections on top."""
    gateway = await start(start_gateway, endpoint.port, other.port)
    client = await gateway.ask(GET)
    busy = await take(endpoint)
    await busy.send(BUSY[:-2])
    good = await take(other)
    await busy.send(BUSY[-2:])
    await good.send(OK)
    assert await status_of(client) == 200
    await until(lambda: gateway.counts()["idle"] == 2)
    await client.read(2)
    await client.send(GET)
    await busy.read_head()
    await busy.send(OK)
    assert await status_of(client) == 200


async def test_an_unwanted_answer_without_end_costs_its_connection_only(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """Reading gigabytes away for nobody would be worse than a new connection."""
    gateway = await start(start_gateway, endpoint.port, other.port)
    client = await gateway.ask(GET)
    busy = await take(endpoint)
    await busy.send(BUSY.replace(b": 4", b": 999999"))
    await (await take(other)).send(OK)
    assert await status_of(client) == 200
    gateway.pass_time(3.0)
    assert await busy.ends() in ("closed", "reset")


async def test_the_real_answer_comes_when_there_is_no_other(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """What the service says is worth more than an error of the gateway."""
    gateway = await start(start_gateway, endpoint.port, other.port)
    client = await gateway.ask(GET)
    await (await take(endpoint)).send(BUSY)
    await (await take(other)).send(BUSY.replace(b"busy", b"full"))
    assert await status_of(client) == 503
    assert await client.read(4) == b"full"
    assert retries(gateway) == {"503": 1, "refused exhausted": 1}


async def test_an_answer_that_asks_for_patience_is_passed_on(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """Retry-After above the cap: the client can wait, the gateway's place in the queue cannot."""
    gateway = await start(start_gateway, endpoint.port, other.port)
    client = await gateway.ask(GET)
    await (await take(endpoint)).send(BUSY.replace(b"\r\n\r\n", b"\r\nRetry-After: 60\r\n\r\n"))
    assert b"Retry-After: 60" in await client.read_head()
    assert retries(gateway) == {"refused retry_after": 1}


async def test_a_response_timeout_is_repeated_where_it_is_listed(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """A stopped process accepts and says nothing."""
    rules = replace(AGAIN, on=AGAIN.on | {"response_timeout"})
    gateway = await start(
        start_gateway, endpoint.port, other.port, rules=rules, timeouts=UpstreamTimeouts(response=5.0)
    )
    client = await gateway.ask(GET)
    stopped = await take(endpoint)
    gateway.pass_time(5.1)
    good = await take(other)
    await good.send(OK)
    assert await status_of(client) == 200
    assert await stopped.ends() in ("closed", "reset")


async def test_without_budget_the_failure_stands(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """A service that fails altogether must not get twice the load."""
    gateway = await start(start_gateway, endpoint.port, other.port, budget=BudgetRules(0.0, 0.0))
    client = await gateway.ask(GET)
    await (await take(endpoint)).send(BUSY)
    assert await status_of(client) == 503
    assert retries(gateway) == {"refused budget": 1}


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_content_is_sent_again_whole(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint, framing: str
) -> None:
    """Also what the client sends only after the first attempt has failed."""
    gateway = await start(start_gateway, endpoint.port, other.port)
    begin, rest, sent = b"abc", b"defgh", b"abcdefgh"
    head = b"PUT / HTTP/1.1\r\n" + HOST
    if framing == "chunked":
        head += b"Transfer-Encoding: chunked\r\n\r\n"
        begin, rest = b"3\r\nabc\r\n", b"5\r\ndefgh\r\n0\r\n\r\n"
    else:
        head += b"Content-Length: 8\r\n\r\n"
    client = await gateway.ask(head + begin)
    first = await endpoint.accept()
    await first.read_until(b"abc")
    first.reset()
    second = await other.accept()
    await second.read_until(b"abc")
    await client.send(rest)
    await second.read_until(b"defgh")
    await second.send(OK)
    assert await status_of(client) == 200
    await until(lambda: len(gateway.records) == 1)
    assert gateway.records[0].line["bytes_in"] == len(head) + len(sent)


async def test_content_beyond_the_buffer_is_not_sent_again(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """Half of it would be worse than an error."""
    gateway = await start(start_gateway, endpoint.port, other.port)
    client = await gateway.ask(request(b"PUT", bytes(LARGE)))
    (await take(endpoint, bytes(LARGE))).reset()
    assert await status_of(client) == 502
    assert retries(gateway) == {"refused content": 1}


async def test_idempotent_content_is_repeated_on_a_fresh_connection(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """Also without retries: a kept connection that closes just then is nobody's failure."""
    gateway = await start_gateway(make_service(endpoint.port))
    client = await gateway.ask(GET)
    kept = await take(endpoint)
    await kept.send(OK)
    await client.read_until(b"hi")
    await client.send(request(b"PUT", b"abc"))
    await kept.read_until(b"abc")
    kept.reset()
    await (await take(endpoint, b"abc")).send(OK)
    assert await status_of(client) == 200


async def test_nothing_is_repeated_once_an_answer_has_begun(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """The client would get two beginnings."""
    gateway = await start(start_gateway, endpoint.port, other.port)
    client = await gateway.ask(GET)
    wire = await take(endpoint)
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
    await client.read_until(b"ab")
    wire.reset()
    assert await client.ends() == "closed"
    assert retries(gateway) == {}


async def test_a_client_that_leaves_during_the_wait_ends_it(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """Nobody is asked for an answer that nobody takes."""
    gateway = await start(start_gateway, endpoint.port, other.port, rules=replace(AGAIN, backoff=(1000.0, 1000.0)))
    client = await gateway.ask(GET)
    await (await take(endpoint)).send(BUSY)
    await until(lambda: gateway.endpoints[0].in_flight == 0)
    client.close()
    await until(lambda: len(gateway.records) == 1)
    assert gateway.records[0].reason is Reason.CLIENT_GONE


def end_wait(gateway: Gateway) -> None:
    """Let the exchange whose wait is due go on."""
    (waiting,) = [c.exchange for c in gateway.connections if c.exchange and c.exchange.phase is Phase.BACKING_OFF]
    waiting.repeat(time.monotonic())


async def test_a_repeated_request_does_not_queue_for_ever(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Its second wait for a place has the same end as its first."""
    service = make_service(endpoint.port, max=1, queue_timeout=1.0)
    gateway = await start_gateway(service, routes=[make_route(retries=SLOWLY)])
    repeated = await gateway.ask(GET)
    wire = await take(endpoint)
    await wire.send(BUSY)
    await until(lambda: gateway.counts()["idle"] == 1)
    other = await gateway.ask(GET)
    await wire.read_head()
    end_wait(gateway)
    assert gateway.counts()["queued"] == 1
    gateway.pass_time(1.5)
    assert await status_of(repeated) == 503
    await wire.send(OK)
    assert await status_of(other) == 200


async def test_who_was_refused_somewhere_queues_for_another_place(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """The first place to become free may be the one that has failed it already."""
    service = make_service(endpoint.port, other.port, max=1)
    gateway = await start_gateway(service, routes=[make_route(retries=SLOWLY)])
    repeated = await gateway.ask(GET)
    failing = await take(endpoint)
    await failing.send(BUSY)
    await until(lambda: gateway.counts()["idle"] == 1)
    rest = [await gateway.ask(GET) for _ in range(2)]
    good = await take(other)
    await failing.read_head()
    end_wait(gateway)
    assert gateway.counts()["queued"] == 1
    gateway.endpoints[0].max_in_flight = 2
    await good.send(OK)
    await good.read_head()
    await good.send(OK)
    assert await status_of(repeated) == 200
    await failing.send(OK)
    for client in rest:
        assert await status_of(client) == 200


async def test_a_deadline_that_passes_in_the_queue_is_answered(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """There was no attempt yet that could be made again."""
    service = make_service(endpoint.port, max=1, queue_timeout=None)
    route = make_route(retries=AGAIN, timeouts=UpstreamTimeouts(response=None, total=5.0))
    gateway = await start_gateway(service, routes=[route])
    clients = [await gateway.ask(GET) for _ in range(2)]
    await take(endpoint)
    await until(lambda: gateway.counts()["queued"] == 1)
    gateway.pass_time(5.1)
    for client in clients:
        assert await status_of(client) == 504


async def test_who_queues_hears_that_the_pool_closes(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Or it would wait for a place that nobody gives it."""
    service = make_service(endpoint.port, max=1, queue_timeout=None)
    gateway = await start_gateway(service, routes=[make_route(retries=AGAIN)])
    await gateway.ask(GET)
    await take(endpoint)
    client = await gateway.ask(GET)
    await until(lambda: gateway.counts()["queued"] == 1)
    gateway.pool().close()
    assert await status_of(client) == 503


async def test_the_end_of_the_drain_ends_the_wait(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """A gateway that leaves starts nothing more."""
    gateway = await start(start_gateway, endpoint.port, other.port, rules=SLOWLY)
    await gateway.ask(GET)
    await (await take(endpoint)).send(BUSY)
    await until(lambda: gateway.counts()["idle"] == 1)
    gateway.connection.abort()
    await until(lambda: len(gateway.records) == 1)
    assert gateway.records[0].reason is Reason.DRAIN_CUT


async def test_content_that_becomes_too_large_during_the_wait_ends_it(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """The route's limit counts what the client sends, not what an attempt sends."""
    service = make_service(endpoint.port, other.port)
    gateway = await start_gateway(service, routes=[make_route(retries=SLOWLY, body_limit=10)])
    client = await gateway.ask(b"PUT / HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" % HOST)
    wire = await endpoint.accept()
    await wire.read_until(b"abc")
    await wire.send(BUSY)
    await until(lambda: gateway.endpoints[0].in_flight == 0)
    await client.send(b"8\r\ndefghijk\r\n")
    assert await status_of(client) == 413


async def test_content_that_an_endpoint_did_not_take_is_sent_again_whole(
    start_gateway: StartGateway, make_endpoint: Callable[..., Endpoint], other: Endpoint
) -> None:
    """Also what the client had to wait with because that endpoint did not read."""
    service = make_service(make_endpoint(receive_buffer=4096).port, other.port)
    gateway = await start_gateway(
        service, routes=[make_route(retries=replace(AGAIN, buffer=2**30), body_limit=None, timeouts=UpstreamTimeouts())]
    )
    content = bytes(range(256)) * 40_000
    client = await gateway.connect()
    sending = asyncio.create_task(client.send(request(b"PUT", content)))
    await until(lambda: any(connection.exchange for connection in gateway.connections))
    exchange = gateway.connection.exchange
    assert exchange is not None
    await until(lambda: exchange.unread_since and exchange.upstream)
    assert exchange.upstream is not None
    exchange.upstream.transport.abort()
    await (await take(other, content)).send(OK)
    await sending
    assert await status_of(client) == 200


@pytest.mark.parametrize(
    ("answer", "is_kept"),
    [
        (b"Content-Length: 0\r\n\r\n", True),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", True),
        (b"Content-Length: 2\r\n\r\nabHTTP/1.1 200 OK\r\n", False),
        (b"Connection: close\r\nContent-Length: 0\r\n\r\n", False),
        (b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", False),
        (b"\r\nuntil the end", False),
    ],
)
async def test_what_becomes_of_the_connection_of_an_unwanted_answer(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint, answer: bytes, is_kept: bool
) -> None:
    """Kept where the next answer is sure to be the next one."""
    gateway = await start(start_gateway, endpoint.port, other.port)
    client = await gateway.ask(GET)
    busy = await take(endpoint)
    await busy.send(b"HTTP/1.1 503 Service Unavailable\r\n" + answer)
    await (await take(other)).send(OK)
    assert await status_of(client) == 200
    if is_kept:
        await until(lambda: gateway.counts()["idle"] == 2)
    else:
        assert await busy.ends() in ("closed", "reset")


@pytest.mark.parametrize(
    ("retry_after", "is_repeated"),
    [(b"0", True), (b"", True), (b"2", False), (b"9" * 400, False), (b"Wed, 21 Oct 2015 07:28:00 GMT", False)],
)
async def test_what_an_answer_asks_for_is_judged(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint, retry_after: bytes, is_repeated: bool
) -> None:
    """What cannot be read as a short time is a long one."""
    gateway = await start(start_gateway, endpoint.port, other.port)
    client = await gateway.ask(GET)
    await (await take(endpoint)).send(BUSY.replace(b"\r\n\r\n", b"\r\nRetry-After: %b\r\n\r\n" % retry_after))
    if is_repeated:
        await (await take(other)).send(OK)
    assert await status_of(client) == (200 if is_repeated else 503)


@pytest.mark.parametrize("failure", ["reset", "503"])
async def test_a_websocket_is_opened_elsewhere(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint, failure: str
) -> None:
    """With what the client sent behind its handshake, which nobody has seen yet."""
    service = make_service(endpoint.port, other.port)
    gateway = await start_gateway(service, routes=[make_route(retries=AGAIN, websocket=Websocket())])
    client = await gateway.ask(HANDSHAKE + b"early")
    first = await take(endpoint)
    if failure == "reset":
        first.reset()
    else:
        await first.send(BUSY)
    second = await take(other)
    await second.send(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello"
    )
    assert await status_of(client) == 101
    assert await client.read(5) == b"hello"
    await client.send(bytes(LARGE))
    assert await second.read(5 + LARGE) == b"early" + bytes(LARGE)


async def test_what_is_left_of_the_deadline_goes_upstream(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """An endpoint need not work for an answer that comes too late; a client cannot say it for the gateway."""
    gateway = await start(start_gateway, endpoint.port, other.port, timeouts=UpstreamTimeouts(total=30.0))
    client = await gateway.ask(b"GET / HTTP/1.1\r\nX-Orion-Timeout-Ms: 999999\r\n%b\r\n" % HOST)
    wire = await endpoint.accept()
    first = await wire.read_head()
    await wire.send(BUSY)
    wire = await other.accept()
    second = await wire.read_head()
    await wire.send(OK)
    assert await status_of(client) == 200
    left = [int(head.split(b"X-Orion-Timeout-Ms: ")[1].split(b"\r\n")[0]) for head in (first, second)]
    assert first.count(b"X-Orion-Timeout-Ms") == 1
    assert 29_000 < left[1] <= left[0] <= 30_000


async def test_a_passed_deadline_is_not_repeated(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """The client has waited as long as it was promised."""
    rules = replace(AGAIN, on=AGAIN.on | {"response_timeout"})
    gateway = await start(
        start_gateway, endpoint.port, other.port, rules=rules, timeouts=UpstreamTimeouts(response=None, total=5.0)
    )
    client = await gateway.ask(GET)
    await take(endpoint)
    # The sweep is ahead of the clock by so much.
    gateway.pass_time(5.1)
    assert await status_of(client) == 504


HEDGED = replace(AGAIN, hedge=HedgeRules(0.0))


async def test_a_hedge_answers_for_a_slow_endpoint(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """The client need not wait for the one slow machine; that one is told to stop."""
    gateway = await start(start_gateway, endpoint.port, other.port, rules=HEDGED)
    client = await gateway.ask(GET)
    slow, quick = await take(endpoint), await take(other)
    await quick.send(OK)
    assert await status_of(client) == 200
    assert await client.read(2) == b"hi"
    assert await slow.ends() in ("closed", "reset")
    await until(lambda: len(gateway.records) == 1)
    assert (gateway.records[0].attempts, gateway.records[0].line["notes"]) == (2, "hedged")
    assert gateway.records[0].line["endpoint"] == gateway.endpoints[1].url
    counters = gateway.plane.take().counters
    assert counters["orion_upstream_hedges_total", ("users", "won")] == 1
    # The connection that won is kept, and works.
    await client.send(GET)
    await take(endpoint)
    await quick.read_head()
    await quick.send(OK)
    assert await status_of(client) == 200


async def test_the_first_attempt_may_still_win(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """Then it is the hedge that is cancelled."""
    gateway = await start(start_gateway, endpoint.port, other.port, rules=HEDGED)
    client = await gateway.ask(GET)
    first, hedge = await take(endpoint), await take(other)
    await first.send(OK)
    assert await status_of(client) == 200
    assert await hedge.ends() in ("closed", "reset")
    assert gateway.plane.take().counters["orion_upstream_hedges_total", ("users", "lost")] == 1


@pytest.mark.parametrize("failure", ["reset", "503"])
async def test_a_failed_hedge_changes_nothing(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint, failure: str
) -> None:
    """An error must not overtake the good answer that is on its way."""
    gateway = await start(start_gateway, endpoint.port, other.port, rules=HEDGED)
    client = await gateway.ask(GET)
    first, hedge = await take(endpoint), await take(other)
    if failure == "reset":
        hedge.reset()
    else:
        await hedge.send(BUSY)
    await until(lambda: gateway.endpoints[1].in_flight == 0)
    await first.send(OK)
    assert await status_of(client) == 200
    assert gateway.plane.take().counters["orion_upstream_hedges_total", ("users", "failed")] == 1


async def test_the_hedge_goes_on_alone(start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint) -> None:
    """When the first attempt fails, the second one is there already."""
    gateway = await start(start_gateway, endpoint.port, other.port, rules=HEDGED)
    client = await gateway.ask(GET)
    first, hedge = await take(endpoint), await take(other)
    first.reset()
    await until(lambda: gateway.endpoints[0].in_flight == 0)
    await hedge.send(OK)
    assert await status_of(client) == 200


async def test_both_fail(start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint) -> None:
    """Then the client hears of it, once."""
    gateway = await start(start_gateway, endpoint.port, other.port, rules=HEDGED)
    client = await gateway.ask(GET)
    first, hedge = await take(endpoint), await take(other)
    first.reset()
    await until(lambda: gateway.endpoints[0].in_flight == 0)
    hedge.reset()
    assert await status_of(client) == 502
    await until(lambda: len(gateway.records) == 1)


async def test_a_client_that_leaves_ends_both(start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint) -> None:
    """Or every impatient client would leave two requests behind."""
    gateway = await start(start_gateway, endpoint.port, other.port, rules=HEDGED)
    client = await gateway.ask(GET)
    first, hedge = await take(endpoint), await take(other)
    client.close()
    assert await first.ends() in ("closed", "reset")
    assert await hedge.ends() in ("closed", "reset")


@pytest.mark.parametrize("sent", [request(b"POST"), request(b"PUT", b"abc"), request(b"GET", b"abc")])
async def test_only_what_is_safe_is_hedged(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint, sent: bytes
) -> None:
    """A second order would be carried out too."""
    gateway = await start(start_gateway, endpoint.port, other.port, rules=HEDGED)
    client = await gateway.ask(sent)
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(OK)
    assert await status_of(client) == 200
    assert gateway.endpoints[1].in_flight == 0
    assert not any("hedges" in name for name, _ in gateway.plane.take().counters)


async def test_a_hedged_attempt_that_gets_a_fresh_connection_has_one_hedge(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """A kept connection that closes makes nobody ask a third time; a hedge that is forgotten would never end."""
    gateway = await start(start_gateway, endpoint.port, other.port, rules=HEDGED)
    client = await gateway.ask(GET)
    kept, _ = await take(endpoint), await take(other)
    await kept.send(OK)
    await client.read_until(b"hi")
    await client.send(GET)
    await kept.read_head()
    await take(other)
    kept.reset()
    fresh = await take(endpoint)
    await settle()
    assert [place.in_flight for place in gateway.endpoints] == [1, 1]
    await fresh.send(OK)
    assert await status_of(client) == 200


async def test_an_answer_that_is_no_failure_ends_the_wait(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """A 404 is the answer; the hedge may still fail, and then there would be none."""
    gateway = await start(start_gateway, endpoint.port, other.port, rules=HEDGED)
    client = await gateway.ask(GET)
    first, hedge = await take(endpoint), await take(other)
    await first.send(NOT_FOUND)
    assert await status_of(client) == 404
    assert await hedge.ends() in ("closed", "reset")


async def test_the_hedge_goes_on_behind_early_hints(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """Left to itself it would answer a request that has its answer, and the client take it for that to the next one."""
    gateway = await start(start_gateway, endpoint.port, other.port, rules=HEDGED)
    client = await gateway.ask(GET)
    first, hedge = await take(endpoint), await take(other)
    await first.send(EARLY_HINTS)
    assert await status_of(client) == 103
    first.reset()
    await until(lambda: gateway.endpoints[0].in_flight == 0)
    await hedge.send(OK)
    assert await status_of(client) == 200
    await until(lambda: len(gateway.records) == 1)


async def test_nothing_is_hedged_behind_an_answer(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """Early hints went out, so the failure cannot be repeated: nor by a hedge that was due later."""
    gateway = await start(start_gateway, endpoint.port, other.port, rules=replace(AGAIN, hedge=HedgeRules(1000.0)))
    client = await gateway.ask(GET)
    first = await take(endpoint)
    exchange = gateway.connection.exchange
    assert exchange is not None
    await first.send(EARLY_HINTS)
    assert await status_of(client) == 103
    assert exchange.persistence is not None
    first.reset()
    assert await status_of(client) == 502
    assert exchange.persistence is None


@pytest.mark.parametrize("is_new_attempt", [False, True])
async def test_a_hedge_that_goes_on_alone_has_the_time_of_an_attempt(
    start_gateway: StartGateway, make_endpoint: Callable[..., Endpoint], is_new_attempt: bool
) -> None:
    """Then its endpoint has failed too, and the next attempt has a hedge of its own, which may fail alone."""
    places = [make_endpoint() for _ in range(4)]
    rules = replace(HEDGED, max=4 if is_new_attempt else 1, on=AGAIN.on | {"response_timeout"})
    limits = UpstreamTimeouts(response=5.0)
    gateway = await start(start_gateway, *(place.port for place in places), rules=rules, timeouts=limits)
    client = await gateway.ask(GET)
    first = await take(places[0])
    await take(places[1])
    first.reset()
    await until(lambda: gateway.endpoints[0].in_flight == 0)
    gateway.pass_time(5.1)
    if is_new_attempt:
        third, hedge = await take(places[2]), await take(places[3])
        hedge.reset()
        await until(lambda: gateway.endpoints[3].in_flight == 0)
        await third.send(OK)
    assert await status_of(client) == (200 if is_new_attempt else 504)
    await until(lambda: len(gateway.records) == 1)
    second = f"{gateway.endpoints[1].url} http_response_timeout"
    assert second in str(gateway.records[0].line["notes"])
    counters = gateway.plane.take().counters
    assert counters["orion_upstream_hedges_total", ("users", "failed")] == (2 if is_new_attempt else 1)


async def test_a_hedge_that_goes_on_alone_has_the_time_of_a_connection(
    start_gateway: StartGateway, endpoint: Endpoint, deaf_port: Callable[[], int]
) -> None:
    """A machine that is gone must not hold the client as long as one that works."""
    rules = replace(HEDGED, on=AGAIN.on | {"response_timeout"})
    gateway = await start(start_gateway, endpoint.port, deaf_port(), rules=rules)
    client = await gateway.ask(GET)
    first = await take(endpoint)
    await until(lambda: gateway.counts()["opening"] == 1)
    first.reset()
    await until(lambda: gateway.endpoints[0].in_flight == 0)
    gateway.pass_time(3.1)
    assert await status_of(client) == 504
    assert gateway.records[0].reason is Reason.CONNECTION_TIMEOUT


async def test_a_hedge_that_connects_alone_has_the_time_of_an_answer(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """From its connection on it is waited for like any attempt."""
    gateway = await start(start_gateway, endpoint.port, other.port, rules=HEDGED)
    client = await gateway.ask(GET)
    await until(lambda: gateway.endpoints[1].in_flight == 1)
    exchange = gateway.connection.exchange
    assert exchange is not None
    assert exchange.upstream is not None
    exchange.upstream.transport.abort()
    hedge = await take(other)
    await until(lambda: gateway.endpoints[0].in_flight == 0)
    assert exchange.phase is Phase.WAITING
    gateway.pass_time(3.1)
    await hedge.send(OK)
    assert await status_of(client) == 200


async def test_whoever_has_failed_both_is_not_asked_again(
    start_gateway: StartGateway, make_endpoint: Callable[..., Endpoint]
) -> None:
    """The third attempt goes where neither the first nor the hedge was."""
    places = [make_endpoint() for _ in range(3)]
    gateway = await start(start_gateway, *(place.port for place in places), rules=replace(HEDGED, max=2))
    client = await gateway.ask(GET)
    first, hedge = await take(places[0]), await take(places[1])
    # The turn would be the first one's again.
    assert gateway.pool().chooser.choose(0, 0.0, None) is gateway.endpoints[2]
    first.reset()
    await until(lambda: gateway.endpoints[0].in_flight == 0)
    hedge.reset()
    await (await take(places[2])).send(OK)
    assert await status_of(client) == 200


async def test_the_deadline_ends_both(start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint) -> None:
    """The hedge has no time of its own beyond it."""
    limits = UpstreamTimeouts(response=None, total=5.0)
    gateway = await start(start_gateway, endpoint.port, other.port, rules=HEDGED, timeouts=limits)
    client = await gateway.ask(GET)
    await take(endpoint)
    await take(other)
    gateway.pass_time(5.1)
    assert await status_of(client) == 504


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % HOST,
        HANDSHAKE,
        b"GET / HTTP/1.1\r\n%bCookie: lb=%%b\r\n\r\n" % HOST,
    ],
    ids=["chunks without content", "websocket", "bound by a cookie"],
)
async def test_a_second_one_would_not_be_the_same(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint, sent: bytes
) -> None:
    """A head whose content never ends, a second session, an endpoint that does not know the client."""
    service = make_service(endpoint.port, other.port, balancing=Balancing(sticky_cookie="lb"))
    gateway = await start_gateway(service, routes=[make_route(retries=HEDGED, websocket=Websocket())])
    token = gateway.pool().chooser.token_of(gateway.endpoints[0])
    client = await gateway.ask(sent.replace(b"%b", token))
    wire = await take(endpoint)
    await settle()
    assert gateway.endpoints[1].in_flight == 0
    await wire.send(OK)
    assert await status_of(client) == 200


async def test_failed_attempts_are_told_where_somebody_ejects(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Each failure at once; of the successes only the first one after a failure."""
    gateway = await start_gateway(
        make_service(refusing_port(), endpoint.port, outliers=OutlierRules()), routes=[make_route(retries=AGAIN)]
    )
    client = await gateway.ask(GET)
    wire = await take(endpoint)
    await wire.send(OK)
    await client.read_until(b"hi")
    assert [(told.endpoint, told.succeeded) for told in gateway.news] == [(0, False)]  # type: ignore[union-attr]
    gateway.endpoints[1].is_suspect = True
    for _ in range(2):
        await client.send(GET)
        await wire.read_head()
        await wire.send(OK)
        await client.read_until(b"hi")
    told = [(told.endpoint, told.succeeded) for told in gateway.news if told.endpoint == 1]  # type: ignore[union-attr]
    assert told == [(1, True)]


async def test_a_cookie_binds_a_client_to_its_endpoint(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """Sessions that live in the memory of one machine need it; the cookie does not show which one that is."""
    gateway = await start_gateway(make_service(endpoint.port, other.port, balancing=Balancing(sticky_cookie="lb")))
    client = await gateway.ask(GET)
    wire = await take(endpoint)
    await wire.send(OK)
    head = await client.read_until(b"hi")
    cookie = head.split(b"Set-Cookie: ")[1].split(b";")[0]
    assert cookie.startswith(b"lb=")
    assert str(endpoint.port).encode() not in cookie
    for _ in range(3):
        await client.send(b"GET / HTTP/1.1\r\nCookie: %b\r\n%b\r\n" % (cookie, HOST))
        await wire.read_head()
        await wire.send(OK)
        assert b"Set-Cookie" not in await client.read_until(b"hi")


async def test_a_client_bound_to_a_dead_endpoint_is_served_by_another(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """Its session is lost anyway; from now on it belongs to the endpoint that has answered."""
    service = make_service(endpoint.port, refusing_port(), balancing=Balancing(sticky_cookie="lb"))
    gateway = await start_gateway(service, routes=[make_route(retries=AGAIN)])
    alive, dead = [gateway.pool().chooser.token_of(place) for place in gateway.endpoints]
    client = await gateway.ask(b"GET / HTTP/1.1\r\nCookie: lb=%b\r\n%b\r\n" % (dead, HOST))
    await (await take(endpoint)).send(OK)
    assert b"Set-Cookie: lb=%b;" % alive in await client.read_head()


async def test_a_full_endpoint_does_not_lose_its_clients(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """One request goes elsewhere; the session stays where it is."""
    gateway = await start_gateway(make_service(endpoint.port, other.port, balancing=Balancing(sticky_cookie="lb")))
    first = gateway.endpoints[0]
    cookie = b"lb=" + gateway.pool().chooser.token_of(first)
    asked = b"GET / HTTP/1.1\r\nCookie: %b\r\n%b\r\n" % (cookie, HOST)
    first.in_flight += first.max_in_flight
    client = await gateway.ask(asked)
    await (await take(other)).send(OK)
    assert b"Set-Cookie" not in await client.read_until(b"hi")
    first.in_flight -= first.max_in_flight
    await client.send(asked)
    await (await take(endpoint)).send(OK)
    assert b"Set-Cookie" not in await client.read_until(b"hi")


async def test_a_request_bound_by_key_stays_with_its_endpoint(
    start_gateway: StartGateway, endpoint: Endpoint, other: Endpoint
) -> None:
    """That is what consistent hashing is for."""
    balancing = Balancing("consistent_hash", key=KeySource("path"))
    gateway = await start_gateway(make_service(endpoint.port, other.port, balancing=balancing))
    pool = gateway.pool()
    client = await gateway.connect()
    seen = []
    for _ in range(4):
        await client.send(b"GET /tenant HTTP/1.1\r\n%b\r\n" % HOST)
        await until(lambda: sum(e.in_flight for e in gateway.endpoints) == 1)
        chosen = [e.in_flight for e in gateway.endpoints].index(1)
        seen.append(chosen)
        source = (endpoint, other)[chosen]
        wire = source.wires[-1] if source.wires else await source.accept()
        await wire.read_head()
        await wire.send(OK)
        await client.read_until(b"hi")
    assert len(set(seen)) == 1
    assert pool.counts["idle"] == 1
