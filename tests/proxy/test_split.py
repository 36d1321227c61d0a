"""Routes that split their requests, as clients and services see them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from orion_gateway.routing.split import make_token
from orion_gateway.values import (
    CircuitRules,
    CircuitState,
    CircuitView,
    Reason,
    Respond,
    RetryRules,
    Rewrite,
    Split,
    Target,
    ToService,
    UpstreamTimeouts,
)
from tests.harness.gateway import EXAMPLE, make_route, make_service
from tests.harness.wire import refusing_port, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint, Wire

HOST = b"Host: %b\r\n" % EXAMPLE.encode()
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
OLD, NEW = (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + name for name in (b"old", b"new"))
ONLY_NEW = (Target("old", 0), Target("new", 1))


def bound(service: str) -> bytes:
    return b"GET / HTTP/1.1\r\n%bCookie: release=%b\r\n\r\n" % (HOST, make_token(service))


async def ask(client: Wire, request: bytes) -> bytes:
    """Return the head of the answer; its content is read, too."""
    await client.send(request)
    head = await client.read_head()
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await client.read(int(length.partition(b":")[2]))
    return head


async def serve(endpoint: Endpoint, response: bytes) -> Wire:
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(response)
    return wire


async def test_requests_are_divided_and_each_is_counted_for_the_service_that_was_asked(
    start_gateway: StartGateway, make_endpoint: Callable[[], Endpoint]
) -> None:
    """Nobody could tell how the new release does beside the old one."""
    endpoints = {"old": make_endpoint(), "new": make_endpoint()}
    route = make_route(action=Split((Target("old", 3), Target("new", 1))))
    services = [make_service(endpoint.port, name=name) for name, endpoint in endpoints.items()]
    gateway = await start_gateway(*services, routes=[route])
    client = await gateway.connect()
    wires: dict[str, Wire] = {}
    asked: Counter[str] = Counter()
    for _ in range(60):
        await client.send(GET)
        name = await _find_asked(gateway, endpoints, wires)
        asked[name] += 1
        await wires[name].send(OLD)
        await client.read_until(b"old")
    assert 30 < asked["old"] < 58
    assert Counter(record.service for record in gateway.records) == asked
    assert {record.route for record in gateway.records} == {"all"}
    counted = gateway.plane.take().counters
    assert sum(value for (name, labels), value in counted.items() if name == "orion_http_requests_total") == 60
    for name, count in asked.items():
        assert counted["orion_upstream_attempts_total", (name, "succeeded", "")] == count


async def _find_asked(gateway: Gateway, endpoints: dict[str, Endpoint], wires: dict[str, Wire]) -> str:
    await until(lambda: any(endpoint.in_flight for endpoint in gateway.endpoints))
    (name,) = (service.name for service in gateway.services if service.endpoints[0].in_flight)
    if name not in wires:
        wires[name] = await endpoints[name].accept()
    await wires[name].read_head()
    return name


async def test_a_client_is_told_once_where_it_belongs(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """It would be drawn anew with each request, or be sent a cookie with each answer, which no cache would keep."""
    route = make_route(action=Split(ONLY_NEW, "release"))
    gateway = await start_gateway(make_service(name="old"), make_service(endpoint.port, name="new"), routes=[route])
    client = await gateway.ask(GET)
    wire = await serve(endpoint, NEW)
    head = await client.read_until(b"new")
    assert b"\r\nSet-Cookie: release=%b; Path=/; HttpOnly; SameSite=Lax\r\n" % make_token("new") in head
    for request, is_told in ((bound("new"), False), (bound("old"), True), (bound("gone"), True)):
        await client.send(request)
        await wire.read_head()
        await wire.send(NEW)
        assert (b"Set-Cookie" in await client.read_until(b"new")) == is_told


async def test_an_answer_of_the_gateway_itself_binds_nobody(start_gateway: StartGateway) -> None:
    """A client that found the new release dead would be bound to it."""
    route = make_route(action=Split(ONLY_NEW, "release"))
    gateway = await start_gateway(make_service(name="old"), make_service(refusing_port(), name="new"), routes=[route])
    head = await ask(await gateway.connect(), GET)
    assert head.startswith(b"HTTP/1.1 502 ")
    assert b"Set-Cookie" not in head
    assert gateway.records[0].service == "new"


async def test_each_service_has_its_own_timeouts_and_retries(
    start_gateway: StartGateway, make_endpoint: Callable[[], Endpoint]
) -> None:
    """The new release would be waited for as long as the old one needs, and what must not be repeated would be."""
    old, new = make_endpoint(), make_endpoint()
    again = RetryRules(max=1, backoff=(0.0, 0.0))
    targets = (
        Target("old", 1, retries=again),
        Target("new", 1, timeouts=UpstreamTimeouts(response=1.0)),
    )
    gateway = await start_gateway(
        make_service(old.port, name="old"),
        make_service(new.port, name="new"),
        routes=[make_route(action=Split(targets, "release"))],
    )
    client = await gateway.ask(bound("old"))
    wire = await serve(old, OLD.replace(b"200 OK", b"503 No"))
    await wire.read_head()
    await wire.send(OLD)
    assert (await client.read_until(b"old")).startswith(b"HTTP/1.1 200 ")
    await client.send(bound("new"))
    await (await new.accept()).read_head()
    gateway.pass_time(2.0)
    await client.read_head()
    assert [(record.status, record.attempts, record.reason) for record in gateway.records] == [
        (200, 2, None),
        (504, 1, Reason.HTTP_RESPONSE_TIMEOUT),
    ]


async def test_an_open_circuit_of_one_service_leaves_the_other_alone(
    start_gateway: StartGateway, make_endpoint: Callable[[], Endpoint]
) -> None:
    """A broken canary would take everybody down, and its fallback would answer for all."""
    old, spare = make_endpoint(), make_endpoint()
    targets = (Target("old", 1), Target("new", 1), Target("newer", 1))
    gateway = await start_gateway(
        make_service(old.port, name="old"),
        make_service(refusing_port(), name="new", circuit=CircuitRules(fallback=ToService("spare"))),
        make_service(refusing_port(), name="newer", circuit=CircuitRules(fallback=Respond(200, body=b"resting"))),
        make_service(spare.port, name="spare"),
        routes=[make_route(action=Split(targets, "release"))],
    )
    for name in ("new", "newer"):
        gateway.plane.take_circuit(name, CircuitView(CircuitState.OPEN, 2, retry_at=1e12))
    client = await gateway.ask(bound("old"))
    await serve(old, OLD)
    await client.read_until(b"old")
    await client.send(bound("new"))
    await serve(spare, NEW)
    # It still belongs to the service whose circuit is open.
    assert b"Set-Cookie" not in await client.read_until(b"new")
    await client.send(bound("newer"))
    await client.read_until(b"resting")
    assert [record.service for record in gateway.records] == ["old", "new", "newer"]


async def test_a_rewrite_is_made_for_whichever_service_is_chosen(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """What a route says beside its split would be forgotten."""
    route = make_route("/api/**", Split(ONLY_NEW, "release"), rewrite=Rewrite(strip_prefix="/api", host_upstream=True))
    gateway = await start_gateway(make_service(name="old"), make_service(endpoint.port, name="new"), routes=[route])
    client = await gateway.ask(GET.replace(b"GET / ", b"GET /api/a "))
    wire = await endpoint.accept()
    head = await wire.read_head()
    assert head.startswith(b"GET /a HTTP/1.1\r\n")
    assert b"Host: 127.0.0.1:%d\r\n" % endpoint.port in head
    await wire.send(NEW)
    await client.read_until(b"new")


async def test_a_client_that_came_by_https_gets_a_cookie_for_https_only(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """Its cookie would be sent in the clear by the first plain link to the same host."""
    route = make_route(action=Split(ONLY_NEW, "release"))
    gateway = await start_gateway(make_service(name="old"), make_service(endpoint.port, name="new"), routes=[route])
    client = await gateway.connect()
    await until(lambda: len(gateway.connections) == 1)
    gateway.connection.peer.scheme = b"https"  # as behind a listener with TLS
    await client.send(GET)
    await serve(endpoint, NEW)
    assert b"; SameSite=Lax; Secure\r\n" in await client.read_until(b"new")
