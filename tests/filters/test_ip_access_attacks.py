"""Getting past `ip_access`: who pretends to be another client, and who spells a guarded path in another way.

Bytes go over real sockets to a gateway whose endpoint must not hear of them. Tests speak from 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote_to_bytes

import pytest
import pytest_asyncio

from orion_gateway.filters.header_edits import HeaderRules
from orion_gateway.filters.ip_access import IpAccessRules
from orion_gateway.filters.networks import NetworkSet
from orion_gateway.http1.fields import ForwardedRules
from orion_gateway.http1.head import HeadLimits
from orion_gateway.proxy.plane import PlaneSettings
from orion_gateway.values import FilterUse, Reason, Route, RouteMatch, ToService, Websocket
from tests.harness.gateway import Gateway, make_route, make_service
from tests.harness.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.harness.fixtures import StartGateway
    from tests.harness.wire import Endpoint

HOST = b"Host: www.example.org\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
FRIEND = "192.0.2.7"
"""Who is let through, and nobody else."""
STRANGER = "203.0.113.9"


def guard(allow: Sequence[str] = (), deny: Sequence[str] = (), *, enforce: bool = True) -> FilterUse:
    rules = IpAccessRules(NetworkSet.of(map(ip_network, allow)), NetworkSet.of(map(ip_network, deny)))
    return FilterUse("ip_access", rules, "guard", enforce=enforce)


def trusting(*networks: str) -> PlaneSettings:
    return PlaneSettings(forwarded=ForwardedRules(trusted=tuple(map(ip_network, networks))))


def get(fields: bytes = b"", path: bytes = b"/") -> bytes:
    return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (path, HOST, fields)


class Behind:
    """What stands behind the gateway: it answers everything, and keeps the targets that it was asked for."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.targets: list[bytes] = []

    async def answer(self) -> None:
        """Answer until cancelled, each request on a connection of its own."""
        while True:
            wire = await self._endpoint.accept()
            head = await wire.read_head()
            self.targets.append(head.split(b" ")[1])
            await wire.send(OK)
            wire.close()


@pytest_asyncio.fixture
async def behind(endpoint: Endpoint) -> AsyncIterator[Behind]:
    """The endpoint, answering."""
    made = Behind(endpoint)
    task = asyncio.create_task(made.answer())
    yield made
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def status_of(gateway: Gateway, request: bytes) -> int:
    """Return the status of the answer."""
    client = await gateway.ask(request)
    line = await client.read_until(b"\r\n")
    client.close()
    return int(line.split()[1])


# -- pretending to be another client -----------------------------------------------------------------------------------

NAMES = (
    *(b"X-Forwarded-For", b"x-forwarded-for", b"X-FORWARDED-FOR", b"X_Forwarded_For", b"X.Forwarded.For"),
    *(b"X-Forwarded_For", b"X-Real-IP", b"X-Client-IP", b"True-Client-IP", b"CF-Connecting-IP", b"X-Orion-Client"),
    *(b"X-Cluster-Client-Ip", b"Forwarded-For", b"X-Forwarded", b"Client-IP", b"X-Original-Forwarded-For"),
)
VALUES = (
    *(b"192.0.2.7", b"192.0.2.7, 192.0.2.7", b"192.0.2.7, 127.0.0.1", b"127.0.0.1, 192.0.2.7", b"192.0.2.7:80"),
    *(
        b"::ffff:192.0.2.7",
        b"[::ffff:192.0.2.7]",
        b"[::ffff:192.0.2.7]:80",
        b"::ffff:c000:207",
        b"192.0.2.7,",
        b",192.0.2.7",
    ),
    *(
        b",,192.0.2.7,,",
        b"unknown, 192.0.2.7",
        b"192.0.2.7, unknown",
        b'"192.0.2.7"',
        b"for=192.0.2.7",
        b"\t192.0.2.7\t",
    ),
)
CLAIMS = [
    *(b"%b: 192.0.2.7\r\n" % name for name in NAMES),
    *(b"X-Forwarded-For: %b\r\n" % value for value in VALUES),
    b"X-Forwarded-For: 192.0.2.7\r\n" * 40,
    b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.7\r\n",
    b"X-Forwarded-For: 192.0.2.7\r\nx-forwarded-for: 203.0.113.9\r\n",
    b"X-Forwarded-For:\r\nX-Forwarded-For: 192.0.2.7\r\n",
    b"Forwarded: for=192.0.2.7\r\n",
    b'Forwarded: for="192.0.2.7:80";proto=http, for=192.0.2.7\r\n',
    b"Connection: X-Forwarded-For\r\nX-Forwarded-For: 192.0.2.7\r\n",
    b"Connection: close, x-forwarded-for, X-Real-IP\r\nX-Forwarded-For: 192.0.2.7\r\nX-Real-IP: 192.0.2.7\r\n",
    b"Connection: X-Forwarded-For\r\nConnection: Forwarded\r\nX-Forwarded-For: 192.0.2.7\r\nForwarded: for=1.2.3.4\r\n",
    b"X-Forwarded-For: " + b"192.0.2.7, " * 500 + b"192.0.2.7\r\n",
]


@pytest.mark.parametrize("underscores", ["drop", "allow"])
@pytest.mark.parametrize("trusted", [(), ("10.0.0.0/8", "192.0.2.7/32")])
async def test_a_client_that_nobody_trusts_is_who_it_is(
    start_gateway: StartGateway, endpoint: Endpoint, trusted: tuple[str, ...], underscores: Literal["drop", "allow"]
) -> None:
    """Anybody would come in by writing an address that is let through, or leave a block list behind."""
    settings = replace(trusting(*trusted), head_limits=HeadLimits(underscores=underscores))
    routes = [
        make_route("/allowed", name="allowed", filters=[guard(allow=[FRIEND])]),
        make_route("/denied", name="denied", filters=[guard(deny=["127.0.0.0/8"])]),
    ]
    gateway = await start_gateway(make_service(endpoint.port), routes=routes, settings=settings)
    for path in (b"/allowed", b"/denied"):
        for claim in CLAIMS:
            assert await status_of(gateway, get(claim, path)) == 403, claim
    assert not endpoint.has_visitor()


async def test_a_claim_in_a_trailer_section_comes_too_late(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A field behind the content would count as if it had stood in the head."""
    route = make_route(filters=[guard(allow=[FRIEND])])
    gateway = await start_gateway(make_service(endpoint.port), routes=[route], settings=trusting("127.0.0.0/8"))
    chunked = b"POST / HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\nTrailer: X-Forwarded-For\r\n\r\n" % HOST
    trailers = b"2\r\nhi\r\n0\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n"
    assert await status_of(gateway, chunked + trailers) == 403
    assert not endpoint.has_visitor()


THROUGH_A_PROXY = [
    *(
        b"X-Forwarded-For: %b, %b\r\n" % (value, seen)
        for value in VALUES
        for seen in (b"203.0.113.9", b"203.0.113.9:5")
    ),
    b"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For: 203.0.113.9\r\n",
    b"X-Forwarded-For: 192.0.2.7\r\nx-forwarded-for: ::ffff:203.0.113.9\r\n",
    b"X-Forwarded-For: 203.0.113.9\r\nX_Forwarded_For: 192.0.2.7\r\n",
    b"X-Forwarded-For: 203.0.113.9\r\nX.Forwarded.For: 192.0.2.7\r\nForwarded: for=192.0.2.7\r\n",
    b"Connection: X-Forwarded-For\r\nX-Forwarded-For: 192.0.2.7, 203.0.113.9\r\n",
    b"X-Forwarded-For: 192.0.2.7, 203.0.113.9\r\nConnection: close, X-FORWARDED-FOR\r\n",
    b"X-Forwarded-For: 192.0.2.7, 203.0.113.9, 127.0.0.1, ::ffff:127.0.0.2\r\n",
    b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 127.0.0.9\r\n",
]


@pytest.mark.parametrize("claim", THROUGH_A_PROXY)
async def test_a_stranger_behind_a_trusted_proxy_is_a_stranger(
    start_gateway: StartGateway, endpoint: Endpoint, claim: bytes
) -> None:
    """What a client writes itself would be taken for what the proxy saw."""
    routes = [
        make_route("/allowed", name="allowed", filters=[guard(allow=[FRIEND, "127.0.0.0/8"])]),
        make_route("/denied", name="denied", filters=[guard(deny=[STRANGER])]),
    ]
    gateway = await start_gateway(make_service(endpoint.port), routes=routes, settings=trusting("127.0.0.0/8"))
    for path in (b"/allowed", b"/denied"):
        assert await status_of(gateway, get(claim, path)) == 403
    assert not endpoint.has_visitor()


@pytest.mark.parametrize("seen", [b"192.0.2.7", b"192.0.2.7:80", b"[::ffff:192.0.2.7]:80", b"::ffff:c000:207"])
async def test_a_friend_behind_a_trusted_proxy_is_let_through(
    start_gateway: StartGateway, endpoint: Endpoint, behind: Behind, seen: bytes
) -> None:
    """An allow list behind a load balancer would let in nobody."""
    route = make_route(filters=[guard(allow=[FRIEND])])
    gateway = await start_gateway(make_service(endpoint.port), routes=[route], settings=trusting("127.0.0.0/8"))
    assert await status_of(gateway, get(b"X-Forwarded-For: 203.0.113.9, %b, 127.0.0.2\r\n" % seen)) == 200


@pytest.mark.parametrize(
    "edits",
    [
        HeaderRules(remove=("X-Forwarded-For",)),
        HeaderRules(set=(("X-Forwarded-For", FRIEND),)),
        HeaderRules(add=(("X-Forwarded-For", FRIEND),)),
        HeaderRules(set=(("x-forwarded-for", "${request.query}"),)),
    ],
)
async def test_a_filter_before_it_cannot_change_who_the_client_is(
    start_gateway: StartGateway, endpoint: Endpoint, edits: HeaderRules
) -> None:
    """A harmless edit of a field would let everybody in."""
    filters = [FilterUse("request_headers", edits, "edits"), guard(allow=[FRIEND, "127.0.0.0/8"])]
    route = make_route(filters=filters)
    gateway = await start_gateway(make_service(endpoint.port), routes=[route], settings=trusting("127.0.0.0/8"))
    request = get(b"X-Forwarded-For: 203.0.113.9\r\n", b"/?192.0.2.7")
    assert await status_of(gateway, request) == 403
    (record,) = gateway.records
    assert record.line["client"] == STRANGER


# -- spelling a path in another way ------------------------------------------------------------------------------------

GUARDED = Route(
    "guarded",
    RouteMatch(hosts=("www.example.org",), path="/admin/**"),
    ToService("users"),
    filters=(guard(deny=["127.0.0.0/8"]),),
    websocket=Websocket(),
)
OPEN = Route("open", RouteMatch(), ToService("users"))

PATHS = (
    *(b"/admin", b"/admin/", b"/admin/x", b"/admin?x", b"/admin/?/../x", b"/admin/x%3F", b"/admin/%23"),
    *(b"/%61dmin/x", b"/%61%64%6d%69%6e/x", b"/%61%64%6D%69%6E", b"/admi%6e", b"/adm%69n?x"),
    *(b"//admin/x", b"///admin", b"/admin//x", b"//www.example.org/admin", b"/x//../admin"),
    *(
        b"/./admin/x",
        b"/x/../admin",
        b"/%2e/admin",
        b"/x/%2e%2e/admin",
        b"/x/.%2e/admin",
        b"/x/%2E./admin",
        b"/.//admin",
    ),
    *(b"/admin/../x", b"/admin/.", b"/admin/..", b"/x/..%2fadmin", b"/x/%2e%2e%2fadmin"),
    *(b"/admin%2fx", b"/admin%2Fx", b"/%2fadmin/x", b"/x%2f..%2fadmin", b"/admin%5cx", b"/admin\\x", b"\\admin"),
    *(b"/x\\..\\admin", b"/x/..\\admin", b"/x%5c..%5cadmin"),
    *(b"/admin;x", b"/admin;/x", b"/admin;a=b/x", b"/admin;jsessionid=1", b"/;/admin/x", b"/;x/admin/x", b"/.;/admin"),
    *(
        b"/x/..;/admin",
        b"/x/;/../admin",
        b"/admin%3bx",
        b"/admin%3Bx/y",
        b"/%61dmin;x/y",
        b"/;a/;b/admin",
        b"/admin;x?y",
    ),
    *(b"/admin%00", b"/%00/admin", b"/admin%0a", b"/admin#x", b"/admin%zz", b"/%admin", b"/admin\x80"),
    *(b"/%c0%af../admin", b"/%c0%ae%c0%ae/admin", b"/admin%c0%afx", b"/admin\xc0\xafx"),
    *(b"http://www.example.org/admin", b"HTTP://www.example.org/admin/x", b"http://www.example.org:80/admin"),
    *(b"http://www.example.org//admin", b"http://www.example.org/x/../admin", b"http://WWW.example.org/%61dmin"),
    *(b"http://user@www.example.org/admin", b"http:///admin", b"http:/admin", b"https://www.example.org/admin"),
    *(b"http://www.example.org/admin;x", b"http://other.example.org/admin", b"admin", b"?/../admin", b"*", b""),
)
METHODS = (b"GET", b"HEAD", b"POST", b"OPTIONS", b"TRACE", b"get", b"PROPFIND")
HOSTS = (
    *(b"www.example.org", b"WWW.EXAMPLE.ORG", b"www.example.org.", b"www.example.org:80", b"www.example.org:8080"),
    *(b"www.example.org.:80", b"Www.Example.Org.:65535", b"www.example.org:"),
)


def means_admin(target: bytes) -> bool:
    """Say whether an endpoint could take a target for a guarded one, whatever it decodes, drops and joins once."""
    path = re.sub(rb"^[a-z]+://[^/]*", b"", target, flags=re.IGNORECASE).partition(b"?")[0]
    readings = set()
    for read in (path, unquote_to_bytes(path), re.sub(rb"(?i)%3b", b";", path)):
        for bare in (read, re.sub(rb";[^/]*", b"", read)):
            segments: list[bytes] = []
            for segment in re.split(rb"[/\\]", unquote_to_bytes(bare)):
                if segment == b"..":
                    segments = segments[:-1]
                elif segment not in (b"", b"."):
                    segments.append(segment.split(b"\0")[0])
            readings.add(tuple(segments[:1]))
    return (b"admin",) in readings


def ask(target: bytes, method: bytes = b"GET", host: bytes = b"www.example.org", fields: bytes = b"") -> bytes:
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (method, target, host, fields)


@pytest.mark.parametrize("method", METHODS)
async def test_no_spelling_of_a_guarded_path_reaches_what_is_behind_it(
    start_gateway: StartGateway, endpoint: Endpoint, behind: Behind, method: bytes
) -> None:
    """What is refused in plain would be had by another way to write it, through the open route to the same service."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[GUARDED, OPEN])
    for target in PATHS:
        await status_of(gateway, ask(target, method))
    assert [target for target in behind.targets if means_admin(target)] == []
    plain = await status_of(gateway, ask(b"/admin/x", method))
    assert plain == 403 or (method == b"get" and plain == 501), plain


async def test_the_spellings_would_reach_it_without_the_guard(
    start_gateway: StartGateway, endpoint: Endpoint, behind: Behind
) -> None:
    """The test above would pass because nothing ever reaches anything."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[OPEN])
    for target in PATHS:
        await status_of(gateway, ask(target))
    assert sum(map(means_admin, behind.targets)) > 20


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("target", [b"/admin", b"/%61dmin/x", b"http://%b/admin"])
async def test_no_spelling_of_the_host_gets_past_its_guard(
    start_gateway: StartGateway, endpoint: Endpoint, behind: Behind, host: bytes, target: bytes
) -> None:
    """A final dot, a port or another case would lead to the route of all hosts, to the same endpoint."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[GUARDED, OPEN])
    asked = ask(target % host if b"%b" in target else target, host=host)
    assert await status_of(gateway, asked) in (400, 403)
    assert behind.targets == []


async def test_a_request_to_upgrade_is_judged_like_any_other(
    start_gateway: StartGateway, endpoint: Endpoint, behind: Behind
) -> None:
    """A handshake would open a tunnel past the guard."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[GUARDED])
    fields = (
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    assert await status_of(gateway, ask(b"/admin", fields=fields)) == 403
    assert behind.targets == []


async def test_every_request_of_a_connection_is_judged(
    start_gateway: StartGateway, endpoint: Endpoint, behind: Behind
) -> None:
    """One request that is let through would open the connection for all that follow it."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[GUARDED, OPEN])
    client = await gateway.ask(ask(b"/open") + ask(b"/admin") + ask(b"/open"))
    for status in (b"200", b"403", b"200"):
        head = await client.read_head()
        assert head.split()[1] == status
        length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
        await client.read(int(length.split(b":")[1]))
    assert behind.targets == [b"/open", b"/open"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [(b"application/json", b"application/json"), (b"text/html", b"text/html"), (b"text/plain", b"text/plain")],
)
async def test_who_is_refused_is_told_in_a_format_that_it_reads(
    start_gateway: StartGateway, endpoint: Endpoint, accept: bytes, kind: bytes
) -> None:
    """A person would see JSON, a program a page, and the log would not say who was refused and why."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[GUARDED])
    client = await gateway.ask(ask(b"/admin", fields=b"Accept: %b\r\n" % accept))
    head = await client.read_head()
    assert head.startswith(b"HTTP/1.1 403 ")
    assert b"content-type: " + kind in head.lower()
    assert b"http_request_denied" in head
    (record,) = gateway.records
    assert (record.status, record.reason, record.attempts) == (403, Reason.HTTP_REQUEST_DENIED, 0)
    assert "ip_access: denied" in str(record.line["notes"])


async def test_without_enforcement_everybody_passes_and_the_log_says_who_would_not(
    start_gateway: StartGateway, endpoint: Endpoint, behind: Behind
) -> None:
    """A list could not be tried out before it acts."""
    route = make_route(filters=[guard(deny=["127.0.0.0/8"], enforce=False)])
    gateway = await start_gateway(make_service(endpoint.port), routes=[route])
    assert await status_of(gateway, ask(b"/admin")) == 200
    (record,) = gateway.records
    assert "guard would have answered 403" in str(record.line["notes"])


async def test_a_client_on_a_unix_socket_is_nobody_that_a_list_names(
    start_gateway: StartGateway, endpoint: Endpoint, tmp_path: Path
) -> None:
    """A deny list would do nothing for whoever comes through a program in front, and an allow list could not."""
    for uses in (guard(deny=["203.0.113.0/24"]), guard(allow=["0.0.0.0/0", "::/0"])):
        gateway = Gateway([make_route(filters=[uses])], [make_service(endpoint.port)], PlaneSettings())
        listening = socket.socket(socket.AF_UNIX)
        path = tmp_path / f"{id(uses)}.sock"
        listening.bind(str(path))
        await gateway.start(listening)
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(path))
        client = Wire(sock)
        await client.send(ask(b"/"))
        assert (await client.read_head()).startswith(b"HTTP/1.1 403 ")
        client.close()
        await gateway.stop()
    assert not endpoint.has_visitor()
