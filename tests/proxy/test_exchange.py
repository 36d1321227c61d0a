"""The relay between a client and an endpoint: packets, back-pressure, early answers, leaving, and what stays behind."""

from __future__ import annotations

import gc
import json
import re
import socket
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from orion_gateway.balancer.round_robin import RoundRobin
from orion_gateway.http1.fields import ForwardedRules
from orion_gateway.http1.head import HeadLimits, ResponseHead, parse_response
from orion_gateway.proxy.plane import PlaneSettings
from orion_gateway.values import Reason, Rewrite, UpstreamTimeouts, Verdict, Websocket
from tests.harness.gateway import EXAMPLE, make_route, make_service
from tests.harness.wire import HEAD_END, refusing_port, settle, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from orion_gateway.values import Endpoint as Address
    from orion_gateway.values import Outcome
    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint, Wire

HOST = b"Host: %b\r\n" % EXAMPLE.encode()
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

KERNEL = 16 * 2**20
"""More than the system's own buffers of one connection hold; what the gateway holds is looked at by itself."""

PORTION = 2**18
UNLIMITED = make_route(body_limit=None)
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\n%bConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % HOST
)
UPGRADED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def post(length: int) -> bytes:
    return b"POST / HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (HOST, length)


async def answer(wire: Wire) -> None:
    """Read a request without content and answer it."""
    await wire.read_head()
    await wire.send(OK)


async def fill(wire: Wire, at_most: int = 4 * KERNEL) -> int:
    """Send until nobody takes any more; return how much that was."""
    sent = 0
    stuck = 0
    while stuck < 50 and sent < at_most:
        size = wire.send_at_once(bytes(PORTION))
        sent += size
        stuck = 0 if size else stuck + 1
        await settle(1)
    return sent


class Watching(RoundRobin):
    """A policy that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: list[Outcome] = []

    def observe(self, endpoint: Address, outcome: Outcome, now: float) -> None:
        self.outcomes.append(outcome)


def watch_outcomes(gateway: Gateway) -> list[Outcome]:
    """Return the list to which the pool's policy adds what it is told of attempts."""
    pool = gateway.pool()
    watching = Watching()
    watching.update(pool.service.endpoints)
    pool.chooser.policy = watching
    return watching.outcomes


# -- packets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_kept", [False, True])
async def test_head_and_first_content_leave_in_one_packet(gateway: Gateway, endpoint: Endpoint, is_kept: bool) -> None:
    """Two packets cost two system calls on both machines, and with Nagle on the other side a delay."""
    client = await gateway.connect()
    if is_kept:
        await client.send(GET)
        await answer(await endpoint.accept())
        await client.read_until(b"hi")
    await client.send(post(5) + b"hello")
    wire = endpoint.wires[0] if is_kept else await endpoint.accept()
    received = await wire.read_some()
    assert received.endswith(HEAD_END + b"hello")
    await wire.send(OK)
    head, _, content = (await client.read_some()).partition(HEAD_END)
    assert content == b"hi", head


async def test_crumbs_are_joined(gateway: Gateway, endpoint: Endpoint) -> None:
    """An endpoint that sends chunks of a byte must not multiply its cost at the gateway by the number of chunks."""
    client = await gateway.ask(GET)
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n")
    await client.read_head()
    content = b""
    chunks = 0
    while size := int(await client.read_until(b"\r\n"), 16):
        content += await client.read(size)
        await client.read(2)
        chunks += 1
    assert content == b"a" * 20_000
    assert chunks < 100


async def test_the_ordinary_way_leaves_no_garbage(gateway: Gateway, endpoint: Endpoint) -> None:
    """What only the garbage collector frees makes pauses under load and memory that comes and goes."""
    client = await gateway.ask(GET)
    wire = await endpoint.accept()
    await wire.read_head()
    assert gateway.connection.exchange is not None
    gc.collect()
    gc.disable()
    try:
        before = count_exchanges()
        await wire.send(OK)
        await client.read_until(b"hi")
        assert (before, count_exchanges()) == (1, 0)
    finally:
        gc.enable()


def count_exchanges() -> int:
    return sum(type(one).__name__ == "Exchange" for one in gc.get_objects())


# -- back-pressure -----------------------------------------------------------------------------------------------------


async def test_an_endpoint_that_does_not_read_stops_the_client(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Else an upload of ten gigabytes to a slow endpoint would be held in memory."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[UNLIMITED])
    length = 4 * KERNEL
    client = await gateway.ask(post(length))
    wire = await endpoint.accept()
    sent = await fill(client, length)
    assert sent < length
    upstream = gateway.connection.exchange.upstream  # type: ignore[union-attr]
    assert upstream is not None
    assert upstream.transport.get_write_buffer_size() <= 2 * PORTION
    # Nobody is late: the gateway itself does not read.
    gateway.pass_time(200.0)
    assert gateway.records == []
    # And all of it arrives once the endpoint reads.
    await wire.read_head()
    received = 0
    while received < length:
        received += len(await wire.read_some())
        if sent < length:
            sent += client.send_at_once(bytes(min(PORTION, length - sent)))
    await wire.send(OK)
    await client.read_until(b"hi")
    assert gateway.counts()["idle"] == 1


async def test_an_endpoint_that_never_reads_is_given_up(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A stuck endpoint must not hold a client and a place for ever."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[UNLIMITED])
    client = await gateway.ask(post(4 * KERNEL))
    await endpoint.accept()
    await fill(client)
    gateway.pass_time(301.0)
    assert b"504 Gateway Timeout" in await client.read_head()
    assert gateway.records[0].reason is Reason.CONNECTION_WRITE_TIMEOUT
    assert gateway.endpoints[0].in_flight == 0


async def test_a_client_that_does_not_read_stops_the_endpoint(gateway: Gateway, endpoint: Endpoint) -> None:
    """Else a slow reader of a large file would make the gateway hold it."""
    length = 4 * KERNEL
    client = await gateway.ask(GET)
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
    sent = await fill(wire, length)
    assert sent < length
    assert gateway.connection.transport.get_write_buffer_size() <= 2 * PORTION
    await client.read_head()
    received = 0
    while received < length:
        received += len(await client.read_some())
        if sent < length:
            sent += wire.send_at_once(bytes(min(PORTION, length - sent)))
    await until(lambda: gateway.counts()["idle"] == 1)
    assert gateway.records[0].bytes_out == length


async def test_a_client_that_never_reads_is_cut(gateway: Gateway, endpoint: Endpoint) -> None:
    """The slow-read attack: without an end every such client would hold a connection to an endpoint."""
    outcomes = watch_outcomes(gateway)
    client = await gateway.ask(GET)
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (4 * KERNEL))
    await fill(wire)
    gateway.pass_time(59.0)
    assert gateway.records == []
    gateway.pass_time(2.0)
    assert gateway.records[0].reason is Reason.CLIENT_WRITE_TIMEOUT
    assert [outcome.verdict for outcome in outcomes] == [Verdict.ABANDONED]
    await until(lambda: not gateway.connections)
    assert await reads_to_reset(client)


async def reads_to_reset(wire: Wire) -> bool:
    try:
        await wire.read_to_end()
    except ConnectionResetError:
        return True
    return False


async def test_a_client_that_reads_a_little_is_not_cut(gateway: Gateway, endpoint: Endpoint) -> None:
    """A phone on a bad network takes its time; only who takes nothing at all is cut."""
    client = await gateway.connect(receive_buffer=4096)
    await client.send(GET)
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (4 * KERNEL))
    await fill(wire)
    for _ in range(5):
        unwritten = gateway.connection.unwritten
        while gateway.connection.unwritten == unwritten:
            await client.read_some()
        gateway.pass_time(59.0)
        gateway.pass_time(0.0)
    assert gateway.records == []


async def test_what_comes_before_the_connection_stands_is_bounded(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """Requests that wait in the queue hold at most a portion of their content each."""
    gateway = await start_gateway(make_service(endpoint.port, max=1), routes=[UNLIMITED])
    first = await gateway.ask(GET)
    wire = await endpoint.accept()
    second = await gateway.ask(post(4 * KERNEL))
    await until(lambda: gateway.counts()["queued"])
    sent = await fill(second)
    assert sent < KERNEL
    waiting = next(one.exchange for one in gateway.connections if one.exchange and not one.exchange.upstream)
    assert waiting.request_bytes <= 2 * PORTION
    assert not waiting.wants_request
    # The place comes free: what was held goes out, and the client is read from again.
    await wire.read_head()
    await wire.send(OK)
    await first.read_until(b"hi")
    await wire.read_head()
    await wire.read(sent)
    second.reset()
    assert await wire_ends(wire)


async def test_an_endpoint_that_is_full_from_the_first_write_stops_the_client(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """What was held for it may already be more than it takes; reading on would pile up behind that."""
    gateway = await start_gateway(make_service(endpoint.port, max=1), routes=[UNLIMITED])
    first = await gateway.ask(GET)
    wire = await endpoint.accept()
    await wire.read_head()
    (connection,) = gateway.pool()._open
    connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    second = await gateway.ask(post(4 * KERNEL))
    await until(lambda: gateway.counts()["queued"])
    await fill(second)
    await wire.send(OK)
    await first.read_until(b"hi")
    await until(lambda: connection.attempt)
    await fill(second)
    assert 0 < connection.transport.get_write_buffer_size() <= 2 * PORTION


async def test_a_client_whose_request_is_whole_is_watched_while_it_waits(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """It may leave the queue, and then nobody must ask an endpoint for it."""
    gateway = await start_gateway(make_service(endpoint.port, max=1))
    await gateway.ask(GET)
    await until(lambda: gateway.endpoints[0].in_flight)
    second = await gateway.ask(post(5))
    await until(lambda: gateway.counts()["queued"])
    await second.send(b"hello")
    await until(lambda: any(one.exchange and one.exchange.request_bytes for one in gateway.connections))
    second.close()
    await until(lambda: not gateway.counts()["queued"])
    assert gateway.records[0].status == 499


async def wire_ends(wire: Wire) -> bool:
    try:
        while await wire.read_some():
            pass
    except ConnectionResetError:
        pass
    return True


async def test_a_tunnel_presses_back_both_ways(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A WebSocket that only one side reads from must not fill the gateway."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[make_route(websocket=Websocket())])
    client = await gateway.ask(HANDSHAKE)
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(UPGRADED)
    await client.read_head()
    exchange = gateway.connection.exchange
    assert exchange is not None
    assert exchange.upstream is not None
    assert await fill(client) < 4 * KERNEL
    assert await fill(wire) < 4 * KERNEL
    assert exchange.upstream.transport.get_write_buffer_size() <= 2 * PORTION
    assert gateway.connection.transport.get_write_buffer_size() <= 2 * PORTION
    # Nothing moves any more: the tunnel's own idle time ends it, even with nobody reading.
    gateway.pass_time(601.0)
    assert gateway.records[0].status == 101
    gateway.pass_time(61.0)
    await until(lambda: not gateway.connections)
    await until(lambda: not any(gateway.counts().values()))


# -- early answers and broken connections ------------------------------------------------------------------------------


async def test_an_early_answer_survives_the_reset_behind_it(gateway: Gateway, endpoint: Endpoint) -> None:
    """A server that refuses a large upload answers 413 and closes; the client must see the 413 and not a 502."""
    client = await gateway.ask(post(10**6))
    wire = await endpoint.accept()
    await wire.read_head()
    await client.send(bytes(1000))
    await settle()
    # Its answer and the reset (content was left unread) arrive together, and the gateway writes before it reads.
    wire.send_at_once(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nmuch")
    wire.close()
    exchange = gateway.connection.exchange
    assert exchange is not None
    assert exchange.upstream is not None
    exchange.take_request([bytes(1000)], exchange.started)
    assert (await client.read_to_end()).startswith(b"HTTP/1.1 413 ")
    assert (gateway.records[0].status, gateway.records[0].reason) == (413, None)
    assert not any(gateway.counts().values())


async def test_a_connection_whose_request_has_not_gone_out_is_not_kept(
    start_gateway: StartGateway, make_endpoint: Callable[..., Endpoint]
) -> None:
    """The next client's request would stand behind the rest of this one's content."""
    endpoint = make_endpoint(receive_buffer=4096)
    gateway = await start_gateway(make_service(endpoint.port), routes=[UNLIMITED])
    client = await gateway.ask(post(10**9))
    wire = await endpoint.accept()
    await fill(client)
    exchange = gateway.connection.exchange
    assert exchange is not None
    assert exchange.upstream is not None
    assert exchange.upstream.transport.get_write_buffer_size() > 0
    # The client's last byte comes while earlier ones have not gone out yet, and the endpoint answers without reading.
    exchange.end_request(exchange.started)
    await wire.send(OK)
    await client.read_until(b"hi")
    await until(lambda: not any(gateway.counts().values()))


async def test_a_client_that_leaves_while_it_waits_takes_nothing_with_it(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """Its place in the queue is free for who still waits."""
    gateway = await start_gateway(make_service(endpoint.port, max=1))
    outcomes = watch_outcomes(gateway)
    first = await gateway.ask(GET)
    wire = await endpoint.accept()
    second = await gateway.ask(GET)
    await until(lambda: gateway.counts()["queued"] == 1)
    third = await gateway.ask(b"GET /3 HTTP/1.1\r\n" + HOST + b"\r\n")
    await until(lambda: gateway.counts()["queued"] == 2)
    second.close()
    await until(lambda: gateway.counts()["queued"] == 1)
    await wire.read_head()
    await wire.send(OK)
    await first.read_until(b"hi")
    assert (await wire.read_head()).startswith(b"GET /3 ")
    await wire.send(OK)
    await third.read_until(b"hi")
    assert [record.status for record in gateway.records] == [499, 200, 200]
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SUCCEEDED, Verdict.SUCCEEDED]


async def test_a_client_that_leaves_before_its_rest_is_read_away_is_recorded_once(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """It had its answer: that is what the log says, and nothing else."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[make_route(body_limit=5)])
    client = await gateway.ask(post(10))
    assert b" 413 " in await client.read_head()
    client.reset()
    await until(lambda: not gateway.connections)
    assert [(record.status, record.reason) for record in gateway.records] == [(413, Reason.REQUEST_TOO_LARGE)]


async def test_the_time_in_which_a_client_rightly_waited_is_not_held_against_it(
    gateway: Gateway, endpoint: Endpoint
) -> None:
    """Its rate counts from the 100 on; before, it was asked not to send."""
    await gateway.ask(post(100)[:-2] + b"Expect: 100-continue\r\n\r\n")
    await (await endpoint.accept()).read_head()
    exchange = gateway.connection.exchange
    assert exchange is not None
    interim, _ = parse_response(b"HTTP/1.1 100 Continue\r\n\r\n", HeadLimits(), b"POST")
    assert isinstance(interim, ResponseHead)
    start = exchange.started
    exchange.take_interim(interim, start + 25)
    exchange.take_request([b"hello"], start + 26)
    exchange.check(start + 34)
    assert gateway.records == []
    exchange.check(start + 36)
    assert gateway.records[0].reason is Reason.REQUEST_TIMEOUT


async def test_outcomes_tell_whose_fault_it_was(gateway: Gateway, endpoint: Endpoint) -> None:
    """Circuits and ejection act on these: a slow client must not count against an endpoint, a dead endpoint must."""
    outcomes = watch_outcomes(gateway)
    for act in ("answer", "fail", "close", "leave", "stall"):
        client = await gateway.ask(GET)
        await until(lambda: any(one.exchange and one.exchange.upstream for one in gateway.connections))
        while endpoint.has_visitor():
            pass
        wire = endpoint.wires[-1]
        await wire.read_head()
        match act:
            case "answer":
                await wire.send(OK)
            case "fail":
                await wire.send(b"HTTP/1.1 500 Sorry\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            case "close":
                wire.close()
            case "leave":
                client.close()
            case "stall":
                gateway.pass_time(31.0)
        done = len(outcomes)
        await until(lambda: not any(one.exchange for one in gateway.connections))
        assert len(outcomes) in (done, done + 1)
    assert [(one.verdict, one.reason, one.status) for one in outcomes] == [
        (Verdict.SUCCEEDED, None, 200),
        (Verdict.FAILED, None, 500),
        (Verdict.FAILED, Reason.CONNECTION_TERMINATED, 0),
        (Verdict.ABANDONED, Reason.CLIENT_GONE, 0),
        (Verdict.FAILED, Reason.HTTP_RESPONSE_TIMEOUT, 0),
    ]


# -- what only a fault of ours could bring -----------------------------------------------------------------------------


@pytest.mark.parametrize("is_development", [False, True])
async def test_a_fault_of_our_own_is_a_500_and_the_next_request_is_served(
    start_gateway: StartGateway, endpoint: Endpoint, is_development: bool
) -> None:
    """One request that finds a bug must not take the connection or the worker with it, nor show our insides."""
    gateway = await start_gateway(
        make_service(endpoint.port),
        routes=[make_route("/broken", rewrite=Rewrite(path="/x"), name="broken"), make_route()],
        settings=PlaneSettings(is_development=is_development),
    )
    gateway.plane.live[0].rewriter = lambda path, query, params: 1 / 0  # type: ignore[assignment,return-value]
    client = await gateway.ask(GET.replace(b" / ", b" /broken "))
    head = await client.read_head()
    assert head.startswith(b"HTTP/1.1 500 ")
    content = await client.read_until(b"}\n")
    assert (b"ZeroDivisionError" in content) == is_development
    assert b'"reason":"proxy_internal_error"' in content
    await client.send(GET)
    await answer(await endpoint.accept())
    await client.read_until(b"hi")


async def test_a_drain_that_has_run_out_of_time_cuts_and_says_so(gateway: Gateway, endpoint: Endpoint) -> None:
    """The exit code and the log tell how many were cut."""
    client = await gateway.ask(GET)
    wire = await endpoint.accept()
    await wire.read_head()
    gateway.connection.abort()
    assert (gateway.records[0].status, gateway.records[0].reason) == (503, Reason.DRAIN_CUT)
    assert b"503" in await client.read_to_end()
    await until(lambda: not gateway.connections)


async def test_a_drain_cuts_a_rest_that_is_read_away_without_a_second_record(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """One record per exchange, whatever ends it."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[make_route(body_limit=5)])
    client = await gateway.ask(post(10))
    assert b" 413 " in await client.read_head()
    gateway.connection.abort()
    await until(lambda: not gateway.connections)
    assert [record.status for record in gateway.records] == [413]


async def test_a_total_time_bounds_everything(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """An answer that trickles for ever ends where its route says so."""
    timeouts = UpstreamTimeouts(total=60.0)
    gateway = await start_gateway(make_service(endpoint.port), routes=[make_route(timeouts=timeouts)])
    client = await gateway.ask(GET)
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
    await client.read_head()
    gateway.pass_time(61.0)
    assert await client.ends() == "closed"
    assert gateway.records[0].reason is Reason.HTTP_RESPONSE_TIMEOUT


async def test_clients_behind_a_trusted_proxy_are_logged_by_their_own_address(
    start_gateway: StartGateway, endpoint: Endpoint, make_endpoint: Callable[..., Endpoint]
) -> None:
    """A log full of the load balancer's address helps nobody."""
    rules = ForwardedRules(trusted=(ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8")))
    gateway = await start_gateway(make_service(endpoint.port), settings=PlaneSettings(forwarded=rules))
    client = await gateway.ask(GET[:-2] + b"X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.1.1.1\r\n\r\n")
    await answer(await endpoint.accept())
    await client.read_until(b"hi")
    assert gateway.records[0].line["client"] == "203.0.113.7"


async def test_an_error_has_an_id_where_no_other_answer_needs_one(start_gateway: StartGateway) -> None:
    """Ids that nobody sees are not made, but who reports an error must have one to name."""
    silent = PlaneSettings(forwarded=ForwardedRules(request_id=False, traceparent=False))
    gateway = await start_gateway(make_service(refusing_port()), settings=silent)
    gateway.plane.shows_ids = False  # as with `access_log: off`; the harness keeps a log
    client = await gateway.ask(GET)
    head = await client.read_head()
    assert b"X-Request-Id" not in head
    length = head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
    body = json.loads(await client.read(int(length)))
    assert re.fullmatch("[0-9a-f]{32}", body["correlationId"])
    assert gateway.records[0].line["id"] == body["correlationId"]
