"""Active checks against real servers: what is asked, what counts as well, and that nobody waits for anybody else."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Protocol

import pytest
import pytest_asyncio
import structlog
from aiohttp import web

from orion_gateway.discovery.health_checks import HealthChecks
from orion_gateway.discovery.schedule import Limits
from orion_gateway.values import Endpoint, HealthCheck, Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

PATIENCE = 30.0
"""Seconds after which a test that waits for an event has failed; nothing takes that long."""


class Told:
    """What was told, and a way to wait for it."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, int], list[tuple[bool, str]]] = defaultdict(list)
        self._news = asyncio.Event()

    def __call__(self, service: str, endpoint: int, ok: bool, why: str) -> None:
        self.answers[service, endpoint].append((ok, why))
        self._news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until a condition about what was told holds."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def first(self, service: str, endpoint: int = 0) -> tuple[bool, str]:
        """Return the first answer of an endpoint."""
        await self.until(lambda: bool(self.answers[service, endpoint]))
        return self.answers[service, endpoint][0]


@asynccontextmanager
async def checking(
    *services: Service, told: Callable[[str, int, bool, str], None], limits: Limits | None = None
) -> AsyncIterator[None]:
    """Run the checks of these services while the block runs."""
    running = asyncio.create_task(HealthChecks(services, told, Random(1), limits).run())
    try:
        yield
    finally:
        assert not running.done(), running
        running.cancel()
        await asyncio.wait([running])


async def ask_once(endpoint: Endpoint, check: HealthCheck) -> tuple[bool, str]:
    """Return the first answer to a check."""
    told = Told()
    async with checking(Service("s", (endpoint,), health_check=check), told=told):
        return await told.first("s")


def at(port: int, host: str = "127.0.0.1", base_path: str = "") -> Endpoint:
    return Endpoint(f"http://{host}:{port}", f"{host}:{port}", host=host, port=port, base_path=base_path)


class Serve(Protocol):
    """Start an HTTP server that the test's end stops; return its port."""

    async def __call__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> int:
        """Start it."""


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> int:
            runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            return int(runner.addresses[0][1])

        yield start


class Raw:
    """A server that reads a request head and then says what a test wants, byte by byte, and closes or stays."""

    def __init__(self, answer: bytes, stays: bool) -> None:
        self.heads: list[bytes] = []
        self.lost = asyncio.Event()
        """A client that waited for more has gone."""
        self._answer = answer
        self._stays = stays

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self._answer)
            if self._stays:
                await reader.read()
                self.lost.set()
        except OSError:
            self.lost.set()
        finally:
            writer.close()


@asynccontextmanager
async def raw(answer: bytes, *, stays: bool = False, path: str = "") -> AsyncIterator[tuple[Raw, Endpoint]]:
    """Serve raw bytes, on TCP or on a Unix socket."""
    server = Raw(answer, stays)
    if path:
        listening = await asyncio.start_unix_server(server.take, path)
        endpoint = Endpoint(f"unix:{path}", "localhost", path=path)
    else:
        listening = await asyncio.start_server(server.take, "127.0.0.1", 0)
        endpoint = at(listening.sockets[0].getsockname()[1])
    try:
        yield server, endpoint
    finally:
        listening.close()


def answer_status(status: int) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def handler(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    return handler


@pytest.mark.parametrize(
    ("status", "ranges", "is_good"),
    [
        (200, ((200, 399),), True),
        (399, ((200, 399),), True),
        (400, ((200, 399),), False),
        (503, ((200, 399),), False),
        (204, ((200, 200), (204, 204)), True),
        (201, ((200, 200), (204, 204)), False),
        (404, ((200, 299), (404, 404)), True),
    ],
)
async def test_the_status_decides(
    serve: Serve, status: int, ranges: tuple[tuple[int, int], ...], is_good: bool
) -> None:
    """An endpoint that answers 503 to its check says itself that it wants no traffic."""
    port = await serve(answer_status(status))
    assert await ask_once(at(port), HealthCheck("/", statuses=ranges)) == (is_good, f"status {status}")


async def test_a_redirect_is_an_answer_and_is_not_followed(serve: Serve) -> None:
    """The endpoint was asked, and not what it points to."""
    port = await serve(answer_status(302))
    assert await ask_once(at(port), HealthCheck("/")) == (True, "status 302")
    assert await ask_once(at(port), HealthCheck("/", statuses=((200, 200),))) == (False, "status 302")


async def test_the_path_is_asked_as_it_is_written() -> None:
    """Not below the base path, and nothing of it is made nicer on the way."""
    async with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (server, endpoint):
        below = at(endpoint.port, base_path="/base")
        assert await ask_once(below, HealthCheck("/a%2Fb/../c//d?x=%7e%20y")) == (True, "status 200")
    assert server.heads[0].startswith(b"GET /a%2Fb/../c//d?x=%7e%20y HTTP/1.1\r\n")


async def test_host_is_the_endpoints_or_the_one_that_is_configured() -> None:
    """Virtual hosts behind one address have health resources of their own."""
    async with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (server, endpoint):
        await ask_once(endpoint, HealthCheck("/"))
        await ask_once(endpoint, HealthCheck("/", host="users.example"))
    assert f"\r\nHost: {endpoint.authority}\r\n".encode() in server.heads[0]
    assert b"\r\nHost: users.example\r\n" in server.heads[1]
    assert all(head.count(b"Host:") == 1 for head in server.heads)


async def test_another_port_may_be_asked(serve: Serve) -> None:
    """Many applications answer checks on a management port."""
    port = await serve(answer_status(200))
    closed = at(1)
    assert await ask_once(closed, HealthCheck("/", port=port)) == (True, "status 200")


async def test_unix_sockets_are_asked(tmp_path: Path) -> None:
    """An application on the same machine needs no port."""
    async with AsyncExitStack() as stack:
        told, services = Told(), []
        for status in (200, 503):
            answer = b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status
            _, endpoint = await stack.enter_async_context(raw(answer, path=str(tmp_path / f"{status}.sock")))
            services.append(Service(str(status), (endpoint,), health_check=HealthCheck("/")))
        await stack.enter_async_context(checking(*services, told=told))
        assert await told.first("200") == (True, "status 200")
        assert await told.first("503") == (False, "status 503")


async def test_ipv6_is_asked() -> None:
    """The brackets of a URL are not part of the address."""
    server = Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", stays=False)
    try:
        listening = await asyncio.start_server(server.take, "::1", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    async with listening:
        assert await ask_once(at(listening.sockets[0].getsockname()[1], "::1"), HealthCheck("/")) == (
            True,
            "status 200",
        )


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "connection closed without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no HTTP answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "content cut off"),
    ],
)
async def test_half_an_answer_is_none(answer: bytes, why: str) -> None:
    """People read why, and the endpoint is asked once: who fails every other time must not pass for well."""
    async with raw(answer) as (server, endpoint):
        assert await ask_once(endpoint, HealthCheck("/", interval=1000.0)) == (False, why)
        assert len(server.heads) == 1


async def test_nobody_listens(tmp_path: Path) -> None:
    """The commonest failure is told in its usual words."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refusing = at(unused.getsockname()[1])
        assert await ask_once(refusing, HealthCheck("/")) == (False, "connection refused")
    missing = Endpoint("unix:x", "localhost", path=str(tmp_path / "x.sock"))
    assert await ask_once(missing, HealthCheck("/")) == (False, "no such file or directory")
    assert await ask_once(at(80, "no such name"), HealthCheck("/", timeout=PATIENCE)) == (False, "name not resolved")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", id="half a head"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", id="half the content"),
    ],
)
async def test_the_timeout_covers_everything(answer: bytes) -> None:
    """An application that hangs accepts connections for a long time, and some get as far as half an answer."""
    async with raw(answer, stays=True) as (server, endpoint):
        check = HealthCheck("/", interval=1000.0, timeout=0.05)
        assert await ask_once(endpoint, check) == (False, "timeout after 0.05s")
        async with asyncio.timeout(PATIENCE):
            await server.lost.wait()  # and the connection is given up


async def test_content_without_end_is_not_read_to_its_end() -> None:
    """A stream, or a large page, is well by its status; the gateway does not download it every ten seconds."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
    async with raw(head + bytes(100_000), stays=True) as (server, endpoint):
        assert await ask_once(endpoint, HealthCheck("/", interval=1000.0)) == (True, "status 200")
        async with asyncio.timeout(PATIENCE):
            await server.lost.wait()


async def test_cookies_and_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check asks the endpoint itself, and each time as a stranger."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    told = Told()
    async with raw(answer) as (server, endpoint):
        service = Service("s", (endpoint,), health_check=HealthCheck("/", interval=0.02))
        async with checking(service, told=told):
            await told.until(lambda: len(told.answers["s", 0]) >= 3)
    assert set(told.answers["s", 0]) == {(True, "status 200")}
    assert not any(b"cookie" in head.lower() for head in server.heads)
    assert all(b"\r\nConnection: close\r\n" in head for head in server.heads)


async def test_a_hung_check_delays_nobody() -> None:
    """While one endpoint keeps the gateway waiting, the others are asked again and again."""
    told = Told()
    async with (
        raw(b"", stays=True) as (hung, hanging),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (_, well),
    ):
        check = HealthCheck("/", interval=0.02, timeout=1000.0)
        services = (Service("one", (hanging, well), health_check=check), Service("other", (well,), health_check=check))
        async with checking(*services, told=told):
            await told.until(lambda: all(len(told.answers[each]) >= 5 for each in (("one", 1), ("other", 0))))
        assert len(hung.heads) == 1
        assert not told.answers["one", 0]
        # Whoever stops checking leaves no connection behind.
        async with asyncio.timeout(PATIENCE):
            await hung.lost.wait()


async def test_a_thousand_endpoints_stay_within_the_limit(serve: Serve) -> None:
    """The supervisor has descriptors for other things too, and so has the server."""
    limits = Limits(at_once=40, per_service=30, per_second=1e6, burst=1000)
    arrived, release = asyncio.Event(), asyncio.Event()
    now = most = 0

    async def hold(_request: web.BaseRequest) -> web.StreamResponse:
        nonlocal now, most
        now += 1
        most = max(most, now)
        if now == limits.at_once:
            arrived.set()
        await release.wait()
        now -= 1
        return web.Response()

    port = await serve(hold)
    check = HealthCheck("/", interval=1000.0, timeout=1000.0)
    services = [Service(name, tuple(at(port) for _ in range(500)), health_check=check) for name in "ab"]
    told = Told()
    async with checking(*services, told=told, limits=limits):
        async with asyncio.timeout(PATIENCE):
            await arrived.wait()
        assert not told.answers
        release.set()
        await told.until(lambda: len(told.answers) == 1000)
    # An answer that is on its way is not in flight for the server any more, but still for the gateway.
    assert most == limits.at_once
    assert all(answers == [(True, "status 200")] for answers in told.answers.values())


async def test_what_goes_wrong_inside_one_check_ends_no_other() -> None:
    """A mistake of ours costs one verdict, and not all checks until somebody notices."""
    told = Told()

    def tell(service: str, endpoint: int, ok: bool, why: str) -> None:
        told(service, endpoint, ok, why)
        if service == "untold":
            raise RuntimeError("the one who is told has a mistake")

    async with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (_, well):
        check = HealthCheck("/", interval=0.02)
        services = (
            Service("untold", (well,), health_check=check),
            Service("crashing", (at(99_999),), health_check=check),
            Service("well", (well,), health_check=check),
        )
        with structlog.testing.capture_logs() as logs:
            async with checking(*services, told=tell):
                await told.until(lambda: min(len(told.answers[each.name, 0]) for each in services) >= 3)
    assert told.answers["crashing", 0][0] == (False, "the check crashed: ValueError")
    assert {entry["event"] for entry in logs} == {
        "a health check crashed",
        "the answer of a health check could not be used",
    }


async def test_it_is_said_when_checks_are_late() -> None:
    """Verdicts that are minutes old look like fresh ones; the log says that there are too many checks."""
    told = Told()
    async with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (_, well):
        check = HealthCheck("/", interval=0.001)
        service = Service("s", (well,) * 20, health_check=check)
        with structlog.testing.capture_logs() as logs:
            async with checking(service, told=told, limits=Limits(at_once=1, burst=1)):
                await told.until(lambda: len(told.answers) == 20)
    assert [(entry["event"], entry["service"]) for entry in logs] == [("health checks are late", "s")]


async def test_services_without_checks_are_left_alone() -> None:
    """Nobody asks what is not configured to be asked, and checking goes on until it is stopped."""
    told = Told()
    async with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (server, endpoint):
        checked = Service("b", (endpoint,), health_check=HealthCheck("/"))
        async with checking(Service("a", (endpoint,)), checked, told=told):
            await told.first("b")
        async with checking(Service("a", (endpoint,)), told=told):
            pass
    assert list(told.answers) == [("b", 0)]
    assert len(server.heads) == 1
