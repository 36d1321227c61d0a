"""What a generation counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.values import Respond, ToAdmin
from tests.harness.gateway import EXAMPLE, make_route, make_service

if TYPE_CHECKING:
    from tests.harness.fixtures import StartGateway
    from tests.harness.wire import Endpoint

HOST = b"Host: %b\r\n\r\n" % EXAMPLE.encode()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


async def test_every_exchange_is_counted_once_where_it_belongs(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """The metrics are what people page on."""
    routes = [
        make_route("/users/**", name="users"),
        make_route("/hello", Respond(200, (), b"hello"), name="hello"),
        make_route("/health", ToAdmin("health"), name="health"),
    ]
    admin = make_service(endpoint.port, name="_admin")
    gateway = await start_gateway(make_service(endpoint.port), admin, routes=routes)
    client = await gateway.ask(b"GET /users/7 HTTP/1.1\r\n" + HOST)
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(OK)
    await client.read_until(b"hi")
    for target in (b"/hello", b"/hello", b"/nowhere"):
        await client.send(b"GET %b HTTP/1.1\r\n%b" % (target, HOST))
        await client.read_until(b"hello" if target == b"/hello" else b"}\n")
    await client.send(b"GET /health HTTP/1.1\r\n" + HOST)
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(OK)
    await client.read_until(b"hi")

    delta = gateway.plane.take()
    requests = {labels: n for (name, labels), n in delta.counters.items() if name == "orion_http_requests_total"}
    assert requests == {
        ("users", "GET", "200", "upstream"): 1,
        ("hello", "GET", "200", "gateway"): 2,
        ("_none", "GET", "404", "gateway"): 1,
        ("health", "GET", "200", "upstream"): 1,
    }
    assert delta.counters["orion_upstream_attempts_total", ("users", "succeeded", "")] == 1
    assert delta.gauges["orion_upstream_pool_connections", ("users", "idle")] == 1
    assert not gateway.plane.take().counters
    assert [(record.route, record.service) for record in gateway.records] == [
        ("users", "users"),
        ("hello", ""),
        ("hello", ""),
        ("_none", ""),
        ("health", "_admin"),
    ]


async def test_the_gateways_own_time_is_its_overhead(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A gateway that computes for a long time would look like one that costs nothing."""
    routes = [make_route("/users/**", name="users"), make_route("/hello", Respond(200, (), b"hello"), name="hello")]
    gateway = await start_gateway(make_service(endpoint.port), routes=routes)
    client = await gateway.ask(b"GET /hello HTTP/1.1\r\n" + HOST)
    await client.read_until(b"hello")
    await client.send(b"GET /users/7 HTTP/1.1\r\n" + HOST)
    wire = await endpoint.accept()
    for _ in range(2):  # the second one finds a kept connection and waits for nothing
        await wire.read_head()
        await wire.send(OK)
        await client.read_until(b"hi")
        if len(gateway.records) < 3:
            gateway.plane.take()
            await client.send(b"GET /users/7 HTTP/1.1\r\n" + HOST)
    delta = gateway.plane.take()
    assert delta.histograms["orion_gateway_overhead_seconds", ("users",)].total > 0
    assert delta.histograms["orion_http_request_duration_seconds", ("users",)].total > 0
