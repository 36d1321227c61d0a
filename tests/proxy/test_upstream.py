"""Connections to endpoints: who gets a place, who waits, which is used again, and that all comes back to zero."""

from __future__ import annotations

import socket
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from orion_gateway.proxy.upstream import CLOSING
from orion_gateway.values import Endpoint as Address
from orion_gateway.values import Reason, Websocket
from tests.harness.gateway import EXAMPLE, make_route, make_service
from tests.harness.wire import Wire, refusing_port, settle, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint

HOST = b"Host: %b\r\n" % EXAMPLE.encode()
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def get(path: str) -> bytes:
    return GET.replace(b" / ", f" {path} ".encode())


def is_queued(gateway: Gateway, number: int) -> bool:
    return gateway.counts()["queued"] == number


async def answer(wire: Wire, content: bytes = OK) -> bytes:
    """Read a request without content, answer it, return its target."""
    head = await wire.read_head()
    await wire.send(content)
    return head.split(b" ")[1]


async def status_of(client: Wire) -> int:
    """Read an answer with a length; return its status."""
    head = await client.read_head()
    length = head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
    await client.read(int(length))
    return int(head.split(b" ")[1])


# -- connecting --------------------------------------------------------------------------------------------------------


async def test_a_refused_connection_is_a_502(start_gateway: StartGateway) -> None:
    """The first thing anybody sees whose backend is down."""
    gateway = await start_gateway(make_service(refusing_port()))
    client = await gateway.ask(GET)
    assert await status_of(client) == 502
    assert gateway.records[0].reason is Reason.CONNECTION_REFUSED
    # The client's connection is as good as before.
    await client.send(GET)
    assert await status_of(client) == 502


async def test_a_name_that_does_not_exist_is_a_502(start_gateway: StartGateway) -> None:
    """A typing mistake in an address must not look like a broken backend."""
    service = make_service(80)
    unknown = Address(url="http://nowhere.invalid", authority="nowhere.invalid", host="nowhere.invalid", port=80)
    gateway = await start_gateway(replace(service, endpoints=(unknown,)))
    client = await gateway.ask(GET)
    assert await status_of(client) == 502
    assert gateway.records[0].reason is Reason.DNS_ERROR


async def test_a_service_without_endpoints_is_a_503(start_gateway: StartGateway) -> None:
    """Nothing is there yet, or nothing any more: come back later."""
    gateway = await start_gateway(make_service())
    client = await gateway.ask(GET)
    head = await client.read_head()
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in head
    assert gateway.records[0].reason is Reason.DESTINATION_UNAVAILABLE


async def test_a_connection_that_does_not_come_about_is_a_504(
    start_gateway: StartGateway, deaf_port: Callable[[], int]
) -> None:
    """A firewall that swallows packets must not hold a client longer than `connect`."""
    gateway = await start_gateway(make_service(deaf_port()))
    client = await gateway.ask(GET)
    await until(lambda: gateway.counts()["opening"] == 1)
    gateway.pass_time(2.9)
    assert gateway.records == []
    gateway.pass_time(0.2)
    assert await status_of(client) == 504
    assert gateway.records[0].reason is Reason.CONNECTION_TIMEOUT
    assert gateway.counts()["opening"] == 0


async def test_a_client_that_leaves_while_connecting_stops_it(
    start_gateway: StartGateway, deaf_port: Callable[[], int]
) -> None:
    """Attempts for nobody would use up the places of an endpoint that is in trouble already."""
    gateway = await start_gateway(make_service(deaf_port()))
    client = await gateway.ask(GET)
    await until(lambda: gateway.counts()["opening"] == 1)
    client.close()
    await until(lambda: gateway.counts()["opening"] == 0)
    assert (gateway.records[0].status, gateway.endpoints[0].in_flight) == (499, 0)


async def test_a_client_that_leaves_as_the_connection_stands_leaks_nothing(
    gateway: Gateway, endpoint: Endpoint
) -> None:
    """The connection and the end of its wish meet in one turn of the loop."""
    for _ in range(20):
        client = await gateway.ask(GET)
        await until(lambda: gateway.counts()["opening"])
        exchange = gateway.connection.exchange
        assert exchange is not None
        await endpoint.accept()
        exchange.abandon(exchange.started)
        client.close()
        await until(lambda: not gateway.connections)
        assert sum(gateway.counts().values()) == 0
        assert gateway.endpoints[0].in_flight == 0


async def test_an_endpoint_that_accepts_and_closes_is_a_502(gateway: Gateway, endpoint: Endpoint) -> None:
    """A load balancer without servers does this: the connection is gone before the request is written."""
    client = await gateway.ask(GET)
    wire = await endpoint.accept()
    wire.reset()
    assert await status_of(client) == 502
    assert gateway.records[0].reason is Reason.CONNECTION_TERMINATED
    assert sum(gateway.counts().values()) == 0


async def test_endpoints_on_unix_sockets_are_endpoints(start_gateway: StartGateway, tmp_path: Path) -> None:
    """Applications beside the gateway need no port."""
    path = str(tmp_path / "app.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    listener.setblocking(False)
    service = replace(make_service(80), endpoints=(Address(url=f"unix:{path}", authority="localhost", path=path),))
    gateway = await start_gateway(service)
    client = await gateway.ask(GET)
    await until(lambda: gateway.counts()["busy"] == 1)
    wire = Wire(listener.accept()[0])
    await answer(wire)
    assert await status_of(client) == 200
    wire.close()
    listener.close()
    await until(lambda: gateway.counts()["idle"] == 0)
    await client.send(GET)
    assert await status_of(client) == 502


# -- places and the queue ----------------------------------------------------------------------------------------------


async def test_who_waits_is_served_in_order(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """First come, first served; and nobody overtakes the queue."""
    gateway = await start_gateway(make_service(endpoint.port, max=1))
    clients = [await gateway.ask(get("/0"))]
    wire = await endpoint.accept()
    for number in range(1, 4):
        clients.append(await gateway.ask(get(f"/{number}")))
        await until(partial(is_queued, gateway, number))
    assert gateway.counts() == {"idle": 0, "busy": 1, "opening": 0, "queued": 3}
    for number, client in enumerate(clients):
        assert await answer(wire) == b"/%d" % number
        assert await status_of(client) == 200
    assert gateway.counts() == {"idle": 1, "busy": 0, "opening": 0, "queued": 0}
    assert len(endpoint.wires) == 1


async def test_a_place_that_comes_free_anywhere_is_taken(
    start_gateway: StartGateway, make_endpoint: Callable[..., Endpoint]
) -> None:
    """Who waits, waits for the service and not for one endpoint."""
    endpoints = [make_endpoint(), make_endpoint()]
    gateway = await start_gateway(make_service(*(one.port for one in endpoints), max=1))
    for number in range(2):
        await gateway.ask(get(f"/{number}"))
    wires = [await one.accept() for one in endpoints]
    client = await gateway.ask(get("/2"))
    await until(lambda: gateway.counts()["queued"] == 1)
    await answer(wires[1])
    assert await answer(wires[1]) == b"/2"
    assert await status_of(client) == 200
    assert [one.in_flight for one in gateway.endpoints] == [1, 0]


async def test_a_full_queue_is_a_503_that_says_when_to_come_back(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """Queues without end only make everybody's answer late."""
    gateway = await start_gateway(make_service(endpoint.port, max=1, queue=1))
    await gateway.ask(GET)
    await until(lambda: gateway.endpoints[0].in_flight == 1)
    await gateway.ask(GET)
    await until(lambda: gateway.counts()["queued"] == 1)
    client = await gateway.ask(GET)
    head = await client.read_head()
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in head
    assert b"Proxy-Status: orion; error=connection_limit_reached\r\n" in head
    assert gateway.records[0].reason is Reason.QUEUE_FULL


async def test_waiting_ends(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A second in the queue is what the table says."""
    gateway = await start_gateway(make_service(endpoint.port, max=1))
    await gateway.ask(GET)
    await until(lambda: gateway.endpoints[0].in_flight == 1)
    client = await gateway.ask(GET)
    await until(lambda: gateway.counts()["queued"] == 1)
    gateway.pass_time(1.1)
    assert await status_of(client) == 503
    assert gateway.records[0].reason is Reason.QUEUE_TIMEOUT
    assert gateway.counts()["queued"] == 0
    assert gateway.endpoints[0].in_flight == 1


async def test_a_place_whose_attempt_failed_goes_to_who_waits(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A failing endpoint must not leave the queue standing."""
    gateway = await start_gateway(make_service(endpoint.port, max=1))
    first = await gateway.ask(get("/1"))
    wire = await endpoint.accept()
    second = await gateway.ask(get("/2"))
    await until(lambda: gateway.counts()["queued"] == 1)
    wire.reset()
    assert await status_of(first) == 502
    assert await answer(await endpoint.accept()) == b"/2"
    assert await status_of(second) == 200


# -- connections that are used again -----------------------------------------------------------------------------------


async def test_the_connection_used_last_is_used_next(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """So the others grow old and are closed when load falls."""
    gateway = await start_gateway(make_service(endpoint.port))
    clients = [await gateway.ask(get(f"/{number}")) for number in range(3)]
    wires = {}
    for _ in clients:
        wire = await endpoint.accept()
        wires[(await wire.read_head()).split(b" ")[1]] = wire
    for number in (2, 0, 1):
        await wires[b"/%d" % number].send(OK)
        await status_of(clients[number])
    assert gateway.counts()["idle"] == 3
    again = await gateway.ask(get("/again"))
    assert await answer(wires[b"/1"]) == b"/again"
    assert await status_of(again) == 200


async def test_no_more_are_kept_than_allowed(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A burst must not leave its connections behind."""
    gateway = await start_gateway(make_service(endpoint.port, max_idle=1))
    clients = [await gateway.ask(GET) for _ in range(3)]
    wires = [await endpoint.accept() for _ in clients]
    for wire in wires:
        await answer(wire)
    for client in clients:
        await status_of(client)
    await until(lambda: gateway.counts() == {"idle": 1, "busy": 0, "opening": 0, "queued": 0})


async def test_a_connection_grows_too_old_even_before_the_sweep_finds_it(gateway: Gateway, endpoint: Endpoint) -> None:
    """Past its limit the endpoint may be closing it at this moment."""
    client = await gateway.ask(GET)
    wire = await endpoint.accept()
    await answer(wire)
    await status_of(client)
    (kept,) = gateway.pool()._idle[gateway.endpoints[0]]
    kept.idle_since -= 31.0
    await client.send(GET)
    assert await wire.ends() == "closed"
    await answer(await endpoint.accept())
    assert await status_of(client) == 200


@pytest.mark.parametrize("seconds", [b"1", b"0"])
async def test_an_endpoint_that_closes_at_once_is_not_kept(
    gateway: Gateway, endpoint: Endpoint, seconds: bytes
) -> None:
    """A connection with a second to live is a failed request in waiting."""
    client = await gateway.ask(GET)
    wire = await endpoint.accept()
    await answer(wire, OK.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=%b\r\n\r\n" % seconds))
    await status_of(client)
    assert await wire.ends() == "closed"


async def test_a_kept_connection_that_closes_is_forgotten(gateway: Gateway, endpoint: Endpoint) -> None:
    """Before anybody could be given it."""
    client = await gateway.ask(GET)
    wire = await endpoint.accept()
    await answer(wire)
    await status_of(client)
    wire.close()
    await until(lambda: gateway.counts()["idle"] == 0)
    await client.send(GET)
    await answer(await endpoint.accept())
    assert await status_of(client) == 200
    assert gateway.records[1].attempts == 1


@pytest.mark.parametrize("field", [b"Connection: close", b"Connection: foo, Close"])
async def test_an_endpoint_that_says_close_is_believed(gateway: Gateway, endpoint: Endpoint, field: bytes) -> None:
    """Else the next request would meet a closed connection."""
    client = await gateway.ask(GET)
    wire = await endpoint.accept()
    await answer(wire, OK.replace(b"\r\n\r\n", b"\r\n%b\r\n\r\n" % field))
    await status_of(client)
    assert await wire.ends() == "closed"


# -- the end -----------------------------------------------------------------------------------------------------------


async def test_a_tunnel_to_an_endpoint_that_reads_nothing_ends(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Its last bytes cannot be delivered; the descriptor must come back all the same."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[make_route(websocket=Websocket())])
    client = await gateway.ask(
        GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    wire = await endpoint.accept()
    await answer(
        wire,
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    )
    await client.read_head()
    exchange = gateway.connection.exchange
    assert exchange is not None
    while not exchange.unread_since:
        client.send_at_once(bytes(2**18))
        await settle(1)
    client.reset()
    # Reading is paused, so the reset is seen by the idle time at the latest.
    gateway.pass_time(601.0)
    await until(lambda: not gateway.connections)
    assert gateway.counts()["busy"] == 1
    gateway.pass_time(CLOSING + 0.1)
    await until(lambda: gateway.counts()["busy"] == 0)


async def test_a_pool_that_closes_tells_everybody(
    start_gateway: StartGateway, endpoint: Endpoint, deaf_port: Callable[[], int]
) -> None:
    """In flight, connecting or waiting: nobody is left hanging."""
    gateway = await start_gateway(make_service(endpoint.port, deaf_port(), max=1))
    clients = [await gateway.ask(GET)]
    await endpoint.accept()
    clients.append(await gateway.ask(GET))
    await until(lambda: gateway.counts()["opening"] == 1)
    clients.append(await gateway.ask(GET))
    await until(lambda: gateway.counts()["queued"] == 1)
    gateway.pool().close()
    assert sorted([await status_of(client) for client in clients]) == [502, 503, 503]
    assert sum(gateway.counts().values()) == 0
