"""Filters in an exchange: their order, what they answer, wait for, and do to content; and what becomes of failures."""

from __future__ import annotations

import asyncio
import gc
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from orion_gateway.filters.filter import STREAM, BodyStream, Filter, Refused, buffered
from orion_gateway.proxy.deadline import Phase
from orion_gateway.values import Reason, Reply, Respond, RetryRules, UpstreamTimeouts, Websocket
from tests.harness.gateway import make_route, make_service
from tests.harness.probes import use
from tests.harness.wire import refusing_port, settle, until
from tests.proxy.test_exchange import GET, HANDSHAKE, HOST, OK, UPGRADED, answer, post

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from orion_gateway.filters.filter import Content, Exchange, Rewritten, Verdict
    from orion_gateway.values import FilterUse
    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint, Wire

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Marks(Filter):
    """Writes its name on requests and responses."""

    def __init__(self, name: bytes, told: list[str] | None = None) -> None:
        self.name = name
        self.told = told if told is not None else []

    def on_request(self, exchange: Exchange) -> None:
        self.told.append(f">{self.name.decode()}")
        exchange.request.add(b"X-Way", self.name)

    def on_response(self, exchange: Exchange) -> None:
        self.told.append(f"<{self.name.decode()}")
        assert exchange.response is not None
        exchange.response.add(b"X-Way", self.name)

    def on_end(self, exchange: Exchange) -> None:
        self.told.append(f".{self.name.decode()}")


class Refuses(Filter):
    """Answers by itself."""

    decides = True

    def __init__(self, reply: Reply | None = None) -> None:
        self.reply = reply or Reply(403, message="Not you.")

    def on_request(self, exchange: Exchange) -> Verdict | Awaitable[Verdict]:
        return self.reply


class Waits(Filter):
    """Waits for the test, in both directions if told."""

    def __init__(self, verdict: Reply | None = None, *, back: bool = False) -> None:
        self.verdict = verdict
        self.back = back
        self.gates: list[asyncio.Future[None]] = []

    async def _wait(self) -> None:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        async with asyncio.timeout(3600):
            await gate

    async def on_request(self, exchange: Exchange) -> Verdict:
        if not self.back:
            await self._wait()
        return self.verdict

    async def on_response(self, exchange: Exchange) -> None:
        if self.back:
            await self._wait()
            assert exchange.response is not None
            exchange.response.set(b"X-Waited", b"yes")


class Fails(Filter):
    """Raises in the hook that it is told."""

    def __init__(self, hook: str, *, decides: bool = False, waits: bool = False) -> None:
        self.hook, self.waits = hook, waits
        self.decides = decides  # type: ignore[misc]

    def on_request(self, exchange: Exchange) -> Any:
        return self._fail("on_request")

    def on_response(self, exchange: Exchange) -> Any:
        return self._fail("on_response")

    def on_end(self, exchange: Exchange) -> None:
        self._fail("on_end")

    def _fail(self, hook: str) -> Any:
        if hook != self.hook:
            return None
        if self.waits:
            return self._fail_later()
        raise ValueError("the filter is broken")

    async def _fail_later(self) -> None:
        await asyncio.sleep(0)
        raise ValueError("the filter is broken")


class Doubled(BodyStream):
    """Says every byte twice, and ! at the end."""

    def __init__(self, *, waits: bool = False) -> None:
        self.waits = waits
        self.gates: list[asyncio.Future[None]] = []
        self.is_closed = False

    def feed(self, pieces: Sequence[Content]) -> Any:
        doubled = [bytes(byte for byte in bytes(piece) for _ in range(2)) for piece in pieces]
        return self._later(doubled) if self.waits else doubled

    def end(self) -> Any:
        return self._later([b"!"]) if self.waits else [b"!"]

    def close(self) -> None:
        self.is_closed = True

    async def _later(self, pieces: Sequence[Content]) -> Sequence[Content]:
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        await gate
        return pieces


class Doubles(Filter):
    """Doubles content in one direction."""

    def __init__(self, direction: str, *, waits: bool = False) -> None:
        self.waits = waits
        self.streams: list[Doubled] = []
        if direction == "request":
            self.request_body = STREAM
        else:
            self.response_body = STREAM

    def _open(self) -> BodyStream:
        self.streams.append(Doubled(waits=self.waits))
        return self.streams[-1]

    def open_request(self, exchange: Exchange) -> BodyStream:
        return self._open()

    def open_response(self, exchange: Exchange) -> BodyStream:
        return self._open()


class Whole(Filter):
    """Sees content as a whole, and does with it what the test says."""

    def __init__(self, direction: str, change: Callable[[bytes], Any], limit: int = 1000) -> None:
        self.change = change
        self.seen: list[bytes] = []
        if direction == "request":
            self.request_body = buffered(limit)
        else:
            self.response_body = buffered(limit)

    def on_request_body(self, exchange: Exchange, content: bytes) -> Rewritten | Awaitable[Rewritten]:
        self.seen.append(content)
        return self.change(content)  # type: ignore[no-any-return]

    def on_response_body(self, exchange: Exchange, content: bytes) -> Rewritten | Awaitable[Rewritten]:
        return self.on_request_body(exchange, content)


class PerAttempt(Filter):
    """Numbers the attempts."""

    scope = "attempt"

    def on_request(self, exchange: Exchange) -> None:
        exchange.request.set(b"X-Attempt", b"%d" % exchange.attempts)
        exchange.request.add(b"X-Seen", b"%d" % exchange.attempts)

    def on_response(self, exchange: Exchange) -> None:
        assert exchange.response is not None
        exchange.response.set(b"X-Attempts", b"%d" % exchange.attempts)


@pytest.fixture
def filtered(
    start_gateway: StartGateway, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Awaitable[Gateway]]:
    """Start a gateway whose only route has these filters in front of the endpoint."""

    async def start(*made: Filter | FilterUse, ports: tuple[int, ...] = (), **route: Any) -> Gateway:
        uses = [one if not isinstance(one, Filter) else use(monkeypatch, one) for one in made]
        service = make_service(*(ports or (endpoint.port,)))
        return await start_gateway(service, routes=[make_route(filters=uses, **route)])

    return start


def has_gates(doubles: Doubles, count: int) -> bool:
    return len(doubles.streams[0].gates) == count


async def read_response(wire: Wire) -> tuple[bytes, bytes]:
    """Return head and content of the next response, whatever its framing."""
    head = await wire.read_head()
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        content = b""
        while size := int(await wire.read_until(b"\r\n"), 16):
            content += await wire.read(size)
            await wire.read(2)
        await wire.read(2)
        return head, content
    length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in lower else 0
    return head, await wire.read(length)


def ways(head: bytes) -> list[bytes]:
    return [line.partition(b": ")[2] for line in head.split(b"\r\n") if line.startswith(b"X-Way")]


# -- order and answers -------------------------------------------------------------------------------------------------


async def test_filters_run_in_order_and_back_in_reverse(filtered: Any, endpoint: Endpoint) -> None:
    """A field set by the first would be undone by nobody knows whom."""
    told: list[str] = []
    gateway = await filtered(Marks(b"a", told), Marks(b"b", told), Marks(b"c", told))
    client = await gateway.ask(GET)
    upstream = await endpoint.accept()
    assert ways(await upstream.read_head()) == [b"a", b"b", b"c"]
    await upstream.send(OK)
    head, content = await read_response(client)
    assert ways(head) == [b"c", b"b", b"a"]
    assert content == b"hi"
    assert told == [">a", ">b", ">c", "<c", "<b", "<a", ".a", ".b", ".c"]


async def test_an_answer_passes_the_filters_that_the_request_passed_and_no_others(
    filtered: Any, endpoint: Endpoint
) -> None:
    """A refusal would lack its CORS fields, or a filter would see the answer to a request that it never saw."""
    told: list[str] = []
    gateway = await filtered(Marks(b"a", told), Refuses(), Marks(b"b", told))
    client = await gateway.ask(GET)
    head, content = await read_response(client)
    assert head.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert ways(head) == [b"a"]
    assert json.loads(content)["message"] == "Not you."
    assert told == [">a", "<a", ".a"]
    assert not endpoint.has_visitor()
    assert gateway.records[-1].reason is Reason.HTTP_REQUEST_DENIED


async def test_errors_and_fixed_responses_pass_the_filters_too(start_gateway: Any, monkeypatch: Any) -> None:
    """A browser would not be allowed to read the one answer that says what is wrong."""
    routes = [
        make_route("/gone", filters=[use(monkeypatch, Marks(b"a"))], name="gone"),
        make_route("/here", Respond(200, (("X-Way", "table"),), b"hello"), filters=[use(monkeypatch, Marks(b"b"))]),
    ]
    gateway = await start_gateway(make_service(refusing_port()), routes=routes)
    client = await gateway.ask(b"GET /gone HTTP/1.1\r\n%b\r\nGET /here HTTP/1.1\r\n%b\r\n" % (HOST, HOST))
    head, _ = await read_response(client)
    assert head.startswith(b"HTTP/1.1 502 ")
    head, content = await read_response(client)
    assert (ways(head), content) == ([b"table", b"b"], b"hello")


@pytest.mark.parametrize(
    ("reply", "start", "content"),
    [
        (Reply(204, headers=((b"X-A", b"1"),)), b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n", b""),
        (Reply(200, content=b"yes"), b"HTTP/1.1 200 OK\r\n", b"yes"),
        (Reply(418, content=b"no"), b"HTTP/1.1 418 ", b"no"),
    ],
)
async def test_a_filter_answers_what_it_wants(filtered: Any, reply: Reply, start: bytes, content: bytes) -> None:
    """A redirect to a login, a preflight or a cached page could not be said."""
    gateway = await filtered(Refuses(reply))
    head, got = await read_response(await gateway.ask(GET))
    assert head.startswith(start)
    assert got == content
    assert (b"Content-Length" in head) is (reply.status != 204)


@pytest.mark.parametrize("name", [b"Content-Length", b"Transfer-Encoding", b"connection"])
async def test_an_answer_says_nothing_about_its_framing(filtered: Any, name: bytes) -> None:
    """Whoever sits between would see two messages."""
    gateway = await filtered(Refuses(Reply(200, ((name, b"7"), (b"X-A", b"1")), b"yes")))
    head, content = await read_response(await gateway.ask(GET))
    assert b"X-A: 1\r\n" in head
    assert head.lower().count(b"content-length") == 1
    assert name + b": 7" not in head
    assert content == b"yes"


async def test_a_field_cannot_break_out_of_its_line(filtered: Any) -> None:
    """Whoever can put a line feed into a value would write the answer of somebody else."""
    gateway = await filtered(Refuses(Reply(200, ((b"X-A", b"1\r\nX-B: 2"),), b"yes")))
    head, _ = await read_response(await gateway.ask(GET))
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"X-B" not in head


async def test_a_keep_alive_connection_passes_the_filters_again_after_an_answer(
    filtered: Any, endpoint: Endpoint
) -> None:
    """The second request on a connection would pass what refused the first."""
    told: list[str] = []
    gateway = await filtered(Marks(b"a", told), Refuses())
    client = await gateway.ask(GET * 3)
    for _ in range(3):
        head, _ = await read_response(client)
        assert head.startswith(b"HTTP/1.1 403 ")
    assert told == [">a", "<a", ".a"] * 3
    assert not endpoint.has_visitor()


# -- waiting -----------------------------------------------------------------------------------------------------------


async def test_a_filter_that_waits_holds_up_its_own_exchange_only(filtered: Any, endpoint: Endpoint) -> None:
    """One slow authorization would stop everybody, or a request would pass before it was judged."""
    waits = Waits()
    gateway = await filtered(Marks(b"a"), waits, Marks(b"b"))
    first, second = await gateway.ask(GET), await gateway.ask(GET)
    await until(lambda: len(waits.gates) == 2)
    assert not endpoint.has_visitor()
    waits.gates[1].set_result(None)
    upstream = await endpoint.accept()
    assert ways(await upstream.read_head()) == [b"a", b"b"]
    await upstream.send(OK)
    assert (await read_response(second))[1] == b"hi"
    assert first.peek() == b""
    waits.gates[0].set_result(None)
    await answer(upstream)
    assert (await read_response(first))[1] == b"hi"


async def test_content_that_comes_while_a_filter_waits_is_kept_in_order_and_bounded(
    filtered: Any, endpoint: Endpoint
) -> None:
    """An upload would lose its beginning, or fill the memory while nobody takes it."""
    waits = Waits()
    gateway = await filtered(waits, body_limit=None)
    client = await gateway.ask(post(2**22) + b"first")
    await until(lambda: waits.gates)
    sent = 5
    for _ in range(200):
        sent += client.send_at_once(b"x" * 2**16)
        await settle(1)
    assert sent < 2**22
    assert gateway.connection.exchange.request_bytes <= 2**19
    waits.gates[0].set_result(None)
    upstream = await endpoint.accept()
    await upstream.read_head()
    assert await upstream.read(5) == b"first"
    rest = client.send(b"x" * (2**22 - sent))
    task = asyncio.ensure_future(rest)
    assert await upstream.read(2**22 - 5) == b"x" * (2**22 - 5)
    await task
    await upstream.send(OK)
    assert (await read_response(client))[1] == b"hi"


async def test_a_filter_refuses_after_waiting(filtered: Any, endpoint: Endpoint) -> None:
    """A verdict that comes late would be lost."""
    waits = Waits(Reply(401, ((b"WWW-Authenticate", b"Basic"),)))
    gateway = await filtered(waits)
    client = await gateway.ask(GET)
    await until(lambda: waits.gates)
    waits.gates[0].set_result(None)
    head, _ = await read_response(client)
    assert head.startswith(b"HTTP/1.1 401 ")
    assert b"WWW-Authenticate: Basic\r\n" in head
    assert not endpoint.has_visitor()


async def test_a_client_that_leaves_ends_the_wait(filtered: Any) -> None:
    """What nobody wants any more would go on being worked out."""
    told: list[str] = []
    waits = Waits()
    gateway = await filtered(Marks(b"a", told), waits)
    client = await gateway.ask(GET)
    await until(lambda: waits.gates)
    client.close()
    await until(lambda: waits.gates[0].cancelled())
    assert told == [">a", ".a"]
    assert gateway.records[-1].reason is Reason.CLIENT_GONE


async def test_the_deadline_ends_the_wait(filtered: Any) -> None:
    """A filter that never answers would hold its client for ever."""
    waits = Waits()
    gateway = await filtered(waits, timeouts=UpstreamTimeouts(total=5.0))
    client = await gateway.ask(GET)
    await until(lambda: waits.gates)
    gateway.pass_time(6)
    head, _ = await read_response(client)
    assert head.startswith(b"HTTP/1.1 504 ")
    await until(lambda: waits.gates[0].cancelled())


async def test_a_filter_that_waits_with_the_response_holds_its_content(filtered: Any, endpoint: Endpoint) -> None:
    """The content would come without its head, or the head without what the filter adds."""
    waits = Waits(back=True)
    gateway = await filtered(waits, Marks(b"a"))
    client = await gateway.ask(GET)
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(CHUNKED + b"2\r\nab\r\n")
    await until(lambda: waits.gates)
    assert gateway.connection.exchange.phase is Phase.FILTERING
    await upstream.send(b"2\r\ncd\r\n0\r\n\r\n")
    await settle()
    assert client.peek() == b""
    waits.gates[0].set_result(None)
    head, content = await read_response(client)
    assert b"X-Waited: yes\r\n" in head
    assert ways(head) == [b"a"]
    assert content == b"abcd"
    await until(lambda: gateway.counts()["idle"] == 1)


async def test_an_answer_from_here_waits_for_its_filters(filtered: Any) -> None:
    """A refusal would overtake the filter that completes it."""
    waits = Waits(back=True)
    gateway = await filtered(waits, Refuses())
    client = await gateway.ask(GET)
    await until(lambda: waits.gates)
    assert client.peek() == b""
    waits.gates[0].set_result(None)
    head, _ = await read_response(client)
    assert head.startswith(b"HTTP/1.1 403 ")
    assert b"X-Waited: yes\r\n" in head


async def test_an_endpoint_lost_while_a_filter_holds_its_answer_is_noticed(filtered: Any, endpoint: Endpoint) -> None:
    """Half an answer would look whole, or the client would wait for ever."""
    waits = Waits(back=True)
    gateway = await filtered(waits)
    client = await gateway.ask(GET)
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await until(lambda: waits.gates)
    upstream.close()
    waits.gates[0].set_result(None)
    assert b"Content-Length: 100\r\n" in await client.read_head()
    assert await client.read_to_end() == b"half"


# -- content -----------------------------------------------------------------------------------------------------------


async def test_content_of_requests_passes_through_a_filter(filtered: Any, endpoint: Endpoint) -> None:
    """The endpoint would see what the filter was to change, or a length that is not true."""
    gateway = await filtered(Doubles("request"), Doubles("request"))
    client = await gateway.ask(post(4) + b"ab")
    upstream = await endpoint.accept()
    head = await upstream.read_head()
    assert b"Transfer-Encoding: chunked" in head
    assert b"Content-Length" not in head
    assert await upstream.read_until(b"\r\n") == b"8\r\n"
    assert await upstream.read(10) == b"aaaabbbb\r\n"
    await client.send(b"cd")
    assert await upstream.read_until(b"0\r\n\r\n") == b"8\r\nccccdddd\r\n2\r\n!!\r\n1\r\n!\r\n0\r\n\r\n"
    await upstream.send(OK)
    assert (await read_response(client))[1] == b"hi"


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 4\r\n\r\nabcd", b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n"]
)
async def test_content_of_responses_passes_through_a_filter(filtered: Any, endpoint: Endpoint, framing: bytes) -> None:
    """The client would see what the filter was to change, or wait for bytes that never come."""
    gateway = await filtered(Doubles("response"), Doubles("response"))
    client = await gateway.ask(GET)
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(b"HTTP/1.1 200 OK\r\n" + framing)
    head, content = await read_response(client)
    assert b"Content-Length" not in head
    assert content == b"aaaabbbbccccdddd!!!"
    assert gateway.records[-1].bytes_out == len(content)
    await until(lambda: gateway.counts()["idle"] == 1)


async def test_an_answer_without_length_to_an_old_client_ends_with_the_connection(
    filtered: Any, endpoint: Endpoint
) -> None:
    """A client of HTTP/1.0 knows no chunks."""
    gateway = await filtered(Doubles("response"))
    client = await gateway.ask(b"GET / HTTP/1.0\r\n%b\r\n" % HOST)
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(OK)
    assert (await client.read_to_end()).endswith(b"\r\n\r\nhhii!")


async def test_a_stream_that_waits_keeps_order_and_stops_the_endpoint(filtered: Any, endpoint: Endpoint) -> None:
    """Pieces would overtake each other, or the memory fill while a thread compresses."""
    doubles = Doubles("response", waits=True)
    gateway = await filtered(doubles)
    client = await gateway.ask(GET)
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % 2**26)
    sent = stuck = 0
    while stuck < 50:
        size = upstream.send_at_once(b"ab" * 2**15)
        sent += size
        stuck = 0 if size else stuck + 1
        await settle(1)
    (stream,) = doubles.streams
    assert len(stream.gates) == 1
    assert sent < 2**25
    client.close()
    await until(lambda: stream.is_closed)
    assert stream.gates[0].cancelled()


async def test_a_stream_that_waits_delivers_everything(filtered: Any, endpoint: Endpoint) -> None:
    """The last piece would be forgotten when the endpoint is done before the filter."""
    doubles = Doubles("response", waits=True)
    gateway = await filtered(doubles)
    client = await gateway.ask(GET)
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(OK)
    upstream.close()
    await until(lambda: doubles.streams and doubles.streams[0].gates)
    doubles.streams[0].gates[0].set_result(None)
    await until(lambda: len(doubles.streams[0].gates) == 2)
    doubles.streams[0].gates[1].set_result(None)
    assert (await read_response(client))[1] == b"hhii!"


async def test_a_stream_of_a_request_that_waits_delivers_everything(filtered: Any, endpoint: Endpoint) -> None:
    """An upload would end before its last piece."""
    doubles = Doubles("request", waits=True)
    gateway = await filtered(doubles)
    client = await gateway.ask(post(2) + b"ab")
    upstream = await endpoint.accept()
    await upstream.read_head()
    for number in range(2):
        await until(partial(has_gates, doubles, number + 1))
        doubles.streams[0].gates[number].set_result(None)
    assert await upstream.read_until(b"0\r\n\r\n") == b"4\r\naabb\r\n1\r\n!\r\n0\r\n\r\n"
    await upstream.send(OK)
    assert (await read_response(client))[1] == b"hi"


@pytest.mark.parametrize(
    "framing",
    [b"Content-Length: 4\r\n\r\nab|cd", b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n|2\r\ncd\r\n0\r\n\r\n"],
)
async def test_a_filter_sees_the_whole_request_before_an_endpoint_is_asked(
    filtered: Any, endpoint: Endpoint, framing: bytes
) -> None:
    """A document would be judged by its first half."""
    whole = Whole("request", lambda content: content[::-1] + b"!")
    gateway = await filtered(whole)
    first, second = (b"POST / HTTP/1.1\r\n" + HOST + framing).split(b"|")
    client = await gateway.ask(first)
    await settle()
    assert not endpoint.has_visitor()
    await client.send(second)
    upstream = await endpoint.accept()
    head = await upstream.read_head()
    assert b"Content-Length: 5\r\n" in head
    assert b"Transfer-Encoding" not in head
    assert await upstream.read(5) == b"dcba!"
    assert whole.seen == [b"abcd"]
    await upstream.send(OK)
    assert (await read_response(client))[1] == b"hi"


async def test_a_client_that_waits_for_leave_is_given_it_by_who_wants_the_content(
    filtered: Any, endpoint: Endpoint
) -> None:
    """Client and gateway would wait for each other."""
    gateway = await filtered(Whole("request", lambda content: None))
    client = await gateway.ask(b"POST / HTTP/1.1\r\n%bContent-Length: 2\r\nExpect: 100-continue\r\n\r\n" % HOST)
    assert await client.read_head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"ab")
    upstream = await endpoint.accept()
    assert b"Expect" not in await upstream.read_head()
    assert await upstream.read(2) == b"ab"
    await upstream.send(OK)
    assert (await read_response(client))[1] == b"hi"


async def test_a_request_larger_than_a_filter_takes_is_refused(filtered: Any, endpoint: Endpoint) -> None:
    """The memory of the gateway would be the client's to fill."""
    gateway = await filtered(Whole("request", lambda content: None, limit=3))
    client = await gateway.ask(post(4) + b"abcd")
    head, _ = await read_response(client)
    assert head.startswith(b"HTTP/1.1 413 ")
    assert not endpoint.has_visitor()


@pytest.mark.parametrize("waits", [False, True])
async def test_a_filter_refuses_by_content(filtered: Any, endpoint: Endpoint, waits: bool) -> None:
    """Content that must not pass would pass."""

    async def later() -> Reply:
        await asyncio.sleep(0)
        return Reply(422, message="No.")

    gateway = await filtered(Whole("request", lambda content: later() if waits else Reply(422, message="No.")))
    client = await gateway.ask(post(4) + b"abcd")
    head, content = await read_response(client)
    assert head.startswith(b"HTTP/1.1 422 ")
    assert json.loads(content)["message"] == "No."
    assert not endpoint.has_visitor()


@pytest.mark.parametrize("waits", [False, True])
async def test_a_filter_sees_the_whole_response_before_its_head_goes_out(
    filtered: Any, endpoint: Endpoint, waits: bool
) -> None:
    """The head would promise a length that the changed content does not have."""

    async def later(content: bytes) -> bytes:
        await asyncio.sleep(0)
        return content * 2

    gateway = await filtered(Whole("response", lambda content: later(content) if waits else content * 2))
    client = await gateway.ask(GET)
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(CHUNKED + b"2\r\nab\r\n")
    await settle()
    assert client.peek() == b""
    await upstream.send(b"2\r\ncd\r\n0\r\n\r\n")
    head, content = await read_response(client)
    assert b"Content-Length: 8\r\n" in head
    assert content == b"abcdabcd"
    await until(lambda: gateway.counts()["idle"] == 1)


async def test_a_response_larger_than_a_filter_takes_is_an_error(filtered: Any, endpoint: Endpoint) -> None:
    """The memory of the gateway would be the endpoint's to fill."""
    gateway = await filtered(Marks(b"a"), Whole("response", lambda content: None, limit=1))
    client = await gateway.ask(GET)
    await answer(await endpoint.accept())
    head, _ = await read_response(client)
    assert head.startswith(b"HTTP/1.1 502 ")
    assert ways(head) == [b"a"]


async def test_a_filter_that_gives_up_in_the_middle_cuts_the_answer(filtered: Any, endpoint: Endpoint) -> None:
    """A broken answer would look complete."""

    class GivesUp(BodyStream):
        def end(self) -> Any:
            raise Refused(Reply(502))

    class Cuts(Filter):
        response_body = STREAM

        def open_response(self, exchange: Exchange) -> BodyStream:
            return GivesUp()

    gateway = await filtered(Cuts())
    client = await gateway.ask(GET)
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(CHUNKED + b"2\r\nab\r\n")
    await client.read_until(b"2\r\nab\r\n")
    await upstream.send(b"0\r\n\r\n")
    assert await client.read_to_end() == b""


async def test_head_answers_have_no_content_for_filters(filtered: Any, endpoint: Endpoint) -> None:
    """A response to HEAD would be waited for, or get content."""
    whole = Whole("response", lambda content: b"wrong")
    gateway = await filtered(Marks(b"a"), whole, Doubles("response"))
    client = await gateway.ask(b"HEAD / HTTP/1.1\r\n%b\r\n" % HOST)
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
    head = await client.read_head()
    assert b"Content-Length: 2\r\n" in head
    assert ways(head) == [b"a"]
    assert whole.seen == []


async def test_content_of_answers_from_here_passes_too(filtered: Any) -> None:
    """An error page would be the one page that is not compressed."""
    gateway = await filtered(Doubles("response"), Refuses(Reply(200, content=b"ab")))
    head, content = await read_response(await gateway.ask(GET))
    assert content == b"aabb!"
    assert b"Content-Length: 5\r\n" in head


async def test_websockets_pass_by(filtered: Any, endpoint: Endpoint) -> None:
    """A filter would wait for the end of a conversation."""
    whole = Whole("response", lambda content: None)
    gateway = await filtered(Marks(b"a"), Doubles("request"), whole, websocket=Websocket())
    client = await gateway.ask(HANDSHAKE)
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(UPGRADED)
    assert ways(await client.read_head()) == [b"a"]
    await client.send(b"ping")
    assert await upstream.read(4) == b"ping"
    await upstream.send(b"pong")
    assert await client.read(4) == b"pong"


async def test_a_retried_request_is_not_filtered_again(filtered: Any, endpoint: Endpoint) -> None:
    """Content would be doubled twice, and a filter count one request as two."""
    told: list[str] = []
    gateway = await filtered(
        Marks(b"a", told),
        Doubles("request"),
        ports=(refusing_port(), endpoint.port),
        retries=RetryRules(backoff=(0, 0)),
    )
    client = await gateway.ask(b"PUT / HTTP/1.1\r\n%bContent-Length: 2\r\n\r\nab" % HOST)
    upstream = await endpoint.accept()
    assert (await upstream.read_until(b"\r\n0\r\n\r\n")).endswith(b"\r\n5\r\naabb!\r\n0\r\n\r\n")
    await upstream.send(OK)
    assert (await read_response(client))[1] == b"hi"
    assert told == [">a", "<a", ".a"]


async def test_a_filter_for_attempts_sees_each_of_them(filtered: Any, endpoint: Endpoint) -> None:
    """A signature with a time or an endpoint in it would be that of the attempt before."""
    gateway = await filtered(PerAttempt(), retries=RetryRules(backoff=(0, 0)))
    client = await gateway.ask(GET)
    upstream = await endpoint.accept()
    assert b"X-Attempt: 1\r\nX-Seen: 1\r\n" in await upstream.read_head()
    await upstream.send(b"HTTP/1.1 503 Unwell\r\nContent-Length: 0\r\n\r\n")
    head = await upstream.read_head()
    assert head.count(b"X-Attempt") == head.count(b"X-Seen") == 1
    assert b"X-Attempt: 2\r\nX-Seen: 2\r\n" in head
    await upstream.send(OK)
    head, _ = await read_response(client)
    assert b"X-Attempts: 2\r\n" in head


# -- failures, and what is only watched --------------------------------------------------------------------------------


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("hook", ["on_request", "on_response"])
async def test_a_broken_filter_that_shapes_is_skipped(
    filtered: Any, endpoint: Endpoint, hook: str, waits: bool
) -> None:
    """A mistake in what adds a field would take the whole route down."""
    gateway = await filtered(Marks(b"a"), Fails(hook, waits=waits), Marks(b"b"))
    client = await gateway.ask(GET)
    await answer(await endpoint.accept())
    head, content = await read_response(client)
    assert (ways(head), content) == ([b"b", b"a"], b"hi")
    await until(lambda: gateway.records)
    assert "fails failed" in str(gateway.records[-1].line["notes"])
    counters = gateway.plane.take().counters
    assert counters["orion_filter_decisions_total", ("all", "fails", "failed", "true")] == 1


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("hook", ["on_request", "on_response"])
async def test_a_broken_filter_that_decides_refuses(filtered: Any, endpoint: Endpoint, hook: str, waits: bool) -> None:
    """A guard that has fallen over would let everybody in."""
    gateway = await filtered(Marks(b"a"), Fails(hook, decides=True, waits=waits), Marks(b"b"))
    client = await gateway.ask(GET)
    if hook == "on_response":
        await answer(await endpoint.accept())
    head, _ = await read_response(client)
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"a" in ways(head)
    if hook == "on_request":
        assert not endpoint.has_visitor()


class GivesUp(Filter):
    """Waits for something that somebody else cancels."""

    decides = True

    def __init__(self, hook: str) -> None:
        self.hook = hook
        self.request_body = buffered(100)

    def on_request(self, exchange: Exchange) -> Any:
        return self._wait() if self.hook == "on_request" else None

    def on_response(self, exchange: Exchange) -> Any:
        return self._wait() if self.hook == "on_response" else None

    def on_request_body(self, exchange: Exchange, content: bytes) -> Any:
        return self._wait() if self.hook == "on_request_body" else None

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        gone: asyncio.Future[None] = loop.create_future()
        loop.call_soon(gone.cancel)
        await gone


@pytest.mark.parametrize("hook", ["on_request", "on_response", "on_request_body"])
async def test_a_hook_whose_own_work_was_cancelled_has_failed(filtered: Any, endpoint: Endpoint, hook: str) -> None:
    """The client would wait for ever: nobody would go on with its exchange."""
    gateway = await filtered(GivesUp(hook))
    client = await gateway.ask(post(3) + b"abc" if hook == "on_request_body" else GET)
    if hook == "on_response":
        await answer(await endpoint.accept())
    async with asyncio.timeout(5):
        head, _ = await read_response(client)
    assert head.startswith(b"HTTP/1.1 503 ")


async def test_a_filter_that_fails_at_the_end_hurts_nobody(filtered: Any, endpoint: Endpoint) -> None:
    """The exchange would never be recorded."""
    told: list[str] = []
    gateway = await filtered(Fails("on_end"), Marks(b"a", told))
    client = await gateway.ask(GET)
    await answer(await endpoint.accept())
    assert (await read_response(client))[1] == b"hi"
    await until(lambda: gateway.records)
    assert told[-1] == ".a"


async def test_a_verdict_that_is_not_enforced_is_counted_and_shown(
    filtered: Any, endpoint: Endpoint, monkeypatch: Any
) -> None:
    """Nobody would know whom a new rule hits before it does."""
    gateway = await filtered(use(monkeypatch, Refuses(), "guard", enforce=False))
    client = await gateway.ask(b"GET /secret?token=1 HTTP/1.1\r\n%b\r\n" % HOST)
    await answer(await endpoint.accept())
    assert (await read_response(client))[1] == b"hi"
    await until(lambda: gateway.records)
    assert gateway.records[-1].line["notes"] == "guard would have answered 403"
    counters = gateway.plane.take().counters
    assert counters["orion_filter_decisions_total", ("all", "guard", "refused", "false")] == 1
    ((route, name, report),) = gateway.plane.take_reports()
    assert (route, name) == ("all", "guard")
    assert report.document() == {
        "would_refuse": 1,
        "statuses": {"403": 1},
        "clients": [{"client": "127.0.0.1", "refused": 1}],
        "other_clients_refused": 0,
        "latest": "GET /secret",
    }
    assert gateway.plane.take_reports() == []


class JudgesContent(Filter):
    """Refuses content, or falls over it."""

    decides = True

    def __init__(self, *, is_broken: bool = False) -> None:
        self.request_body = buffered(100)
        self.is_broken = is_broken

    def on_request_body(self, exchange: Exchange, content: bytes) -> Rewritten:
        if self.is_broken:
            raise ValueError("the filter is broken")
        return Reply(422)


@pytest.mark.parametrize(("is_broken", "status"), [(False, "422"), (True, "503")])
async def test_a_verdict_about_content_that_is_not_enforced_lets_it_pass(
    filtered: Any, endpoint: Endpoint, monkeypatch: Any, is_broken: bool, status: str
) -> None:
    """A rule on trial would refuse clients all the same, and nobody would see how many."""
    gateway = await filtered(use(monkeypatch, JudgesContent(is_broken=is_broken), "guard", enforce=False))
    client = await gateway.ask(post(3) + b"abc")
    wire = await endpoint.accept()
    assert b"Content-Length: 3\r\n" in await wire.read_head()
    assert await wire.read(3) == b"abc"
    await wire.send(OK)
    assert (await read_response(client))[1] == b"hi"
    counters = gateway.plane.take().counters
    assert counters["orion_filter_decisions_total", ("all", "guard", "refused", "false")] == 1
    ((_, _, report),) = gateway.plane.take_reports()
    assert report.document()["statuses"] == {status: 1}


async def test_a_verdict_about_content_is_counted(filtered: Any) -> None:
    """A guard would look as if it had let everybody pass."""
    gateway = await filtered(JudgesContent())
    head, _ = await read_response(await gateway.ask(post(3) + b"abc"))
    assert head.startswith(b"HTTP/1.1 422 ")
    counters = gateway.plane.take().counters
    assert counters["orion_filter_decisions_total", ("all", "judgescontent", "refused", "true")] == 1


async def test_a_guard_on_trial_that_fails_on_the_way_back_refuses_nothing(
    filtered: Any, endpoint: Endpoint, monkeypatch: Any
) -> None:
    """A rule on trial would take the service down when it falls over."""
    guard = use(monkeypatch, Fails("on_response", decides=True), "guard", enforce=False)
    gateway = await filtered(guard)
    client = await gateway.ask(GET)
    await answer(await endpoint.accept())
    head, content = await read_response(client)
    assert (head.split()[1], content) == (b"200", b"hi")


async def test_decisions_are_counted(filtered: Any, endpoint: Endpoint) -> None:
    """Nobody would see that a filter refuses every second client."""
    refuses = Refuses()
    gateway = await filtered(refuses)
    await read_response(await gateway.ask(GET))
    refuses.reply = None  # type: ignore[assignment]
    client = await gateway.ask(GET)
    await answer(await endpoint.accept())
    await read_response(client)
    counters = gateway.plane.take().counters
    assert counters["orion_filter_decisions_total", ("all", "refuses", "refused", "true")] == 1
    assert counters["orion_filter_decisions_total", ("all", "refuses", "allowed", "true")] == 1


# -- what comes at the wrong time --------------------------------------------------------------------------------------


async def test_content_that_is_refused_as_it_comes_with_the_head_reaches_no_endpoint(
    filtered: Any, endpoint: Endpoint
) -> None:
    """The guard would say no, and the request would go its way all the same."""

    class Objects(BodyStream):
        def feed(self, pieces: Sequence[Content]) -> Any:
            raise Refused(Reply(422, message="No."))

    class Judges(Filter):
        request_body = STREAM

        def open_request(self, exchange: Exchange) -> BodyStream:
            return Objects()

    gateway = await filtered(Judges())
    client = await gateway.ask(post(4) + b"abcd" + post(4) + b"abcd")
    for _ in range(2):
        head, _ = await read_response(client)
        assert head.startswith(b"HTTP/1.1 422 ")
    await settle()
    assert not endpoint.has_visitor()
    assert gateway.counts()["busy"] == 0
    assert len(gateway.records) == 2


async def test_content_that_is_refused_after_its_head_was_held_is_answered_once(
    filtered: Any, endpoint: Endpoint
) -> None:
    """The second answer would be taken for the one to the next request of the connection."""

    class WaitsOnce(Waits):
        async def on_response(self, exchange: Exchange) -> None:
            if not self.gates:
                await self._wait()

    waits = WaitsOnce(back=True)
    gateway = await filtered(waits, Whole("response", lambda content: None, limit=1))
    client = await gateway.ask(GET)
    await answer(await endpoint.accept())
    await until(lambda: waits.gates)
    waits.gates[0].set_result(None)
    head, _ = await read_response(client)
    assert head.startswith(b"HTTP/1.1 502 ")
    await settle()
    assert client.peek() == b""
    assert len(gateway.records) == 1


async def test_a_connection_that_is_owed_content_by_a_filter_is_not_used_again(
    filtered: Any, endpoint: Endpoint
) -> None:
    """The endpoint would read the next request, of somebody else, as the rest of this one's content."""
    doubles = Doubles("request", waits=True)
    gateway = await filtered(doubles)
    client = await gateway.ask(post(2) + b"ab")
    upstream = await endpoint.accept()
    await upstream.read_head()
    await until(lambda: doubles.streams and doubles.streams[0].gates)
    await upstream.send(OK)
    assert (await read_response(client))[1] == b"hi"
    await until(lambda: gateway.records)
    assert gateway.counts()["idle"] == 0
    assert await upstream.read_to_end() == b""


async def test_content_that_comes_while_a_refusal_waits_is_read_away(filtered: Any, endpoint: Endpoint) -> None:
    """The connection would break instead of saying why the content is refused."""

    class Objects(BodyStream):
        def feed(self, pieces: Sequence[Content]) -> Any:
            raise Refused(Reply(422, message="No."))

    class Judges(Filter):
        request_body = STREAM

        def open_request(self, exchange: Exchange) -> BodyStream:
            return Objects()

    waits = Waits(back=True)
    gateway = await filtered(waits, Judges())
    client = await gateway.ask(post(4) + b"ab")
    await until(lambda: waits.gates)
    await client.send(b"cd" + GET)
    await settle()
    waits.gates[0].set_result(None)
    head, _ = await read_response(client)
    assert head.startswith(b"HTTP/1.1 422 ")
    await answer(await endpoint.accept())
    await until(lambda: len(waits.gates) == 2)
    waits.gates[1].set_result(None)
    assert (await read_response(client))[1] == b"hi"


async def test_an_answer_from_here_does_not_wait_for_its_filters_for_ever(filtered: Any, endpoint: Endpoint) -> None:
    """The error that says that the time is over would wait for the same filter again."""
    told: list[str] = []
    waits = Waits(back=True)
    gateway = await filtered(Marks(b"a", told), waits, timeouts=UpstreamTimeouts(total=5.0))
    client = await gateway.ask(GET)
    await answer(await endpoint.accept())
    await until(lambda: waits.gates)
    gateway.pass_time(6)
    await until(lambda: len(waits.gates) == 2)
    gateway.pass_time(1)
    head, _ = await read_response(client)
    assert head.startswith(b"HTTP/1.1 504 ")
    await until(lambda: waits.gates[1].cancelled())
    assert told == [">a", ".a"]
    assert len(gateway.records) == 1


async def test_what_is_cut_at_the_end_of_a_drain_waits_for_no_filter(filtered: Any, endpoint: Endpoint) -> None:
    """The log would say that the client left, when it was sent away."""
    waits = Waits(back=True)
    gateway = await filtered(waits)
    await gateway.ask(GET)
    await answer(await endpoint.accept())
    await until(lambda: waits.gates)
    gateway.connection.abort()
    await until(lambda: gateway.records)
    assert gateway.records[-1].reason is Reason.DRAIN_CUT
    assert len(waits.gates) == 1


async def test_a_client_that_leaves_while_a_filter_holds_its_answer_is_logged_as_gone(
    filtered: Any, endpoint: Endpoint
) -> None:
    """The log would count answers as given that nobody got."""
    waits = Waits(back=True)
    gateway = await filtered(waits)
    client = await gateway.ask(GET)
    await answer(await endpoint.accept())
    await until(lambda: waits.gates)
    client.close()
    await until(lambda: gateway.records)
    assert gateway.records[-1].line["status"] == 499
    assert gateway.records[-1].reason is Reason.CLIENT_GONE


@pytest.mark.parametrize("direction", ["request", "response"])
@pytest.mark.parametrize("hook", ["open", "wants"])
@pytest.mark.parametrize("decides", [False, True])
async def test_a_filter_that_fails_to_say_whether_it_wants_content_is_as_any_that_fails(
    filtered: Any, endpoint: Endpoint, direction: str, hook: str, decides: bool
) -> None:
    """The endpoint would be blamed for it, or a mistake in what shapes would take the route down."""

    class Broken(Filter):
        def __init__(self) -> None:
            self.decides = decides  # type: ignore[misc]
            need = STREAM if hook == "open" else buffered(100)
            if direction == "request":
                self.request_body = need
            else:
                self.response_body = need

        def _fail(self, exchange: Exchange) -> Any:
            raise ValueError("the filter is broken")

        open_request = open_response = wants_request = wants_response = _fail

    gateway = await filtered(Marks(b"a"), Broken())
    client = await gateway.ask(post(2) + b"ab")
    if not decides or direction == "response":
        upstream = await endpoint.accept()
        await upstream.read_head()
        assert await upstream.read(2) == b"ab"
        await upstream.send(OK)
    head, content = await read_response(client)
    assert ways(head) == [b"a"]
    if decides:
        assert head.startswith(b"HTTP/1.1 503 ")
    else:
        assert content == b"hi"
    await until(lambda: gateway.records)
    assert "broken failed" in str(gateway.records[-1].line["notes"])


async def test_a_field_of_a_refusal_by_content_cannot_break_out_of_its_line(filtered: Any, endpoint: Endpoint) -> None:
    """The client would wait for an answer that nobody gives any more."""
    gateway = await filtered(Whole("response", lambda content: Reply(422, ((b"X-A", b"1\r\nX-B: 2"),))))
    client = await gateway.ask(GET)
    await answer(await endpoint.accept())
    head, _ = await read_response(client)
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"X-B" not in head


async def test_content_of_an_answer_passes_no_filter_that_the_request_did_not_pass(filtered: Any) -> None:
    """A filter would see the answer to a request that it never saw."""
    gateway = await filtered(Refuses(Reply(403, (), b"no")), Doubles("response"), Whole("response", lambda _: b"yes"))
    _, content = await read_response(await gateway.ask(GET))
    assert content == b"no"


@pytest.mark.parametrize("direction", ["request", "response"])
async def test_nothing_is_kept_of_content_when_the_exchange_has_ended(
    filtered: Any, endpoint: Endpoint, direction: str
) -> None:
    """Each large document would stay in memory until the collector comes, which looks seldom."""
    whole = Whole(direction, lambda content: None)
    gateway = await filtered(whole, Doubles(direction))
    gc.collect()
    gc.disable()
    try:
        client = await gateway.ask(post(2) + b"ab")
        upstream = await endpoint.accept()
        await upstream.read_head()
        await upstream.send(OK)
        await read_response(client)
        await until(lambda: gateway.records)
        await settle()
        pipes = [one for one in gc.get_objects() if type(one).__name__ in ("_Pipe", "Filtering", "_Gathering")]
        assert pipes == []
    finally:
        gc.enable()


async def test_time_that_a_filter_takes_is_not_held_against_the_endpoint(filtered: Any, endpoint: Endpoint) -> None:
    """A slow filter would open the circuit of a service that answers well, and have its endpoints ejected."""
    waits = Waits(back=True)
    gateway = await filtered(waits, timeouts=UpstreamTimeouts(total=5.0))
    await gateway.ask(GET)
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await until(lambda: waits.gates)
    gateway.pass_time(6)
    await until(lambda: len(waits.gates) == 2)
    counters = gateway.plane.take().counters
    labels = [key[1] for key in counters if key[0] == "orion_upstream_attempts_total"]
    assert labels == [("users", "abandoned", "http_response_timeout")]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("direction", ["request", "response"])
async def test_a_verdict_about_content_that_is_not_enforced_is_counted_only(
    filtered: Any, endpoint: Endpoint, monkeypatch: Any, direction: str, fails: bool
) -> None:
    """A rule that is only being tried out would refuse what its users send."""

    def judge(content: bytes) -> Reply:
        if fails:
            raise ValueError("the filter is broken")
        return Reply(422)

    guard = Whole(direction, judge)
    guard.decides = True  # type: ignore[misc]
    gateway = await filtered(use(monkeypatch, guard, "guard", enforce=False))
    client = await gateway.ask(post(2) + b"ab")
    upstream = await endpoint.accept()
    await upstream.read_head()
    assert await upstream.read(2) == b"ab"
    await upstream.send(OK)
    assert (await read_response(client))[1] == b"hi"
    await until(lambda: gateway.records)
    assert f"guard would have answered {503 if fails else 422}" in str(gateway.records[-1].line["notes"])
    counters = gateway.plane.take().counters
    assert counters["orion_filter_decisions_total", ("all", "guard", "refused", "false")] == 1


async def test_a_guard_of_responses_that_is_not_enforced_may_fail(
    filtered: Any, endpoint: Endpoint, monkeypatch: Any
) -> None:
    """A rule that is only being tried out would take the route down."""
    gateway = await filtered(use(monkeypatch, Fails("on_response", decides=True), "guard", enforce=False))
    client = await gateway.ask(GET)
    await answer(await endpoint.accept())
    assert (await read_response(client))[1] == b"hi"
