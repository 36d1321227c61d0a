"""Filters that mark and shape, over real connections: CORS, fields for browsers, faults, and answers of the table."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from orion_gateway.filters.cross_origin import CorsRules
from orion_gateway.filters.fault import Abort, Delay, FaultRules
from orion_gateway.filters.header_edits import HeaderRules
from orion_gateway.filters.security_headers import SecurityRules
from orion_gateway.http1.fields import ForwardedRules
from orion_gateway.proxy.plane import PlaneSettings
from orion_gateway.values import FilterUse, Redirect, Respond, Route
from tests.harness.gateway import EXAMPLE, make_route, make_service
from tests.harness.wire import until

if TYPE_CHECKING:
    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint, Wire

HOST = b"Host: %b\r\n" % EXAMPLE.encode()
APP = b"https://app.example.org"
CORS = FilterUse("cors", CorsRules((APP.decode(),), credentials=True), "cors")
REFUSING = FilterUse("fault", FaultRules(abort=Abort(401)), "refusing")
SECURITY = FilterUse("security_headers", SecurityRules((("X-Frame-Options", "DENY"),), "max-age=1"), "security_headers")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def guarded(*filters: FilterUse, route: Route | None = None) -> Route:
    """Return a route with these filters."""
    return replace(route or make_route(), filters=filters)


def preflight(method: bytes, origin: bytes = APP, path: bytes = b"/") -> bytes:
    return b"OPTIONS %b HTTP/1.1\r\n%bOrigin: %b\r\nAccess-Control-Request-Method: %b\r\n\r\n" % (
        path,
        HOST,
        origin,
        method,
    )


async def ask(gateway: Gateway, request: bytes) -> tuple[bytes, Wire]:
    """Send a request; return the head of its answer, and the connection."""
    client = await gateway.ask(request)
    return await client.read_head(), client


async def test_a_preflight_is_answered_ahead_of_what_guards_the_route(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """It never carries credentials: every page would be told of a network error."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[guarded(REFUSING, CORS)])
    head, client = await ask(gateway, preflight(b"PUT"))
    assert head.startswith(b"HTTP/1.1 204 ")
    assert b"\r\nAccess-Control-Allow-Origin: %b\r\n" % APP in head
    assert b"\r\nAccess-Control-Allow-Credentials: true\r\n" in head
    assert b"Content-Length" not in head
    await client.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (await client.read_head()).startswith(b"HTTP/1.1 401 ")
    assert not endpoint.has_visitor()
    assert gateway.records[0].route == "all"


async def test_a_preflight_goes_to_the_route_that_it_asks_for(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """The rules of another route would answer, or none."""
    reading = guarded(FilterUse("cors", CorsRules(("*",)), "cors"), route=make_route(name="r", methods=("GET",)))
    writing = guarded(CORS, route=make_route(name="w", methods=("PUT",)))
    gateway = await start_gateway(make_service(endpoint.port), routes=[reading, writing])
    head, _ = await ask(gateway, preflight(b"GET"))
    assert b"Access-Control-Allow-Origin: *\r\n" in head
    head, _ = await ask(gateway, preflight(b"PUT"))
    assert b"Access-Control-Allow-Origin: %b\r\n" % APP in head
    assert [record.route for record in gateway.records] == ["r", "w"]


async def test_a_preflight_of_another_origin_is_refused_with_the_usual_body(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """Who tries with curl would see an empty answer."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[guarded(CORS)])
    head, client = await ask(gateway, preflight(b"PUT", b"https://evil.example"))
    assert head.startswith(b"HTTP/1.1 403 ")
    assert b"access-control-allow" not in head.lower()
    assert b"\r\nVary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n" in head
    assert b"origin" in await client.read_until(b"}")
    assert gateway.records[0].line["notes"] == "cors: origin not allowed"
    delta = gateway.plane.take()
    assert delta.counters["orion_filter_decisions_total", ("all", "cors", "refused", "true")] == 1


async def test_what_is_not_enforced_is_left_to_the_service(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Both would answer, and the service's pages stop working."""
    use = replace(CORS, rules=CorsRules((APP.decode(),), enforce=False), enforce=False)
    gateway = await start_gateway(make_service(endpoint.port), routes=[guarded(use)])
    client = await gateway.ask(preflight(b"PUT", b"https://other.example"))
    wire = await endpoint.accept()
    assert (await wire.read_head()).startswith(b"OPTIONS ")
    await wire.send(b"HTTP/1.1 204 No\r\nAccess-Control-Allow-Origin: https://other.example\r\n\r\n")
    assert b"Access-Control-Allow-Origin: https://other.example\r\n" in await client.read_head()
    delta = gateway.plane.take()
    assert delta.counters["orion_filter_decisions_total", ("all", "cors", "refused", "false")] == 1


async def test_errors_of_the_gateway_can_be_read_by_the_page(start_gateway: StartGateway) -> None:
    """A page would be told of a network error where the service is only busy."""
    gateway = await start_gateway(routes=[guarded(CORS, REFUSING, route=make_route(action=Respond()))])
    head, _ = await ask(gateway, b"GET / HTTP/1.1\r\n%bOrigin: %b\r\n\r\n" % (HOST, APP))
    assert head.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nAccess-Control-Allow-Origin: %b\r\n" % APP in head
    assert head.count(b"Vary: Origin\r\n") == 1


async def test_the_fields_of_a_service_are_replaced(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Two Allow-Origin in one answer are refused by every browser."""
    gateway = await start_gateway(make_service(endpoint.port), routes=[guarded(CORS)])
    client = await gateway.ask(b"GET / HTTP/1.1\r\n%bOrigin: %b\r\n\r\n" % (HOST, APP))
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(b"HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\nVary: Accept\r\nContent-Length: 0\r\n\r\n")
    head = await client.read_head()
    assert head.lower().count(b"access-control-allow-origin") == 1
    assert b"\r\nAccess-Control-Allow-Origin: %b\r\n" % APP in head
    assert b"Vary: Accept\r\n" in head
    assert b"Vary: Origin\r\n" in head


async def test_fields_for_browsers_are_on_every_answer(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """The error page of the gateway could be framed although nothing else can."""
    gateway = await start_gateway(
        make_service(endpoint.port),
        routes=[
            guarded(SECURITY, route=make_route("/a", name="a")),
            guarded(SECURITY, REFUSING, route=make_route("/b", Respond(), name="b")),
            make_route("/off", Respond(), name="off"),
        ],
        settings=PlaneSettings(base_filters=(SECURITY,)),
    )
    client = await gateway.ask(b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n")
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(OK)
    answers = [await client.read_head()]
    for request in (*(b"GET %b HTTP/1.1\r\n%b" % (path, HOST) for path in (b"/b", b"/nowhere", b"//")), b"bad\r\n"):
        head, _ = await ask(gateway, request + b"\r\n")
        answers.append(head)
    assert [head.split()[1] for head in answers] == [b"200", b"401", b"404", b"400", b"400"]
    for head in answers[:4]:
        assert head.count(b"\r\nX-Frame-Options: DENY\r\n") == 1, head
        assert b"Strict-Transport-Security" not in head  # this is no https


async def test_a_route_that_switches_fields_for_browsers_off_has_none_on_its_own_answers(
    start_gateway: StartGateway,
) -> None:
    """A widget made to be framed could not be, as soon as the gateway answers for it."""
    gateway = await start_gateway(
        routes=[make_route("/off", Respond(), name="off")], settings=PlaneSettings(base_filters=(SECURITY,))
    )
    head, _ = await ask(gateway, b"GET /off HTTP/1.1\r\n" + HOST + b"\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"X-Frame-Options" not in head


@pytest.mark.parametrize(
    ("trusted", "said", "is_secure"), [(True, b"https", True), (True, b"ftp", False), (False, b"https", False)]
)
async def test_hsts_behind_a_proxy_that_ends_tls(
    start_gateway: StartGateway, trusted: bool, said: bytes, is_secure: bool
) -> None:
    """Users behind a load balancer would never get it; on a client's own word it would be said over plain http."""
    networks = (ip_network("127.0.0.0/8"),) if trusted else ()
    gateway = await start_gateway(
        routes=[guarded(SECURITY, route=make_route(action=Respond(200, (("X-Scheme", "${request.scheme}"),))))],
        settings=PlaneSettings(forwarded=ForwardedRules(trusted=networks)),
    )
    head, _ = await ask(gateway, b"GET / HTTP/1.1\r\n%bX-Forwarded-Proto: %b\r\n\r\n" % (HOST, said))
    assert (b"\r\nStrict-Transport-Security: max-age=1\r\n" in head) == is_secure
    assert b"\r\nX-Scheme: %b\r\n" % (b"https" if is_secure else b"http") in head


async def test_a_fault_delays_one_exchange_and_not_its_neighbours(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """A worker would stand still for everybody."""
    slow = guarded(FilterUse("fault", FaultRules(Delay(600, 600)), "fault"), route=make_route("/slow", name="slow"))
    gateway = await start_gateway(make_service(endpoint.port), routes=[slow, make_route()])
    waiting = await gateway.ask(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n")
    other = await gateway.ask(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    wire = await endpoint.accept()
    await wire.read_head()
    await wire.send(OK)
    await other.read_head()
    waiting.close()
    await until(lambda: len(gateway.records) == 2)
    assert gateway.records[1].line["notes"] == "fault: delayed 600000 ms"
    assert not endpoint.has_visitor()


async def test_an_aborted_request_says_that_it_was_on_purpose(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Somebody would look for the failure at the service."""
    use = FilterUse("fault", FaultRules(Delay(0.001, 0.002), Abort(503)), "fault")
    gateway = await start_gateway(make_service(endpoint.port), routes=[guarded(use)])
    head, client = await ask(gateway, b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b'"reason":"fault_injected"' in await client.read_until(b"}")
    assert not endpoint.has_visitor()


async def test_templates_know_the_request(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A service would be told nothing, or of another request."""
    rules = HeaderRules(
        set=(
            ("X-Asked", "${request.method} ${request.scheme} ${request.client} ${request.param.id} ${request.query.a}"),
            ("X-Id", "${request.id}"),
            ("X-None", "${request.cookie.none}"),
        )
    )
    use = FilterUse("request_headers", rules, "edits")
    gateway = await start_gateway(make_service(endpoint.port), routes=[guarded(use, route=make_route("/u/{id}"))])
    client = await gateway.ask(b"GET /u/7%%2B?a=1%%0d%%0aX-Evil:1&a=2 HTTP/1.1\r\n%bX-None: forged\r\n\r\n" % HOST)
    wire = await endpoint.accept()
    head = await wire.read_head()
    await wire.send(OK)
    await client.read_head()
    assert b"\r\nX-Asked: GET http 127.0.0.1 7%2B\r\n" in head
    request_id = head.split(b"X-Request-Id: ")[1].split(b"\r\n")[0]
    assert b"\r\nX-Id: %b\r\n" % request_id in head
    assert b"X-None" not in head
    assert b"\r\nX-Evil" not in head


@pytest.mark.parametrize(
    ("respond", "fields", "content"),
    [
        (Respond(200, (), b"${request.path}"), (b"Content-Type: text/plain; charset=utf-8",), b"/<a>&"),
        (
            Respond(200, (("content-type", "text/html"),), b"${request.path}"),
            (b"content-type: text/html",),
            b"/&lt;a&gt;&amp;",
        ),
        (
            Respond(
                200, (("Content-Type", "application/json"), ("X-P", "${request.path}")), b'{"p":"${request.path}"}'
            ),
            (b"X-P: /<a>&",),
            b'{"p":"/\\u003ca\\u003e\\u0026"}',
        ),
        (Respond(200, (("X-None", "${request.cookie.x}"), ("X-Empty", "")), b"x"), (b"X-Empty: ",), b"x"),
        (Respond(302, (("Location", "/${request.path}"),)), (b"Location: /.//<a>&",), b""),
        (Respond(204, (("X-A", "1"),)), (b"X-A: 1",), b""),
    ],
)
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_answers_of_the_table_are_filled_in_as_their_type_asks(
    start_gateway: StartGateway, respond: Respond, fields: tuple[bytes, ...], content: bytes, method: bytes
) -> None:
    """A link could carry a script into a page of this site."""
    gateway = await start_gateway(routes=[make_route(action=respond)])
    client = await gateway.ask(b"%b /<a>& HTTP/1.1\r\n%bConnection: close\r\n\r\n" % (method, HOST))
    head = await client.read_head()
    for field in fields:
        assert b"\r\n%b\r\n" % field in head
    assert b"X-None" not in head
    if respond.status == 204:
        assert b"Content-Length" not in head
    else:
        assert b"\r\nContent-Length: %d\r\n" % len(content) in head
    if not content:
        assert b"Content-Type" not in head
    assert await client.read_to_end() == (b"" if method == b"HEAD" else content)


async def test_a_redirect_is_filled_in_and_stays_on_its_host(start_gateway: StartGateway) -> None:
    """A link with the name of this site would lead to another."""
    gateway = await start_gateway(
        routes=[make_route("/{id}", Redirect("/${request.query.next}?q=${request.query}&id=${request.param.id}", 302))]
    )
    head, _ = await ask(gateway, b"GET /7?next=/evil.example HTTP/1.1\r\n%b\r\n" % HOST)
    assert b"\r\nLocation: /%2Fevil.example?q=next=/evil.example&id=7\r\n" in head
