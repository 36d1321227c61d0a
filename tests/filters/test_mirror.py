"""Copies of requests: what the other service gets, what the client notices of it (nothing), and what is reported."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from orion_gateway.filters import FILTERS
from orion_gateway.filters.comparison import CompareRules
from orion_gateway.filters.filter import Filter, buffered
from orion_gateway.filters.header_edits import HeaderRules
from orion_gateway.filters.mirror import HELD, Mirror, MirrorRules, Room
from orion_gateway.filters.mirror_report import METRIC, MirrorReport
from orion_gateway.values import CircuitRules, CircuitState, CircuitView, FilterUse, Reply, Rewrite, Websocket
from tests.filters.exchanges import Passing, Worker, read_request
from tests.harness.gateway import EXAMPLE, make_route, make_service
from tests.harness.wire import refusing_port, settle, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from orion_gateway.filters.filter import Exchange, Outgoing, Report
    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint, Wire

HOST = b"Host: %b\r\n" % EXAMPLE.encode()
GET = b"GET /items?key=secret HTTP/1.1\r\n" + HOST + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
COMPARE = CompareRules(fields=("content-type", "cache-control"), ignore=("at",))


def post(content: bytes, *, fields: bytes = b"") -> bytes:
    return b"POST /items HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n%b" % (HOST, fields, len(content), content)


def json_answer(content: bytes, fields: bytes = b"") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
    return head % (fields, len(content)) + content


class Pair:
    """A gateway in front of a primary and a shadow, with a mirror on its route."""

    def __init__(self, gateway: Gateway, primary: Endpoint, shadow: Endpoint) -> None:
        self.gateway = gateway
        self.primary = primary
        self.shadow = shadow
        self._report: MirrorReport | None = None

    @property
    def mirror(self) -> Mirror:
        """The mirror of the route."""
        chain = self.gateway.plane.live[0].chain
        assert chain is not None
        found = next(step.filter for step in chain.steps if isinstance(step.filter, Mirror))
        assert isinstance(found, Mirror)
        return found

    @property
    def outcomes(self) -> dict[str, int]:
        """What became of the copies so far."""
        return dict(self.report.outcomes)

    @property
    def report(self) -> MirrorReport:
        """Everything that the mirror has told so far."""
        for route, name, told in self.gateway.plane.take_reports():
            assert (route, name) == ("all", "mirror")
            assert isinstance(told, MirrorReport)
            self._report = told if self._report is None else self._report.merge(told)
        return self._report or MirrorReport()

    async def ended(self, **outcomes: int) -> MirrorReport:
        """Wait until so many copies have ended in these ways."""
        await until(lambda: self.outcomes == outcomes)
        return self.report


@pytest.fixture
def pair(start_gateway: StartGateway, make_endpoint: Callable[..., Endpoint]) -> Callable[..., Any]:
    """Start a gateway with a mirror."""

    async def start(
        *filters: FilterUse,
        shadow_port: int = 0,
        circuit: CircuitRules | None = None,
        rewrite: Rewrite | None = None,
        websocket: Websocket | None = None,
        **rules: object,
    ) -> Pair:
        primary, shadow = make_endpoint(), make_endpoint()
        mirror = FilterUse("mirror", MirrorRules("next", **rules), "mirror")  # type: ignore[arg-type]
        gateway = await start_gateway(
            make_service(primary.port),
            make_service(shadow_port or shadow.port, name="next", circuit=circuit),
            routes=[make_route(filters=(*filters, mirror), rewrite=rewrite, websocket=websocket)],
        )
        return Pair(gateway, primary, shadow)

    return start


async def serve(endpoint: Endpoint, response: bytes = OK, content: bytes = b"") -> tuple[Wire, bytes]:
    """Take a connection, read a request with this content, answer; return the head."""
    wire = await endpoint.accept()
    head = await wire.read_head()
    assert await wire.read(len(content)) == content
    await wire.send(response)
    return wire, head


async def answer(client: Wire) -> bytes:
    """Read an answer with Content-Length 2."""
    return (await client.read_head()) + await client.read(2)


def fields_of(head: bytes) -> dict[bytes, bytes]:
    return {name.lower(): value for name, _, value in (line.partition(b": ") for line in head.split(b"\r\n")[1:-2])}


# -- the copy ----------------------------------------------------------------------------------------------------------


async def test_the_other_service_gets_what_the_endpoint_gets(pair: Callable[..., Any]) -> None:
    """A shadow that sees another request answers another answer, and the comparison says nothing."""
    edits = FilterUse("request_headers", HeaderRules(set=(("X-Tier", "gold"),), remove=("X-Debug",)), "edits")
    mirrored = await pair(edits, rewrite=Rewrite(path="/v2"))
    fields = b"X-Debug: 1\r\nx-orion-mirror: 0\r\nCookie: a=b\r\n"
    client = await mirrored.gateway.ask(post(b"abc", fields=fields).replace(b"/items", b"/items?a=1"))
    _, head = await serve(mirrored.primary, content=b"abc")
    _, copied = await serve(mirrored.shadow, content=b"abc")
    assert (await answer(client)).endswith(b"hi")
    assert copied.split(b"\r\n")[0] == head.split(b"\r\n")[0] == b"POST /v2?a=1 HTTP/1.1"
    ours, theirs = fields_of(head), fields_of(copied)
    assert theirs.pop(b"x-orion-mirror") == b"1"
    assert theirs == ours
    assert (ours[b"host"], ours[b"x-tier"], ours[b"cookie"]) == (EXAMPLE.encode(), b"gold", b"a=b")
    assert {b"x-request-id", b"traceparent", b"via", b"x-forwarded-for"} <= ours.keys()
    assert b"x-debug" not in ours
    await mirrored.ended(answered=1)


async def test_the_endpoints_own_host_is_the_shadows_own(pair: Callable[..., Any]) -> None:
    """A virtual host that is asked by another one's name answers 404 to everything."""
    mirrored = await pair(rewrite=Rewrite(host_upstream=True))
    client = await mirrored.gateway.ask(GET)
    _, head = await serve(mirrored.primary)
    _, copied = await serve(mirrored.shadow)
    await answer(client)
    assert fields_of(head)[b"host"] == b"127.0.0.1:%d" % mirrored.primary.port
    assert fields_of(copied)[b"host"] == b"127.0.0.1:%d" % mirrored.shadow.port
    await mirrored.ended(answered=1)


async def test_chunked_content_is_copied_when_it_is_complete(pair: Callable[..., Any]) -> None:
    """Half an upload must not reach the shadow; the primary streams as before."""
    mirrored = await pair()
    client = await mirrored.gateway.ask(
        b"POST /items HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    )
    wire = await mirrored.primary.accept()
    assert b"Transfer-Encoding: chunked" in await wire.read_head()
    assert await wire.read_until(b"abc\r\n") == b"3\r\nabc\r\n"
    assert not mirrored.shadow.has_visitor()
    await client.send(b"2\r\nde\r\n0\r\n\r\n")
    await wire.read_until(b"0\r\n\r\n")
    _, copied = await serve(mirrored.shadow, content=b"abcde")
    assert fields_of(copied)[b"content-length"] == b"5"
    await wire.send(OK)
    await answer(client)
    await mirrored.ended(answered=1)


async def test_an_upload_that_is_broken_off_is_not_copied(pair: Callable[..., Any]) -> None:
    """The shadow would act on half an order."""
    mirrored = await pair(compare=COMPARE)
    client = await mirrored.gateway.ask(post(b"abc")[:-1])
    wire = await mirrored.primary.accept()
    await wire.read_until(b"ab")
    client.reset()
    report = await mirrored.ended(skipped=1)
    assert dict(report.skipped) == {"cut": 1}
    assert not mirrored.shadow.has_visitor()
    assert (mirrored.mirror._in_flight, mirrored.mirror._room.left) == (0, HELD)


@pytest.mark.parametrize(
    ("request_", "rules", "why"),
    [
        (post(b"x" * 11), {"max_body": 10}, "too large"),
        (
            b"POST / HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n5\r\nabcde\r\n0\r\n\r\n" % HOST,
            {"max_body": 10},
            "too large",
        ),
        (b"GET / HTTP/1.1\r\n%bConnection: upgrade\r\nUpgrade: h2c\r\n\r\n" % HOST, {}, "upgrade"),
        (post(b"x", fields=b"Expect: 100-continue\r\n"), {}, "expect"),
    ],
)
async def test_what_cannot_be_copied_is_counted(
    pair: Callable[..., Any], request_: bytes, rules: dict[str, Any], why: str
) -> None:
    """People would believe that everything was compared."""
    mirrored = await pair(**rules)
    client = await mirrored.gateway.ask(request_)
    wire = await mirrored.primary.accept()
    await wire.read_head()
    await wire.send(OK)
    await answer(client)
    report = await mirrored.ended(skipped=1)
    assert dict(report.skipped) == {why: 1}
    await settle()
    assert not mirrored.shadow.has_visitor()


async def test_websockets_are_not_copied(pair: Callable[..., Any]) -> None:
    """Two servers cannot speak on one socket."""
    mirrored = await pair(websocket=Websocket())
    client = await mirrored.gateway.ask(
        b"GET / HTTP/1.1\r\n%bConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % HOST
    )
    wire = await mirrored.primary.accept()
    await wire.read_head()
    assert dict((await mirrored.ended(skipped=1)).skipped) == {"upgrade": 1}
    client.close()


async def test_only_named_methods_and_the_share_are_copied(pair: Callable[..., Any]) -> None:
    """A POST must not be done twice where only reads were meant to be compared."""
    mirrored = await pair(methods=frozenset([b"GET"]))
    client = await mirrored.gateway.ask(post(b"abc"))
    wire, _ = await serve(mirrored.primary, content=b"abc")
    await answer(client)
    await client.send(GET)
    await wire.read_head()
    await wire.send(OK)
    await serve(mirrored.shadow)
    await mirrored.ended(answered=1)


async def test_a_share_is_a_share(pair: Callable[..., Any]) -> None:
    """A shadow with a tenth of the machines must not get all of the load."""
    mirrored = await pair(share=0.25)
    await mirrored.gateway.ask(GET * 200)
    wire = await mirrored.primary.accept()
    copies = 0

    async def shadow() -> None:
        nonlocal copies
        while True:
            taken = await mirrored.shadow.accept()
            copies += 1
            await taken.read_head()
            await taken.send(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    serving = asyncio.get_running_loop().create_task(shadow())
    for _ in range(200):
        await wire.read_head()
        await wire.send(OK)
    await until(lambda: len(mirrored.gateway.records) == 200 and mirrored.outcomes.get("answered") == copies)
    serving.cancel()
    assert 30 <= copies <= 70


async def test_an_answer_ahead_of_the_upload_ends_the_copy(pair: Callable[..., Any]) -> None:
    """Content that nobody reads any more would be held, and the copy would count as under way, for ever."""
    mirrored = await pair(compare=COMPARE)
    client = await mirrored.gateway.ask(post(b"abc")[:-1])
    wire = await mirrored.primary.accept()
    await wire.read_until(b"ab")
    await wire.send(OK.replace(b"200 OK", b"400 Bad Request"))
    await answer(client)
    assert dict((await mirrored.ended(skipped=1)).skipped) == {"cut": 1}
    await client.send(b"c")
    await until(lambda: not any(connection.exchange for connection in mirrored.gateway.connections))
    assert (mirrored.mirror._in_flight, mirrored.mirror._room.left) == (0, HELD)


class Rewriting(Filter):
    """Holds content until all of it is there, and changes it, both ways."""

    request_body = response_body = buffered(100)

    def __init__(self, rules: object, facilities: object) -> None:
        pass

    async def on_request(self, exchange: Exchange) -> None:
        await asyncio.sleep(0)
        exchange.request.set(b"X-Waited", b"1")

    def on_request_body(self, exchange: Exchange, content: bytes) -> bytes:
        exchange.request.set(b"X-Size", b"%d" % len(content))
        return content.upper()

    def on_response_body(self, exchange: Exchange, content: bytes) -> bytes:
        return b"for the client"


async def test_filters_that_wait_and_rewrite_come_first(
    pair: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shadow would be asked for what no service is asked for, and be compared with what no service answers."""
    monkeypatch.setitem(FILTERS, "rewriting", Rewriting)
    mirrored = await pair(FilterUse("rewriting", None, "rewriting"), compare=COMPARE)
    client = await mirrored.gateway.ask(post(b"abc"))
    _, head = await serve(mirrored.primary, content=b"ABC")
    _, copied = await serve(mirrored.shadow, content=b"ABC")
    assert b"X-Waited: 1\r\nX-Size: 3\r\n" in head
    assert b"X-Waited: 1\r\nX-Size: 3\r\n" in copied
    await client.read_until(b"for the client")
    await mirrored.ended(equal=1)


async def test_what_a_filter_answers_is_not_copied(pair: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that was refused must not reach any service."""

    class Refusing(Filter):
        def __init__(self, rules: object, facilities: object) -> None:
            pass

        def on_request(self, exchange: Exchange) -> Reply:
            return Reply(403)

    monkeypatch.setitem(FILTERS, "refusing", Refusing)
    mirrored = await pair(FilterUse("refusing", None, "refusing"))
    client = await mirrored.gateway.ask(GET)
    assert (await client.read_head()).startswith(b"HTTP/1.1 403")
    await settle()
    assert mirrored.outcomes == {}
    assert not mirrored.shadow.has_visitor()


# -- the primary notices nothing ---------------------------------------------------------------------------------------


async def test_a_mirror_that_hangs_costs_the_client_nothing(pair: Callable[..., Any]) -> None:
    """Every client would wait for a service that nobody uses yet. Here it never answers, and the clients have all."""
    mirrored = await pair(compare=COMPARE, max_in_flight=3)
    client = await mirrored.gateway.ask(GET)
    wire, _ = await serve(mirrored.primary)
    await answer(client)
    hanging = [await mirrored.shadow.accept()]
    for _ in range(9):
        await client.send(GET)
        await wire.read_head()
        await wire.send(OK)
        await answer(client)
    await until(lambda: mirrored.outcomes == {"skipped": 7})
    assert dict(mirrored.report.skipped) == {"in flight": 7}
    assert len(mirrored.gateway.records) == 10
    hanging += [await mirrored.shadow.accept() for _ in range(2)]
    await settle()
    assert not mirrored.shadow.has_visitor()
    # One of them answers after all: there is room for another copy.
    await hanging[0].read_head()
    await hanging[0].send(OK)
    await mirrored.ended(skipped=7, equal=1)
    await client.send(GET)
    await wire.read_head()
    await wire.send(OK)
    await answer(client)
    await hanging[0].read_head()
    assert mirrored.outcomes == {"skipped": 7, "equal": 1}


async def test_the_answer_does_not_wait_for_the_comparison(pair: Callable[..., Any]) -> None:
    """The client has its answer before the shadow has even been asked for the rest of its own."""
    mirrored = await pair(compare=COMPARE)
    client = await mirrored.gateway.ask(post(b"abc"))
    slow = await mirrored.shadow.accept()
    await serve(mirrored.primary, content=b"abc")
    assert (await answer(client)).endswith(b"hi")
    assert mirrored.outcomes == {}
    await slow.read_head()
    await slow.send(OK)
    await mirrored.ended(equal=1)


@pytest.mark.parametrize(
    ("down", "reason"), [("refused", "connection_refused"), ("open", "circuit_open"), ("slow", "http_response_timeout")]
)
async def test_a_mirror_that_is_down_is_counted_and_nothing_else(
    pair: Callable[..., Any], down: str, reason: str
) -> None:
    """An error of the shadow must not become one of the client."""
    circuit = CircuitRules()
    port = refusing_port() if down == "refused" else 0
    mirrored = await pair(shadow_port=port, circuit=circuit, compare=COMPARE, timeout=0.1)
    if down == "open":
        mirrored.gateway.plane.take_circuit("next", CircuitView(CircuitState.OPEN, 1, retry_at=1e12))
    client = await mirrored.gateway.ask(GET)
    await serve(mirrored.primary)
    await answer(client)
    report = await mirrored.ended(failed=1)
    assert dict(report.failed) == {reason: 1}
    assert mirrored.mirror._in_flight == 0


async def test_memory_is_bounded_over_all_mirrors(pair: Callable[..., Any]) -> None:
    """A hundred routes with a hanging shadow each would hold a hundred times what one may."""
    mirrored = await pair(compare=COMPARE, max_body=100)
    room = mirrored.mirror._room = Room(405)
    client = await mirrored.gateway.ask(post(b"x" * 50))
    wire, _ = await serve(mirrored.primary, content=b"x" * 50)
    await answer(client)
    assert room.left == 405 - 200 - 50
    hanging = await mirrored.shadow.accept()
    await client.send(post(b"x" * 50))
    await wire.read_head()
    await wire.send(OK)
    await answer(client)
    await until(lambda: mirrored.outcomes == {"skipped": 1})
    assert dict(mirrored.report.skipped) == {"memory": 1}
    await hanging.read_head()
    await hanging.send(OK)
    await mirrored.ended(skipped=1, equal=1)
    assert room.left == 405


class Failing(Worker):
    """A worker that cannot say what an endpoint gets."""

    def __init__(self) -> None:
        super().__init__()
        self.warned: list[str] = []

    def outgoing(self, exchange: Exchange) -> Outgoing | None:
        raise ValueError("no")

    def warn(self, event: str, **fields: object) -> None:
        self.warned.append(f"{event}: {fields['error']}")


async def test_a_copy_that_cannot_be_made_is_counted_and_logged_once_a_second() -> None:
    """A defect of ours would fill the log, or end copies without a word."""
    worker, room = Failing(), Room(100)
    mirror = Mirror(MirrorRules("next"), worker, room)
    for _ in range(3):
        mirror.on_request(Passing(read_request()))
    await until(lambda: not mirror._in_flight)
    assert worker.warned == ["a copy could not be made: ValueError('no')"]
    worker.slept.append(2.0)
    mirror.on_request(Passing(read_request()))
    await until(lambda: not mirror._in_flight)
    report = mirror.take_report()
    assert report is not None
    assert (dict(report.failed), len(worker.warned), room.left) == ({"proxy_internal_error": 4}, 2, 100)


async def test_a_mirror_that_is_closed_gives_everything_back(pair: Callable[..., Any]) -> None:
    """Copies of an old table would go on for ever where the shadow hangs."""
    mirrored = await pair(compare=COMPARE)
    client = await mirrored.gateway.ask(GET)
    await serve(mirrored.primary)
    hanging = await mirrored.shadow.accept()
    await answer(client)
    assert mirrored.mirror._room.left == HELD - 2 * MirrorRules("next").max_body
    mirrored.gateway.plane.close_filters()
    await hanging.read_head()
    assert await hanging.ends() in ("closed", "reset")
    assert (mirrored.mirror._in_flight, mirrored.mirror._room.left) == (0, HELD)


# -- comparing ---------------------------------------------------------------------------------------------------------


async def compare_once(mirrored: Pair, ours: bytes, theirs: bytes, request_: bytes = GET) -> None:
    """Let both services answer one request."""
    client = await mirrored.gateway.ask(request_)
    for endpoint, response in ((mirrored.primary, ours), (mirrored.shadow, theirs)):
        wire = endpoint.wires[0] if endpoint.wires else await endpoint.accept()
        await wire.read_head()
        await wire.send(response)
    await client.read_head()
    await until(lambda: not any(connection.exchange for connection in mirrored.gateway.connections))
    await until(lambda: mirrored.mirror._in_flight == 0)


async def test_equal_answers_are_equal(pair: Callable[..., Any]) -> None:
    """Order of members, ignored members and other fields would make every answer differ."""
    mirrored = await pair(compare=COMPARE)
    ours, theirs = json_answer(b'{"a": 1, "b": 2, "at": 3}', b"Date: 1\r\n"), json_answer(b'{"b":2,"a":1,"at":4}')
    await compare_once(mirrored, ours, theirs)
    assert mirrored.outcomes == {"equal": 1}
    assert mirrored.report.examples == ()


async def test_what_differs_is_shown_without_secrets(pair: Callable[..., Any]) -> None:
    """Who reads the report must find the request in the log, and must not find a password in the report."""
    edits = FilterUse("response_headers", HeaderRules(remove=("Cache-Control",)), "edits")
    mirrored = await pair(edits, compare=COMPARE)
    ours = json_answer(b'{"id": 7, "token": "alpha"}', b"Cache-Control: no-store\r\nSet-Cookie: a=alpha\r\n")
    theirs = json_answer(b'{"id": 8, "token": "beta"}', b"Set-Cookie: a=beta\r\n")
    await compare_once(mirrored, ours, theirs, GET.replace(b"\r\n\r\n", b"\r\nAuthorization: Bearer gamma\r\n\r\n"))
    report = mirrored.report
    assert report.places == {("field", "cache-control"): 1, ("content", "id"): 1, ("content", "token"): 1}
    (example,) = report.examples
    assert (example.method, example.path) == ("GET", "/items")
    assert [(one.path, one.primary, one.mirror) for one in example.differences] == [
        ("cache-control", '"no-store"', "(missing)"),
        ("id", "7", "8"),
        ("token", "(hidden)", "(hidden)"),
    ]
    assert example.request_id == mirrored.gateway.records[0].line["id"]
    shown = str(report.document())
    assert not any(secret in shown for secret in ("alpha", "beta", "gamma", "secret"))


async def test_large_answers_are_compared_in_a_thread_and_beyond_max_body_by_their_heads(
    pair: Callable[..., Any],
) -> None:
    """Comparing megabytes would stop every client of the worker; cutting them silently would call them equal."""
    mirrored = await pair(compare=COMPARE, max_body=10_000)
    ours, theirs = (json_answer(b"[" + b"1," * 4000 + end + b"]") for end in (b"1", b"2"))
    await compare_once(mirrored, ours, theirs)
    assert mirrored.report.places == {("content", "[]"): 1}
    await compare_once(mirrored, json_answer(b"1" * 10_001), json_answer(b"2" * 10_001))
    assert mirrored.report.unread == {"incomplete": 1}
    assert mirrored.outcomes == {"different": 1, "equal": 1}


async def test_answers_of_the_gateway_are_not_compared(pair: Callable[..., Any]) -> None:
    """A primary that is down is no difference of the shadow."""
    mirrored = await pair(compare=COMPARE)
    client = await mirrored.gateway.ask(GET)
    (await mirrored.primary.accept()).reset()
    await serve(mirrored.shadow)
    assert (await client.read_head()).startswith(b"HTTP/1.1 502")
    await mirrored.ended(alone=1)


async def test_a_primary_that_never_ends_is_compared_by_its_head(pair: Callable[..., Any]) -> None:
    """Event streams would hold a copy each for hours."""
    mirrored = await pair(compare=COMPARE, timeout=0.1)
    client = await mirrored.gateway.ask(GET)
    await serve(mirrored.shadow, b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 3\r\n\r\nabc")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\nabc"
    await serve(mirrored.primary, head)
    await client.read_head()
    report = await mirrored.ended(equal=1)
    assert report.unread == {"incomplete": 1}


async def test_latencies_of_both_are_kept(pair: Callable[..., Any]) -> None:
    """A rewrite that is right and ten times slower must show."""
    mirrored = await pair(compare=COMPARE)
    await compare_once(mirrored, OK, OK)
    report = mirrored.report
    assert (sum(report.primary.buckets), sum(report.mirror.buckets)) == (1, 1)


async def test_reports_are_taken_once_and_counted(pair: Callable[..., Any]) -> None:
    """Counts that are taken twice double each second."""
    mirrored = await pair(compare=COMPARE)
    await compare_once(mirrored, OK, OK)
    ((_, _, told),) = mirrored.gateway.plane.take_reports()
    assert list(told.counted()) == [(METRIC, ("equal",), 1)]
    nothing: list[Report] = mirrored.gateway.plane.take_reports()
    assert nothing == []
