"""An aiohttp application behind the exchange: nothing passes the router, nothing of aiohttp shows, nothing stays."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import re
import sys
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, cast

import pytest
from aiohttp import ClientSession, web
from aiohttp.http import SERVER_SOFTWARE
from structlog.testing import capture_logs

from orion_gateway.filters import FILTERS
from orion_gateway.filters.filter import Filter
from orion_gateway.http1.head import HeadLimits
from orion_gateway.proxy import inprocess
from orion_gateway.proxy.inprocess import ApplicationError, LiveApplication
from orion_gateway.proxy.memory_transport import HIGH, PORTION, MemoryTransport
from orion_gateway.proxy.plane import PlaneSettings
from orion_gateway.values import (
    ApplicationUse,
    FilterUse,
    Reason,
    Reply,
    Respond,
    Rewrite,
    ToApplication,
    UpstreamTimeouts,
    Websocket,
)
from tests.harness.gateway import EXAMPLE, make_application_service, make_route, make_service
from tests.harness.wire import settle, until
from tests.proxy.test_exchange import HANDSHAKE, HOST, KERNEL, fill
from tests.proxy.test_exchange import PORTION as SENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from orion_gateway.filters.filter import Exchange, Facilities
    from orion_gateway.values import Route, Service
    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint, Wire

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

USE = "application_under_test:make"
TO_APP = ToApplication(USE)


def get(path: str = "/", *fields: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {EXAMPLE}", *fields, "", ""]).encode()


def post(content: bytes, path: str = "/", *fields: str) -> bytes:
    head = [f"POST {path} HTTP/1.1", f"Host: {EXAMPLE}", f"Content-Length: {len(content)}", *fields, "", ""]
    return "\r\n".join(head).encode() + content


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Make a factory importable as `USE`."""

    def offer(factory: Callable[[], object]) -> None:
        module = ModuleType("application_under_test")
        module.make = factory  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(sys, "path", [*sys.path])

    return offer


class Serve:
    """Start a gateway in front of an application that is one handler, or of one that is given."""

    def __init__(self, start: StartGateway, offer: Callable[[Callable[[], object]], None]) -> None:
        self._start = start
        self._offer = offer

    async def __call__(
        self,
        handler: Handler | None = None,
        *,
        application: web.Application | None = None,
        route: Route | None = None,
        routes: Sequence[Route] = (),
        settings: PlaneSettings | None = None,
        others: Sequence[Service] = (),
        **limits: float | None,
    ) -> Gateway:
        app = application or web.Application()
        if handler is not None:
            app.router.add_route("*", "/{path:.*}", handler)
        self._offer(lambda: app)
        routes = routes or [route or make_route(action=TO_APP)]
        service = make_application_service(USE, "", **limits)
        return await self._start(service, *others, routes=routes, settings=settings or PlaneSettings())


@pytest.fixture
def serve(start_gateway: StartGateway, offer: Callable[[Callable[[], object]], None]) -> Serve:
    """Return what starts a gateway in front of an application."""
    return Serve(start_gateway, offer)


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


async def read_answer(client: Wire) -> tuple[bytes, bytes]:
    """Read head and content of one answer, which has a length or chunks."""
    head = await client.read_head()
    if length := re.search(rb"(?i)content-length: (\d+)", head):
        return head, await client.read(int(length[1]))
    assert b"Transfer-Encoding: chunked" in head, head
    content = b""
    while size := int(await client.read_until(b"\r\n"), 16):
        content += await client.read(size)
        await client.read(2)
    await client.read_until(b"\r\n")
    return head, content


def memory_ends(gateway: Gateway) -> list[MemoryTransport]:
    """Return the gateway's ends of its connections to the application."""
    return [cast("MemoryTransport", each.transport) for each in gateway.pool(TO_APP.service)._open]


class Guard(Filter):
    """Refuses whoever has no key."""

    decides = True

    def __init__(self, rules: None, facilities: Facilities) -> None:
        pass

    def on_request(self, exchange: Exchange) -> Reply | None:
        return None if exchange.request.first(b"x-key") else Reply(401)


# -- one way through ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_pipelined", [False, True])
async def test_no_request_of_a_connection_reaches_the_application_past_the_router(
    serve: Serve, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, is_pipelined: bool
) -> None:
    """One request to a public application would open the same connection for everything that filters guard."""
    seen: list[str] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return web.Response(text="app")

    monkeypatch.setitem(FILTERS, "guard", Guard)
    guarded = make_route("/guarded/**", TO_APP, name="guarded")
    routes = [
        make_route("/app/**", TO_APP, name="app"),
        replace(guarded, filters=(FilterUse("guard", None, "guard"),)),
        make_route("/closed/**", Respond(403, (), b"closed"), name="closed"),
        make_route("/small/**", TO_APP, name="small", body_limit=3),
        make_route("/**", name="users"),
    ]
    gateway = await serve(note, routes=routes, others=[make_service(endpoint.port)])
    inner = get("/app/smuggled")
    steps = [
        (get("/app/1"), b" 200 "),
        (get("/guarded/1"), b" 401 "),
        (get("/closed/1"), b" 403 "),
        (get("/app/2"), b" 200 "),
        (get("/guarded/2", "X-Key: right"), b" 200 "),
        (get("/guarded/3"), b" 401 "),
        (get("/app/../app/3"), b" 400 "),
        (post(inner, "/app/4"), b" 200 "),
        (post(inner, "/closed/2"), b" 403 "),
        (post(inner, "/small/1"), b" 413 "),
        (HANDSHAKE.replace(b"/ws", b"/app/ws"), b" 403 "),
        (get("/guarded/4"), b" 401 "),
        (get("/app/5"), b" 200 "),
        (get("/elsewhere"), b" 200 "),
        (get("/app/6", "Connection: close"), b" 200 "),
    ]
    client = await gateway.connect()
    if is_pipelined:
        await client.send(b"".join(request for request, _ in steps))
    for request, status in steps:
        if not is_pipelined:
            await client.send(request)
        if b"/elsewhere" in request:
            wire = await endpoint.accept()
            assert (await wire.read_head()).startswith(b"GET /elsewhere ")
            await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nusers")
        head, _ = await read_answer(client)
        assert status in head, request
    assert await client.ends() == "closed"
    assert seen == ["/app/1", "/app/2", "/guarded/2", "/app/4", "/app/5", "/app/6"]
    assert len(gateway.records) == len(steps), "each has its line in the log"


async def test_what_follows_an_upgrade_that_the_application_refuses_is_a_request_for_the_router(serve: Serve) -> None:
    """Whoever asks for a WebSocket could leave a request behind it that nobody judges."""
    seen: list[str] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return web.Response(status=404, text="no sockets here")

    routes = [
        make_route("/app/**", TO_APP, name="app", websocket=Websocket()),
        make_route("/**", Respond(403), name="closed"),
    ]
    gateway = await serve(note, routes=routes)
    client = await gateway.ask(HANDSHAKE.replace(b"/ws", b"/app/ws") + get("/secret") + get("/app/2"))
    assert b" 404 " in (await read_answer(client))[0]
    assert b" 403 " in (await read_answer(client))[0]
    assert b" 404 " in (await read_answer(client))[0]
    assert seen == ["/app/ws", "/app/2"]


async def test_it_is_an_endpoint_like_any_other(serve: Serve) -> None:
    """Limits, timeouts, rewrites, log and metrics would be missing where an application answers."""
    wanted = asyncio.Event()
    paths: list[str] = []

    async def slow(request: web.Request) -> web.Response:
        paths.append(request.path_qs)
        await wanted.wait()
        return web.Response(text="late")

    route = make_route(
        "/api/**",
        TO_APP,
        rewrite=Rewrite(strip_prefix="/api"),
        timeouts=UpstreamTimeouts(response=5.0),
        body_limit=10,
    )
    gateway = await serve(slow, route=route, max=1, queue=1, queue_timeout=1.0)
    client = await gateway.ask(get("/api/a?b=c"))
    await until(lambda: paths)
    waiting = await gateway.ask(get("/api/b"))
    await until(lambda: gateway.counts(TO_APP.service)["queued"])
    assert b" 503 " in (await read_answer(await gateway.ask(get("/api/c"))))[0]
    gateway.pass_time(1.1)
    assert b" 503 " in (await read_answer(waiting))[0]
    assert b" 413 " in (await read_answer(await gateway.ask(post(b"0123456789a", "/api/d"))))[0]
    gateway.pass_time(5.1)
    assert b" 504 " in (await read_answer(client))[0]
    assert paths == ["/a?b=c"]
    reasons = [record.reason for record in gateway.records]
    assert reasons == [
        Reason.QUEUE_FULL,
        Reason.QUEUE_TIMEOUT,
        Reason.REQUEST_TOO_LARGE,
        Reason.HTTP_RESPONSE_TIMEOUT,
    ]
    assert gateway.records[-1].service == "_app:application_under_test:make"
    assert gateway.records[-1].line["endpoint"] == "app:application_under_test:make"
    wanted.set()
    assert b" 200 " in (await read_answer(await gateway.ask(get("/api/e"))))[0]
    counters = gateway.plane.take().counters
    assert (
        sum(
            count
            for (name, labels), count in counters.items()
            if name == "orion_upstream_attempts_total" and TO_APP.service in labels
        )
        == 2
    )


async def test_the_application_learns_of_the_client_what_every_endpoint_does(serve: Serve) -> None:
    """An application that trusts `request.remote` would take every client for the machine itself."""
    said: dict[str, object] = {}

    async def look(request: web.Request) -> web.Response:
        said.update(remote=request.remote, host=request.host, scheme=request.scheme, fields=request.headers)
        return web.Response()

    gateway = await serve(look)
    await read_answer(await gateway.ask(get("/", "X-Forwarded-For: 6.6.6.6", "Connection: X-Drop", "X-Drop: 1")))
    fields = cast("Mapping[str, str]", said.pop("fields"))
    assert said == {"remote": None, "host": EXAMPLE, "scheme": "http"}
    assert (fields["X-Forwarded-For"], fields["X-Forwarded-Proto"]) == ("127.0.0.1", "http")
    assert fields["X-Request-Id"] == gateway.records[0].line["id"]
    assert "X-Drop" not in fields
    assert "Connection" not in fields


# -- nothing of aiohttp's own at the edge ------------------------------------------------------------------------------


async def test_the_whole_of_an_answer_is_what_the_handler_said(serve: Serve) -> None:
    """Who looks at the edge would learn what runs behind it, and which version's holes to try."""
    gateway = await serve(hello)
    client = await gateway.ask(get("/", "Connection: close"))
    answer = await client.read_to_end()
    answer = re.sub(rb"Date: [^\r]+ GMT\r\n", b"Date: D\r\n", answer)
    answer = re.sub(rb"X-Request-Id: [0-9a-f]{32}\r\n", b"X-Request-Id: I\r\n", answer)
    assert answer == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nDate: D\r\nContent-Length: 5\r\n"
        b"Connection: close\r\nX-Request-Id: I\r\n\r\nhello"
    )


async def test_no_answer_of_any_kind_names_aiohttp(serve: Serve) -> None:
    """One kind of answer that was forgotten would say it all."""

    async def answer(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/stream":
                stream = web.StreamResponse()
                await stream.prepare(request)
                await stream.write(b"x")
                return stream
            case "/raised":
                raise web.HTTPConflict
            case "/redirect":
                raise web.HTTPFound("/elsewhere")
            case "/failed":
                raise ZeroDivisionError
            case "/nothing":
                return None  # type: ignore[return-value]
            case _:
                return web.Response()

    application = web.Application()
    for path in ("/", "/stream", "/raised", "/redirect", "/failed", "/nothing"):
        application.router.add_get(path, answer)
    gateway = await serve(application=application)
    statuses = {}
    for path in ("/", "/stream", "/raised", "/redirect", "/failed", "/nothing", "/unknown"):
        head, content = await read_answer(await gateway.ask(get(path)))
        statuses[path] = int(head.split()[1])
        assert b"server:" not in head.lower(), path
        assert b"aiohttp" not in head.lower() + content.lower()
        assert b"Python" not in head + content
    # What the application's own router does not know is for the application to say.
    assert list(statuses.values()) == [200, 200, 409, 302, 500, 500, 404]
    # Nor what aiohttp cannot read, though the gateway can.
    head, content = await read_answer(await gateway.ask(get("/", "Content-Type: a/b", "Content-Type: c/d")))
    assert b"server:" not in head.lower()
    assert b"Content-Type" not in content


async def test_a_server_field_of_the_applications_own_stays(serve: Serve) -> None:
    """Applications that say who they are would be overruled."""

    async def named(request: web.Request) -> web.Response:
        return web.Response(headers={"Server": "shop/1"})

    head, _ = await read_answer(await (await serve(named)).ask(get()))
    assert b"Server: shop/1\r\n" in head
    assert SERVER_SOFTWARE.encode() not in head


EXPECT = post(b"", "/", "Expect: 100-continue").replace(b"Content-Length: 0", b"Content-Length: 5")


@pytest.mark.parametrize("how", ["read", "iterate", "post"])
async def test_a_client_is_asked_for_content_when_the_handler_reads(serve: Serve, how: str) -> None:
    """A large upload would be sent before anybody looked whether it is wanted; or a client would wait for ever."""
    steps: list[str] = []
    go_on = asyncio.Event()

    async def handle(request: web.Request) -> web.Response:
        steps.append("begun")
        await go_on.wait()
        match how:
            case "read":
                content = await request.read()
            case "iterate":
                content = b"".join([line async for line in request.content])
            case _:
                content = str(dict(await request.post())).encode()
        return web.Response(body=content, headers={"X-Expect": request.headers.get("Expect", "none")})

    gateway = await serve(handle)
    client = await gateway.ask(
        EXPECT.replace(b"\r\n\r\n", b"\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n")
    )
    await until(lambda: steps)
    await settle()
    assert client.peek() == b""
    go_on.set()
    assert await client.read_head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"a=b&c")
    head, content = await read_answer(client)
    assert b" 200 " in head
    assert content == (b"{'a': 'b', 'c': ''}" if how == "post" else b"a=b&c")


async def test_content_that_no_handler_reads_is_not_asked_for(serve: Serve) -> None:
    """Clients would send what is refused."""

    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=401)

    gateway = await serve(refuse)
    client = await gateway.ask(EXPECT)
    head, _ = await read_answer(client)
    assert b" 401 " in head
    assert b"Connection: close" in head
    assert await client.ends() == "closed"


async def test_who_did_not_wait_is_not_asked(serve: Serve) -> None:
    """A stray 100 behind content is read by some clients as the answer."""
    gateway = await serve(echo)
    client = await gateway.ask(EXPECT + b"hello")
    head, content = await read_answer(client)
    assert (head.split()[1], content) == (b"200", b"hello")


async def test_content_arrives_as_it_was_sent(serve: Serve) -> None:
    """aiohttp decodes content by itself: signatures over it would not fit, and a small upload could fill the memory."""
    packed = gzip.compress(b"hello")
    gateway = await serve(echo)
    client = await gateway.ask(post(packed, "/", "Content-Encoding: gzip"))
    assert (await read_answer(client))[1] == packed


async def test_the_gateways_limits_decide(serve: Serve) -> None:
    """aiohttp takes a megabyte of content and 8 KiB of a field, whatever the table says."""
    limits = HeadLimits(request_line=30_000, section=60_000, fields=200)
    route = make_route(action=TO_APP, body_limit=4 * 2**20)
    gateway = await serve(echo, route=route, settings=PlaneSettings(head_limits=limits))
    content = bytes(3 * 2**20)
    fields = [f"X-Field-{number}: {number}" for number in range(150)]
    request = post(content, "/" + "a" * 20_000, "X-Large: " + "b" * 40_000, *fields)
    head, answer = await read_answer(await gateway.ask(request))
    assert head.split()[1] == b"200"
    assert len(answer) == len(content)


async def test_an_own_limit_of_the_application_holds(serve: Serve) -> None:
    """An application that says how much it takes would be given more."""
    application = web.Application(client_max_size=10)
    gateway = await serve(echo, application=application)
    assert b" 413 " in (await read_answer(await gateway.ask(post(bytes(11)))))[0]


# -- messages of every shape -------------------------------------------------------------------------------------------


async def test_chunked_content_and_its_trailers_pass(serve: Serve) -> None:
    """Uploads of unknown length would fail, or the next request of the connection be misread."""
    gateway = await serve(echo)
    chunked = b"POST / HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nTE: trailers\r\n\r\n" % HOST
    client = await gateway.ask(chunked + b"3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n")
    assert (await read_answer(client))[1] == b"abcde"
    await client.send(post(b"next"))
    assert (await read_answer(client))[1] == b"next"
    assert len(gateway.pool(TO_APP.service)._open) == 1, "and the connection was kept"


async def test_answers_without_content_leave_the_connection_clean(serve: Serve) -> None:
    """The next answer would be taken for the content of one that has none."""

    async def bare(request: web.Request) -> web.Response:
        if request.method == "HEAD":
            return web.Response(text="not sent")
        return web.Response(status=304 if request.path == "/304" else 204, headers={"ETag": '"x"'})

    gateway = await serve(bare)
    client = await gateway.ask(get("/").replace(b"GET", b"HEAD"))
    assert b"Content-Length: 8\r\n" in await client.read_head()
    for status in (b"304", b"204"):
        await client.send(get(f"/{status.decode()}"))
        assert (await client.read_head()).split()[1] == status
    assert len(gateway.pool(TO_APP.service)._open) == 1


async def test_a_stream_is_flushed_piece_by_piece(serve: Serve) -> None:
    """Server-sent events would come when the stream ends, or never."""
    step = asyncio.Event()

    async def events(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        for number in range(3):
            await stream.write(b"data: %d\n\n" % number)
            await step.wait()
            step.clear()
        return stream

    gateway = await serve(events)
    client = await gateway.ask(get())
    await client.read_head()
    for number in range(3):
        assert await client.read_until(b"\n\n\r\n") == b"9\r\ndata: %d\n\n\r\n" % number
        step.set()
    assert await client.read(5) == b"0\r\n\r\n"


async def test_files_are_sent_although_there_is_no_socket_to_send_them_to(serve: Serve, tmp_path: Path) -> None:
    """aiohttp hands files to the system, which knows nothing of a connection in memory."""
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 4096)

    async def send(request: web.Request) -> web.FileResponse:
        return web.FileResponse(file)

    gateway = await serve(send)
    client = await gateway.ask(get())
    assert (await read_answer(client))[1] == file.read_bytes()
    await client.send(get("/", "Range: bytes=3-5"))
    head, content = await read_answer(client)
    assert (head.split()[1], content) == (b"206", b"\x03\x04\x05")


async def test_websockets_reach_the_application(serve: Serve) -> None:
    """A route with `websocket` would work with every endpoint but this one."""
    closed: list[int | None] = []

    async def mirror(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data)
        closed.append(socket.close_code)
        return socket

    gateway = await serve(mirror, route=make_route(action=TO_APP, websocket=Websocket()))
    async with ClientSession() as session:
        url = f"http://127.0.0.1:{gateway.port}/chat"
        async with session.ws_connect(url, max_msg_size=0, headers={"Host": EXAMPLE}) as socket:
            for text in ("hello", "x" * 3_000_000, ""):
                await socket.send_str(text)
                assert await socket.receive_str() == text
            await socket.close(code=1000)
        await until(lambda: closed)
        assert closed == [1000]
        # One that is cut ends the handler, too.
        socket = await session.ws_connect(url, headers={"Host": EXAMPLE})
        socket._response.connection.transport.abort()  # type: ignore[union-attr]
        await until(lambda: len(gateway.records) == 2)
    await until(lambda: not gateway.pool(TO_APP.service)._open)


# -- back-pressure, and clients that leave -----------------------------------------------------------------------------


async def test_a_handler_that_does_not_read_stops_the_client(serve: Serve) -> None:
    """An upload to an application that is busy would fill the memory of the worker."""
    go_on = asyncio.Event()
    size = 0

    async def swallow(request: web.Request) -> web.Response:
        nonlocal size
        await go_on.wait()
        async for piece in request.content.iter_any():
            size += len(piece)
        return web.Response(text="done")

    gateway = await serve(swallow, route=make_route(action=TO_APP, body_limit=None))
    total = 8 * KERNEL
    client = await gateway.ask(b"POST / HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (HOST, total))
    sent = await fill(client, total)
    assert 0 < sent < total, "somebody took everything"
    (end,) = memory_ends(gateway)
    assert 0 < end.get_write_buffer_size() <= HIGH + PORTION
    assert size == 0
    go_on.set()
    while sent < total:
        await client.send(bytes(min(SENT, total - sent)))
        sent += min(SENT, total - sent)
    assert (await read_answer(client))[1] == b"done"
    assert size == total


@pytest.mark.parametrize("portion", [1000, 3 * PORTION])
async def test_a_client_that_does_not_read_stops_the_handler(serve: Serve, portion: int) -> None:
    """A download to a slow client would fill the memory of the worker."""
    total = 2 * KERNEL
    written = 0

    async def pour(request: web.Request) -> web.StreamResponse:
        nonlocal written
        stream = web.StreamResponse(headers={"Content-Length": str(-(-total // portion) * portion)})
        await stream.prepare(request)
        while written < total:
            await stream.write(bytes(portion))
            written += portion
        return stream

    gateway = await serve(pour)
    client = await gateway.connect(receive_buffer=64 * 1024)
    await client.send(get("/", "Connection: close"))
    before = -1
    while before != written or not gateway.connection.blocked_since:
        before = written
        await settle(200)
    assert 0 < written < total
    (end,) = memory_ends(gateway)
    other = end._other
    assert other is not None
    assert 0 < other.get_write_buffer_size() <= HIGH + portion + PORTION
    assert gateway.connection.transport.get_write_buffer_size() <= 2 * PORTION
    await client.read_head()
    received = 0
    while data := await client.read_some():
        received += len(data)
    assert received == written >= total


@pytest.mark.parametrize("when", ["before", "while reading", "while writing", "while held"])
async def test_a_client_that_leaves_cancels_the_handler(serve: Serve, when: str) -> None:
    """Work for nobody would go on, and streams never end."""
    steps: list[str] = []

    async def work(request: web.Request) -> web.StreamResponse:
        steps.append("begun")
        try:
            if when == "while reading":
                await request.read()
            if when.startswith("while"):
                stream = web.StreamResponse()
                await stream.prepare(request)
                for _ in range(10**9 if when == "while held" else 1):
                    await stream.write(bytes(PORTION))
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            steps.append("cancelled")
            raise
        raise AssertionError("unreachable")

    gateway = await serve(work)
    with capture_logs() as logs:
        client = await gateway.connect(receive_buffer=4096)
        await client.send(post(b"", "/").replace(b"Length: 0", b"Length: 10") + b"half" if "reading" in when else get())
        await until(lambda: steps)
        if when == "while held":
            await until(lambda: gateway.connection.blocked_since)
        await settle()
        client.reset()
        await until(lambda: "cancelled" in steps)
        await until(lambda: not gateway.pool(TO_APP.service)._open)
    assert steps == ["begun", "cancelled"]
    assert gateway.records[0].reason is Reason.CLIENT_GONE
    assert logs == []


async def test_a_thousand_requests_leave_nothing_behind(serve: Serve) -> None:
    """A worker that keeps a little of every request is full after a week."""

    async def mixed(request: web.Request) -> web.Response:
        if request.path == "/fails":
            raise ZeroDivisionError
        return web.Response(body=await request.read())

    gateway = await serve(mixed)
    client = await gateway.connect()

    async def ask(number: int) -> None:
        await client.send(post(b"x" * 100, "/fails" if number % 10 == 0 else "/"))
        await read_answer(client)

    with capture_logs():
        for number in range(50):
            await ask(number)
        await settle()
        gc.collect()
        tasks, objects = len(asyncio.all_tasks()), len(gc.get_objects())
        for number in range(1000):
            await ask(number)
            gateway.records.clear()
        await settle()
        gc.collect()
    assert len(asyncio.all_tasks()) == tasks
    assert len(gc.get_objects()) - objects < 200, "a fifth of an object for each request"
    assert gateway.counts(TO_APP.service)["busy"] == 0
    assert len(gateway.pool(TO_APP.service)._open) == 1


# -- failures ----------------------------------------------------------------------------------------------------------


async def fail(request: web.Request) -> web.Response:
    raise ZeroDivisionError("a secret of the application")


async def test_a_handler_that_fails_is_a_500_without_details_and_a_line_in_the_log(serve: Serve) -> None:
    """Clients would read tracebacks; who runs the gateway would look for the cause of a 500 in vain."""
    gateway = await serve(fail)
    with capture_logs() as logs:
        head, content = await read_answer(await gateway.ask(get("/a?b", "Accept: application/json")))
    body = json.loads(content)
    request_id = gateway.records[0].line["id"]
    assert (head.split()[1], body["statusCode"], body["message"]) == (b"500", 500, "The application failed.")
    assert (body["path"], body["correlationId"]) == ("/a", request_id)
    assert b"secret" not in content
    (line,) = logs
    assert (line["event"], line["application"], line["id"]) == ("an application failed", USE, request_id)
    assert isinstance(line["exc_info"], ZeroDivisionError)
    assert gateway.records[0].status == 500


async def test_development_shows_what_was_raised(serve: Serve) -> None:
    """Developers would have to look for the log of a worker."""
    gateway = await serve(fail, settings=PlaneSettings(is_development=True))
    with capture_logs():
        assert b"a secret of the application" in (await read_answer(await gateway.ask(get())))[1]


@pytest.mark.parametrize("how", ["raises", "raises an answer", "leaves"])
async def test_an_answer_that_fails_midway_does_not_look_complete(serve: Serve, how: str) -> None:
    """Half a file would be kept as the whole; or the head of a second answer stand within it."""

    is_read = asyncio.Event()

    async def half(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        await stream.write(b"half")
        await is_read.wait()
        if how == "raises an answer":
            raise web.HTTPNotFound
        if how == "leaves":
            assert request.transport is not None
            request.transport.abort()
            await asyncio.Event().wait()
        raise ZeroDivisionError

    gateway = await serve(half)
    client = await gateway.ask(get())
    with capture_logs() as logs:
        await client.read_until(b"half\r\n")
        is_read.set()
        received = await client.read_to_end()
    assert not received.endswith(b"0\r\n\r\n")
    assert b"404" not in received
    assert gateway.records[0].reason is Reason.HTTP_RESPONSE_INCOMPLETE
    assert len(logs) == (how != "leaves")


async def test_an_application_that_closes_before_its_answer_is_a_502(serve: Serve) -> None:
    """The client would wait for ever."""

    async def leave(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    gateway = await serve(leave)
    assert b" 502 " in (await read_answer(await gateway.ask(post(b"x"))))[0]
    assert gateway.records[0].reason is Reason.CONNECTION_TERMINATED


# -- its life ----------------------------------------------------------------------------------------------------------


async def test_what_it_opens_at_its_start_it_closes_when_the_worker_leaves(serve: Serve) -> None:
    """Databases would be used before they are connected, and never disconnected."""
    steps: list[str] = []
    application = web.Application()

    def note(what: str) -> Callable[[web.Application], Awaitable[None]]:
        async def hook(app: web.Application) -> None:
            steps.append(what)

        return hook

    application.on_startup.append(note("startup"))
    application.on_shutdown.append(note("shutdown"))
    application.on_cleanup.append(note("cleanup"))
    gateway = await serve(hello, application=application)
    assert steps == ["startup"]
    await read_answer(await gateway.ask(get()))
    (live,) = gateway.plane.applications.values()
    gateway.pool(TO_APP.service).close()
    await live.stop()
    assert steps == ["startup", "shutdown", "cleanup"]
    assert b" 502 " in (await read_answer(await gateway.ask(get())))[0], "nobody is there any more"


async def test_one_that_does_not_clean_up_is_not_waited_for(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker could not leave and would be killed, with what it still has to say."""
    monkeypatch.setattr(inprocess, "_CLEANUP", 0.01)

    async def hang(app: web.Application) -> None:
        await asyncio.Event().wait()

    application = web.Application()
    application.on_cleanup.append(hang)
    gateway = await serve(hello, application=application)
    (live,) = gateway.plane.applications.values()
    with capture_logs() as logs:
        await live.stop()
    assert logs[0]["event"] == "an application did not clean up in time"


async def test_one_that_is_stopped_while_it_starts_closes_what_it_had_opened(
    offer: Callable[[Callable[[], object]], None],
) -> None:
    """A worker that is told to leave early would leave its sessions open in the database."""
    steps: list[str] = []

    async def store(app: web.Application) -> AsyncIterator[None]:
        steps.append("opened")
        yield
        steps.append("closed")

    async def hang(app: web.Application) -> None:
        steps.append("hangs")
        await asyncio.Event().wait()

    application = web.Application()
    application.cleanup_ctx.append(store)
    application.on_startup.append(hang)
    starting = asyncio.create_task(start(lambda: application, offer))
    await until(lambda: "hangs" in steps)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert steps == ["opened", "hangs", "closed"]


async def start(factory: Callable[[], object], offer: Callable[[Callable[[], object]], None], use: str = USE) -> None:
    offer(factory)
    live = LiveApplication(ApplicationUse(use, "/the/table"), HeadLimits(), is_development=False)
    await live.start()
    await live.stop()


async def test_a_factory_may_be_asynchronous_and_an_application_stand_for_one(
    offer: Callable[[Callable[[], object]], None],
) -> None:
    """Applications that are written for other servers would have to be changed."""

    async def make() -> web.Application:
        return web.Application()

    await start(make, offer)
    await start(web.Application(), offer)


def broken() -> object:
    raise ZeroDivisionError("no")


async def fails_to_start(app: web.Application) -> None:
    raise ConnectionRefusedError("the database")


def unstartable() -> web.Application:
    app = web.Application()
    app.on_startup.append(fails_to_start)
    return app


@pytest.mark.parametrize(
    ("factory", "use", "said"),
    [
        (
            hello,
            "no_such_module:make",
            'there is no module "no_such_module" (it was looked for where Python finds modules, then in /the/table)',
        ),
        (hello, "orion_gateway.none.x:make", 'there is no module "orion_gateway.none"'),
        (
            hello,
            "application_under_test:male",
            'the module "application_under_test" has no "male" (it was read from no file; did you mean "make"?)',
        ),
        (broken, USE, '"make" failed: ZeroDivisionError: no (at ' + __file__),
        (lambda: 3, USE, '"make" returned int and no aiohttp.web.Application'),
        (3, USE, '"make" cannot be called'),
        (unstartable, USE, "its start failed: ConnectionRefusedError: the database (at " + __file__),
    ],
)
async def test_what_keeps_it_from_running_is_said(
    offer: Callable[[Callable[[], object]], None], factory: Callable[[], object], use: str, said: str
) -> None:
    """Nobody would know what to mend."""
    with pytest.raises(ApplicationError) as caught:
        await start(factory, offer, use)
    assert str(caught.value).startswith(said)


async def test_modules_beside_the_table_are_found_and_never_stand_in_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file named like a module of Python would break the gateway in places nobody would think of."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    text = "from aiohttp import web\nimport {}\ndef make(): return web.Application()\n"
    (tmp_path / "beside_the_table.py").write_text(text.format("json"))
    (tmp_path / "imports_nothing.py").write_text(text.format("not_there"))
    (tmp_path / "wrong.py").write_text("def make(:\n")
    (tmp_path / "orjson.py").write_text("raise AssertionError('this is another one')")

    def use(name: str) -> LiveApplication:
        return LiveApplication(ApplicationUse(f"{name}:make", str(tmp_path)), HeadLimits(), is_development=False)

    live = use("beside_the_table")
    await live.start()
    await live.stop()
    assert sys.path[-1] == str(tmp_path)
    with pytest.raises(ApplicationError, match=r'"imports_nothing" cannot be imported: ModuleNotFoundError: .*py:2\)'):
        await use("imports_nothing").start()
    with pytest.raises(ApplicationError, match=r'"wrong" cannot be imported: SyntaxError: .*wrong\.py:1\)'):
        await use("wrong").start()
    for name in ("beside_the_table",):
        sys.modules.pop(name)
