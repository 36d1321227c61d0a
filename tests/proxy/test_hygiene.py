"""Fields that are the gateway's word: nobody else's reach an endpoint, and none of the inner ones a client.

Every attack is raw bytes on a real connection, on a route without filters and on one whose filters edit fields.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orion_gateway.filters.header_edits import HeaderRules
from orion_gateway.http1.head import HeadLimits
from orion_gateway.proxy.plane import PlaneSettings
from orion_gateway.values import FilterUse, UpstreamTimeouts
from tests.harness.gateway import EXAMPLE, make_route, make_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orion_gateway.http1.parsed import Underscores
    from orion_gateway.values import Route
    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint, Wire

HOST = b"Host: %b\r\n" % EXAMPLE.encode()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
PLAIN = make_route(timeouts=UpstreamTimeouts(total=10.0))
EDITS = HeaderRules(set=(("X-Tier", "gold"), ("X-Copy", "${request.header.X-Orion-Subject}")), remove=("X-Debug",))
EDITED = replace(
    PLAIN,
    filters=(
        FilterUse("request_headers", EDITS, "edits"),
        FilterUse("request_headers", HeaderRules(add=(("X-Tag", "edge"),), remove=("X-Tier-2",)), "more"),
    ),
)
ROUTES = [pytest.param(PLAIN, id="plain"), pytest.param(EDITED, id="edited")]

MANAGED = (
    b"X-Orion-Subject",
    b"X-Orion-Roles",
    b"X-Orion-Permissions",
    b"X-Orion-Session",
    b"X-Orion-Assertion",
    b"X-Orion-Timeout-Ms",
    b"X-Orion-" + b"Very-" * 1000 + b"Long",
    b"X-Forwarded-For",
    b"X-Forwarded-Proto",
    b"X-Forwarded-Host",
    b"X-Forwarded-Port",
    b"X-Forwarded-Prefix",
    b"X-Forwarded-Client-Cert",
    b"Forwarded",
    b"X-Request-Id",
    b"Traceparent",
    b"Tracestate",
    b"Keep-Alive",
    b"Proxy-Connection",
    b"Proxy-Authorization",
    b"Proxy-Authenticate",
    b"HTTP2-Settings",
    b"TE",
    b"Trailer",
    b"Upgrade",
)
EDITED_NAMES = (b"X-Tier", b"X-Debug", b"X-Copy", b"X-Tier-2")
OURS = (b"X-Forwarded-For: 127.0.0.1", b"X-Forwarded-Proto: http", b"X-Forwarded-Host: " + EXAMPLE.encode())


def spell(name: bytes) -> Iterator[bytes]:
    """Yield what a program behind the gateway might take for the name."""
    spellings = {
        name,
        name.lower(),
        name.upper(),
        name.swapcase(),
        name.replace(b"-", b"_"),
        name.replace(b"-", b"."),
        name.replace(b"-", b"_", 1),
        name.replace(b"-", b".", 1),
        name.replace(b"-", b"_", 1).replace(b"-", b".", 1).upper(),
    }
    yield from sorted(spellings)


async def reach(gateway: Gateway, endpoint: Endpoint, lines: bytes) -> bytes:
    """Send a request with these lines to a gateway that nobody has asked yet; return what the endpoint gets."""
    client = await gateway.connect()
    head = await exchange(client, endpoint, lines)
    client.close()
    return head


async def exchange(client: Wire, endpoint: Endpoint, lines: bytes) -> bytes:
    """Send a request on a connection; return the head that the endpoint gets."""
    await client.send(b"GET / HTTP/1.1\r\n" + HOST + lines + b"\r\n")
    wire = endpoint.wires[-1] if endpoint.wires else await endpoint.accept()
    head = await wire.read_head()
    await wire.send(OK)
    await client.read_until(b"\r\n\r\n")
    return head


def check_ours(head: bytes, route: Route) -> None:
    """What the gateway says itself stands there once, and what the table says."""
    for line in OURS:
        assert head.count(b"\r\n" + line + b"\r\n") == 1, line
    for name in (b"x-forwarded-for:", b"x-request-id:", b"traceparent:", b"x-orion-timeout-ms:", b"host:"):
        assert head.lower().count(b"\r\n" + name) == 1, name
    if route is EDITED:
        assert head.count(b"\r\nX-Tier: gold\r\n") == 1
        assert head.count(b"\r\nX-Tag: edge\r\n") == 1


@pytest.mark.parametrize("underscores", ["drop", "allow"])
@pytest.mark.parametrize("route", ROUTES)
async def test_no_spelling_of_a_managed_field_reaches_an_endpoint(
    start_gateway: StartGateway, endpoint: Endpoint, route: Route, underscores: Underscores
) -> None:
    """A client would be whoever it says it is: an endpoint cannot tell its word from the gateway's."""
    settings = PlaneSettings(head_limits=HeadLimits(underscores=underscores))
    gateway = await start_gateway(make_service(endpoint.port), routes=[route], settings=settings)
    client = await gateway.connect()
    for name in (*MANAGED, *(EDITED_NAMES if route is EDITED else ())):
        for spelling in spell(name):
            for lines in (
                b"%b: evil\r\n" % spelling,
                b"%b:\t evil \t\r\n" % spelling,
                b"%b: evil\r\nX-Ok: yes\r\n%b: evil2\r\n" % (spelling, name),
            ):
                head = await exchange(client, endpoint, lines)
                assert b"evil" not in head, (lines[:100], head)
                check_ours(head, route)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "lines",
    [
        b"X-Orion-Subject : evil\r\n",
        b"X-Orion-Subject\t: evil\r\n",
        b" X-Orion-Subject: evil\r\n",
        b"X-Ok: yes\r\n X-Orion-Subject: evil\r\n",
        b"X-Ok: yes\r\n\tevil\r\n",
        b"X Orion-Subject: evil\r\n",
        b"X-Orion-Subject\x00: evil\r\n",
        b"X\xadOrion-Subject: evil\r\n",
        b"\xef\xbb\xbfX-Orion-Subject: evil\r\n",
        b"X-Ok: yes\rX-Orion-Subject: evil\r\n",
        b"X-Ok: yes\nX-Orion-Subject: evil\r\n",
        b"X-Ok: yes\x00X-Orion-Subject: evil\r\n",
        b": evil\r\n",
        b"X-Orion-Subject\r\n",
        b"X-Orion-%b: evil\r\n" % (b"a" * 40_000),
    ],
)
async def test_what_is_no_field_is_refused(
    start_gateway: StartGateway, endpoint: Endpoint, route: Route, lines: bytes
) -> None:
    """Parsers disagree about it: one of them would see a managed field."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[route])
    client = await gateway.ask(b"GET / HTTP/1.1\r\n" + HOST + lines + b"\r\n")
    head = await client.read_head()
    assert head.split()[1] in {b"400", b"431"}
    assert not endpoint.has_visitor()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "connection",
    [
        b"Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Request-Id, traceparent, Via\r\n",
        b"connection: x-tier, x-tag, x-orion-timeout-ms, x_forwarded_for\r\nCONNECTION: host, content-length\r\n",
        b"Connection: " + b", ".join(MANAGED[:6]) + b"\r\n",
        b'Connection: ,,,\tX-Tier\t, ,X-Forwarded-For;x, "X-Tier"\r\n',
        b"Connection: close, keep-alive, te, upgrade, x-tier\r\n",
    ],
)
async def test_connection_takes_away_nothing_that_the_gateway_says(
    start_gateway: StartGateway, endpoint: Endpoint, route: Route, connection: bytes
) -> None:
    """A client that names X-Forwarded-For as hop-by-hop would come from nowhere, and past rules about addresses."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[route])
    head = await reach(gateway, endpoint, connection + b"X-Tier: evil\r\nX-Forwarded-For: evil\r\n")
    check_ours(head, route)
    assert b"\r\nVia: 1.1 " in head
    assert b"\r\nConnection:" not in head
    assert b"X-Forwarded-For: evil" not in head
    if route is EDITED:
        assert b"evil" not in head


@pytest.mark.parametrize("route", ROUTES)
async def test_no_managed_field_hides_in_trailers(
    start_gateway: StartGateway, endpoint: Endpoint, route: Route
) -> None:
    """Servers that merge trailers into the header section would believe it."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[route])
    for name in MANAGED[:15]:
        for spelling in spell(name):
            if len(spelling) > 1000:
                continue
            client = await gateway.connect()
            await client.send(
                b"POST / HTTP/1.1\r\n%bTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n"
                b"Trailer: %b\r\n\r\n1\r\na\r\n0\r\n%b: evil\r\nX-Sum: 1\r\n\r\n" % (HOST, spelling, spelling)
            )
            wire = endpoint.wires[-1] if endpoint.wires else await endpoint.accept()
            head = await wire.read_head()
            content = await wire.read_until(b"X-Sum: 1\r\n\r\n")
            assert b"evil" not in head + content, (spelling, content)
            await wire.send(OK)
            await client.read_head()
            client.close()


@pytest.mark.parametrize("route", ROUTES)
async def test_a_request_that_came_through_here_goes_round_no_more(
    start_gateway: StartGateway, endpoint: Endpoint, route: Route
) -> None:
    """Two gateways that send to each other would do so until both are full."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[route])
    own = gateway.plane.pseudonym
    for via in (b"1.1 %b" % own, b"1.0 a, 1.1 %b (x)" % own.upper(), b"1.1 a\r\nvia: HTTP/1.1 %b" % own):
        client = await gateway.ask(b"GET / HTTP/1.1\r\n%bVia: %b\r\n\r\n" % (HOST, via))
        assert b" 508 " in await client.read_head()
    assert not endpoint.has_visitor()


@pytest.mark.parametrize("route", ROUTES)
async def test_inner_fields_do_not_leave_by_an_answer(
    start_gateway: StartGateway, endpoint: Endpoint, route: Route
) -> None:
    """An endpoint that echoes what it got would give a client the proof of who it is, to be used elsewhere."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[route])
    client = await gateway.ask(b"GET / HTTP/1.1\r\n%bTE: trailers\r\nConnection: TE\r\n\r\n" % HOST)
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(
        b"HTTP/1.1 200 OK\r\nX-ORION-Assertion: secret\r\nTransfer-Encoding: chunked\r\nx-orion-subject: secret\r\n"
        b"Connection: X-Inner\r\nX-Inner: secret\r\nX-Outer: yes\r\n\r\n0\r\nX-Orion-Roles: secret\r\nX-Sum: 1\r\n\r\n"
    )
    answer = await client.read_until(b"X-Sum: 1\r\n\r\n")
    assert b"X-Outer: yes" in answer
    assert b"secret" not in answer
