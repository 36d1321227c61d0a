"""A client's connection: pipelining, closing, waiting, and what it holds while it does."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from orion_gateway.http1.fields import ForwardedRules
from orion_gateway.proxy.deadline import ClientTimeouts
from orion_gateway.proxy.downstream import LINGER, LINGER_BYTES, Downstream
from orion_gateway.proxy.plane import PlaneSettings
from orion_gateway.values import Reason, Respond
from tests.harness.gateway import EXAMPLE, Gateway, make_route, make_service
from tests.harness.wire import Wire, settle, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.harness.fixtures import StartGateway
    from tests.harness.wire import Endpoint

HOST = b"Host: %b\r\n" % EXAMPLE.encode()
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
HELLO = b"GET /hello HTTP/1.1\r\n" + HOST + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CONTENT = b"x" * 1000
ROUTES = [make_route(), make_route("/hello", Respond(200, (), CONTENT), name="hello")]
KERNEL = 16 * 2**20


async def test_answers_come_in_the_order_of_the_requests(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Many more than are begun in a row, those of the gateway's own among those of an endpoint."""
    gateway = await start_gateway(make_service(endpoint.port), routes=ROUTES)
    client = await gateway.ask(HELLO * 100 + GET + HELLO * 100)
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(OK)
    for number in range(201):
        assert (await client.read_head()).startswith(b"HTTP/1.1 200 ")
        assert await client.read(2 if number == 100 else 1000) == (b"hi" if number == 100 else CONTENT)


async def test_requests_that_wait_are_bounded_and_all_served(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A client that pipelines without end behind a slow answer must not fill the gateway's memory."""
    gateway = await start_gateway(make_service(endpoint.port), routes=ROUTES)
    client = await gateway.ask(GET)
    wire = await endpoint.accept()
    await wire.read_head()
    padded = HELLO[:-2] + b"X-Pad: %b\r\n\r\n" % (b"p" * 4000)
    sent = 0
    for _ in range(200):
        sent += client.send_at_once(padded) == len(padded)
        await settle(1)
    assert len(gateway.connection._buffer) <= 64 * 1024 + 256 * 1024
    await wire.send(OK)
    await client.read_until(b"hi")
    for _ in range(sent):
        await client.read_head()
        assert await client.read(1000) == CONTENT
    assert not gateway.connection._buffer


async def test_a_client_that_asks_and_never_reads_is_bounded(start_gateway: StartGateway) -> None:
    """Answers that nobody takes must stop the requests, or both pile up."""
    content = b"y" * 60_000
    gateway = await start_gateway(routes=[make_route("/hello", Respond(200, (), content))])
    request = HELLO[:-2] + b"X-Pad: %b\r\n\r\n" % (b"p" * 8000)
    client = await gateway.connect()
    sent = 0
    stuck = 0
    while stuck < 50:
        size = client.send_at_once(request[sent % len(request) :] + request * 20)
        sent += size
        stuck = 0 if size else stuck + 1
        await settle(1)
        assert sent < KERNEL
    assert gateway.connection.transport.get_write_buffer_size() < 256 * 1024
    assert len(gateway.connection._buffer) <= 64 * 1024 + 256 * 1024
    # It reads again: everything it asked is answered.
    for _ in range(sent // len(request)):
        await client.read_head()
        await client.read(len(content))
    assert len(gateway.records) == sent // len(request)


async def test_a_client_that_takes_no_answer_is_closed(start_gateway: StartGateway) -> None:
    """Also when its answers are complete and only lie in the buffer."""
    gateway = await start_gateway(routes=ROUTES[1:])
    client = await gateway.connect()
    while not (gateway.connections and gateway.connection.blocked_since):
        client.send_at_once(HELLO * 100)
        await settle(1)
    gateway.pass_time(59.0)
    await settle()
    assert gateway.connections
    gateway.pass_time(2.0)
    await until(lambda: not gateway.connections)


async def test_an_answer_may_be_taken_slowly_after_the_connection_is_closed(start_gateway: StartGateway) -> None:
    """Closing must wait for a slow reader as long as it reads, and no longer."""
    content = b"y" * (6 * 2**20)
    gateway = await start_gateway(routes=[make_route("/big", Respond(200, (), content), name="big")])
    client = await gateway.connect(receive_buffer=4096)
    await client.send(b"GET /big HTTP/1.0\r\n\r\n")
    await until(lambda: gateway.connections and gateway.connection.is_closing)
    for _ in range(3):
        unwritten = gateway.connection.unwritten
        while gateway.connection.unwritten == unwritten:
            await client.read_some()
        gateway.pass_time(59.0)
        await settle()
        assert gateway.connections
    gateway.pass_time(61.0)
    await until(lambda: not gateway.connections)


async def test_what_a_client_sends_behind_the_last_answer_is_read_away_for_a_while(start_gateway: StartGateway) -> None:
    """Closing with its bytes unread would reset the connection, and the answer with it."""
    gateway = await start_gateway(make_service(1), routes=[make_route(body_limit=5)])
    head = b"POST / HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (HOST, 10**9)
    client = await gateway.ask(head)
    await client.send(bytes(LINGER_BYTES // 2))
    assert b" 413 " in await client.read_to_end()
    assert gateway.connections
    gateway.pass_time(LINGER + 0.1)
    await until(lambda: not gateway.connections)

    client = await gateway.ask(head)
    with pytest.raises(ConnectionError):  # noqa: PT012 (reset when the bound is passed, seen by one call or the next)
        for _ in range(8):
            await client.send(bytes(LINGER_BYTES // 4))
    await until(lambda: not gateway.connections)


async def test_an_upload_that_is_refused_in_the_middle_is_answered(start_gateway: StartGateway) -> None:
    """Content that is read away within the limits keeps the connection; the next request is served on it."""
    gateway = await start_gateway(make_service(1), routes=[make_route(body_limit=5), ROUTES[1]])
    client = await gateway.ask(b"POST / HTTP/1.1\r\n%bContent-Length: 200000\r\n\r\n" % HOST)
    await client.send(bytes(200_000) + HELLO)
    assert b" 413 " in await client.read_head()
    await client.read_until(b"}\n")
    assert b" 200 " in await client.read_head()


async def test_a_gateway_that_drains_closes_what_is_idle_and_nothing_else(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """A request that is on its way, or waits behind another, is still answered."""
    gateway = await start_gateway(make_service(endpoint.port), routes=ROUTES)
    idle = await gateway.ask(HELLO)
    await idle.read_until(CONTENT)
    half = await gateway.ask(HELLO[:10])
    busy = await gateway.ask(GET)
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(OK[:-1])
    await busy.read_until(b"h")
    gateway.is_draining = True
    for connection in list(gateway.connections):
        connection.close_idle()
    assert await idle.ends() == "closed"
    await half.send(HELLO[10:])
    assert b"Connection: close\r\n" in await half.read_head()
    # Its head was sent before: it could not say that the connection ends, but it does.
    await wire.send(OK[-1:])
    await busy.read_until(b"i")
    assert await busy.ends() == "closed"


async def test_a_generation_takes_over_between_two_requests(start_gateway: StartGateway) -> None:
    """A kept connection must not live on under old routes and old trust."""
    gateway = await start_gateway(routes=ROUTES[1:])
    client = await gateway.ask(HELLO)
    await client.read_until(CONTENT)
    rules = ForwardedRules(trusted=(ip_network("127.0.0.0/8"),))
    routes = [make_route("/hello", Respond(200, (), b"new"), name="new")]
    gateway.plane = Gateway(routes, [], PlaneSettings(forwarded=rules)).plane
    await client.send(HELLO[:-2] + b"X-Request-Id: mine\r\n\r\n")
    assert b"X-Request-Id: mine\r\n" in await client.read_until(b"new")


@pytest.mark.parametrize(
    ("sent", "limit", "reason"),
    [(b"", "request_header", None), (b"GET", "request_header", Reason.REQUEST_TIMEOUT), (HELLO, "keep_alive", None)],
    ids=["never spoke", "half a head", "idle"],
)
async def test_off_means_never(start_gateway: StartGateway, sent: bytes, limit: str, reason: Reason | None) -> None:
    """`off` for a timeout keeps a connection however long it waits; on, it ends with its own reason."""
    for is_on in (True, False):
        settings = PlaneSettings(client_timeouts=ClientTimeouts() if is_on else ClientTimeouts(**{limit: None}))
        gateway = await start_gateway(routes=ROUTES[1:], settings=settings)
        client = await gateway.ask(sent)
        await settle()
        assert gateway.connections
        if sent == HELLO:
            await client.read_until(CONTENT)
        await settle()
        gateway.pass_time(80.0)
        if is_on:
            assert (b" 408 " in await client.read_to_end()) == (reason is not None)
            assert (gateway.records[-1].reason if gateway.records else None) is reason
        else:
            await settle()
            assert len(gateway.connections) == 1


@pytest.mark.parametrize(
    ("address", "forwarded", "logged"),
    [("::1", b"X-Forwarded-For: ::1\r\n", "::1"), ("::ffff:127.0.0.1", b"X-Forwarded-For: 127.0.0.1\r\n", "127.0.0.1")],
)
async def test_a_client_of_a_listener_for_both_families_has_its_own_address(
    endpoint: Endpoint, address: str, forwarded: bytes, logged: str
) -> None:
    """`::ffff:127.0.0.1` would escape every rule about 127.0.0.1."""
    gateway = Gateway(ROUTES, [make_service(endpoint.port)], PlaneSettings())
    listening = socket.socket(socket.AF_INET6)
    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listening.bind(("::", 0))
    await gateway.start(listening)
    client = Wire(socket.create_connection((address, gateway.port)))
    await client.send(GET)
    wire = await endpoint.accept()
    assert forwarded in await wire.read_head()
    await wire.send(OK)
    await client.read_until(b"hi")
    assert gateway.records[0].line["client"] == logged
    client.close()
    await gateway.stop()


async def test_a_client_on_a_unix_socket_has_no_address(endpoint: Endpoint, tmp_path: Path) -> None:
    """It is served, and nothing is made up about where it is."""
    gateway = Gateway(ROUTES, [make_service(endpoint.port)], PlaneSettings())
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "http.sock"))
    await gateway.start(listening)
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(tmp_path / "http.sock"))
    client = Wire(sock)
    await client.send(GET)
    wire = await endpoint.accept()
    assert b"X-Forwarded-For" not in await wire.read_head()
    await wire.send(OK)
    await client.read_until(b"hi")
    assert gateway.records[0].line["client"] == "unknown"
    client.close()
    await gateway.stop()


async def test_a_reset_while_nothing_is_in_flight_is_no_exchange(start_gateway: StartGateway) -> None:
    """Port scanners and load balancers do this all day; it must leave no line and no connection."""
    gateway = await start_gateway(routes=ROUTES[1:])
    for sent in (b"", b"GET /", HELLO):
        client = await gateway.ask(sent)
        if sent == HELLO:
            await client.read_until(CONTENT)
        client.reset()
        await until(lambda: not gateway.connections)
    assert len(gateway.records) <= 1


async def test_clients_are_remembered_in_bounded_number(start_gateway: StartGateway) -> None:
    """Each address that ever connected would cost memory for as long as the generation lasts."""
    gateway = await start_gateway(routes=ROUTES[1:])

    def meet(client: str) -> Downstream:
        connection = Downstream(gateway, client)
        connection.connection_made(asyncio.Transport())
        connection.connection_lost(None)
        return connection

    first, again = meet("192.0.2.1"), meet("192.0.2.1")
    assert again.peer is first.peer
    for number in range(5000):
        assert meet(f"10.0.{number // 250}.{number % 250}").peer is not first.peer
    assert len(gateway.plane.peers) <= 1024
    assert meet("192.0.2.1").peer.text == b"192.0.2.1"
