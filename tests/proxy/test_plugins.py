"""Plug-ins on real exchanges: waiting, failing, blocking, left out, and counted."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest

from orion_gateway.filters.budget_watch import WatchRules
from orion_gateway.filters.filter import Fetch, Fetched
from orion_gateway.filters.plugin_report import PluginReport
from orion_gateway.filters.plugin_rules import PluginRules
from orion_gateway.values import FilterUse, Route, RouteMatch, ToService
from tests.harness.gateway import make_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint

SOURCE = """
import asyncio
import threading

from orion_gateway.plugins import Plugin, Response, buffered

release = threading.Event()


class Greeter(Plugin):
    def on_request(self, request):
        if request.path == "/hello":
            return Response(json={"hello": request.query.get("name", "nobody")}, headers={"X-By": "plugin"})
        request.headers["X-Greeted"] = f"{request.method} {request.remote} {request.route} {request.url.host}"
        request["greeted"] = True

    def on_response(self, request, response):
        response.headers["X-Seen"] = f"{response.status} {request.get('greeted', False)}"


class Waiter(Plugin):
    decides = True

    async def on_request(self, request):
        async with asyncio.timeout(30):
            await self.gateway.run(lambda: None)
        if request.path == "/no":
            return Response(403, message="Not you.")
        request.headers["X-Waited"] = "yes"

    async def on_response(self, request, response):
        await asyncio.sleep(0)
        response.headers["X-Waited"] = "back"


class Broken(Plugin):
    def on_request(self, request):
        raise RuntimeError("broken")


class BrokenGuard(Broken):
    decides = True


class Sleeper(Plugin):
    async def on_request(self, request):
        await asyncio.sleep(3600)


class Blocker(Plugin):
    def on_request(self, request):
        release.wait(30)


class Upper(Plugin):
    request_body = buffered(1000)
    response_body = buffered(1000)

    async def on_request_body(self, request):
        return (await request.text()).upper()

    async def on_response_body(self, request, response):
        await asyncio.sleep(0)
        return response.body[::-1]
"""

HOST = b"Host: www.example.org\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[str]:
    """Where the plug-ins are."""
    (tmp_path / "plugins_at_work.py").write_text(SOURCE)
    path = list(sys.path)
    yield str(tmp_path)
    sys.modules.pop("plugins_at_work", None)
    sys.path[:] = path


def make_route(folder: str, name: str, **rules: object) -> Route:
    plugin = PluginRules(use=f"plugins_at_work:{name}", folder=folder, **rules)  # type: ignore[arg-type]
    use = FilterUse("plugin", plugin, "mine")
    return Route("all", RouteMatch(path="/**"), ToService("users"), filters=(use,))


@pytest.fixture
async def start(start_gateway: StartGateway, endpoint: Endpoint, folder: str):  # type: ignore[no-untyped-def]
    """Start a gateway with one plug-in on its only route."""
    started: list[Gateway] = []

    async def begin(name: str, **rules: object) -> Gateway:
        gateway = await start_gateway(make_service(endpoint.port), routes=[make_route(folder, name, **rules)])
        started.append(gateway)
        return gateway

    yield begin
    for gateway in started:
        gateway.plane.close_filters()


async def test_a_plug_in_sees_and_edits_both_heads(start, endpoint: Endpoint) -> None:  # type: ignore[no-untyped-def]
    """The views would work in tests of plug-ins, and not in the gateway."""
    gateway = await start("Greeter")
    client = await gateway.ask(b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n")
    upstream = await endpoint.accept()
    head = await upstream.read_head()
    assert b"X-Greeted: GET 127.0.0.1 all www.example.org\r\n" in head
    await upstream.send(OK)
    assert b"X-Seen: 200 True\r\n" in await client.read_head()
    assert await client.read(2) == b"hi"
    await client.send(b"GET /hello?name=you HTTP/1.1\r\n" + HOST + b"\r\n")
    head = await client.read_head()
    assert head.startswith(b"HTTP/1.1 200")
    assert b"X-By: plugin\r\n" in head
    assert b"X-Seen: 200 False\r\n" in head
    assert await client.read(15) == b'{"hello":"you"}'


async def test_a_plug_in_may_wait_there_and_back(start, endpoint: Endpoint) -> None:  # type: ignore[no-untyped-def]
    """A coroutine would block everybody, or never go on."""
    gateway = await start("Waiter")
    client = await gateway.ask(b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n")
    upstream = await endpoint.accept()
    assert b"X-Waited: yes\r\n" in await upstream.read_head()
    await upstream.send(OK)
    assert b"X-Waited: back\r\n" in await client.read_head()
    assert await client.read(2) == b"hi"
    await client.send(b"GET /no HTTP/1.1\r\n" + HOST + b"\r\n")
    head = await client.read_head()
    assert head.startswith(b"HTTP/1.1 403")
    counters = gateway.plane.take().counters
    assert counters["orion_filter_decisions_total", ("all", "mine", "refused", "true")] == 1
    assert counters["orion_plugin_calls_total", ("all", "mine")] == 4
    assert counters["orion_plugin_seconds_total", ("all", "mine")] > 0


async def test_content_passes_a_plug_in_whole(start, endpoint: Endpoint) -> None:  # type: ignore[no-untyped-def]
    """What is changed would go out with the old length."""
    gateway = await start("Upper")
    client = await gateway.ask(b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc")
    upstream = await endpoint.accept()
    assert b"Content-Length: 3\r\n" in await upstream.read_head()
    assert await upstream.read(3) == b"ABC"
    await upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n12\r\n3\r\n345\r\n0\r\n\r\n")
    assert b"Content-Length: 5\r\n" in await client.read_head()
    assert await client.read(5) == b"54321"


@pytest.mark.parametrize(("name", "status"), [("Broken", b"200"), ("BrokenGuard", b"503")])
async def test_a_disabled_plug_in_is_skipped_or_refuses(  # type: ignore[no-untyped-def]
    start, endpoint: Endpoint, name: str, status: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken plug-in would be called on and on, or a broken guard would let everybody in."""
    gateway = await start(name, watch=WatchRules(in_a_row=2))
    client = await gateway.connect()
    upstream = None
    for _ in range(4):
        await client.send(b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n")
        if status == b"200":
            upstream = upstream or await endpoint.accept()
            await upstream.read_head()
            await upstream.send(OK)
        head = await client.read_head()
        assert head.startswith(b"HTTP/1.1 " + status)
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await client.read(length)
    ((route, filter_name, report),) = [
        told for told in gateway.plane.take_reports() if isinstance(told[2], PluginReport)
    ]
    assert (route, filter_name) == ("all", "mine")
    document = report.document()
    assert (document["calls"], document["failures"], document["left_out"]) == (2, 2, 2)
    assert document["reason"] == "RuntimeError"
    assert capsys.readouterr().out.count("a plug-in was disabled") == 1
    if status == b"503":
        assert b"Retry-After: 60\r\n" in head


async def test_a_hook_that_waits_too_long_is_given_up(start, endpoint: Endpoint) -> None:  # type: ignore[no-untyped-def]
    """A request would hang for as long as the plug-in likes."""
    gateway = await start("Sleeper", timeout=0.01)
    client = await gateway.ask(b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n")
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(OK)
    assert (await client.read_head()).startswith(b"HTTP/1.1 200")
    counters = gateway.plane.take().counters
    assert counters["orion_filter_decisions_total", ("all", "mine", "failed", "true")] == 1


async def test_a_plug_in_that_blocks_the_loop_is_named_while_it_does(  # type: ignore[no-untyped-def]
    start, endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everybody would be slow, and nobody would know why."""
    gateway = await start("Blocker", blocked=0.001)
    module = sys.modules["plugins_at_work"]
    told = threading.Event()
    (step,) = gateway.plane.live[0].chain.steps
    warn = step.filter._warn_blocked

    def release(*arguments: object) -> None:
        warn(*arguments)
        told.set()
        module.release.set()

    step.filter._warn_blocked = release
    client = await gateway.ask(b"GET /x HTTP/1.1\r\n" + HOST + b"\r\n")
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(OK)
    assert (await client.read_head()).startswith(b"HTTP/1.1 200")
    assert told.is_set()
    out = capsys.readouterr().out
    assert "a plug-in blocks the event loop" in out
    assert "plugins_at_work:Blocker" in out
    assert "in on_request: release.wait(30)" in out
    assert gateway.plane.take().counters["orion_plugin_overruns_total", ("all", "mine")] in (0, 1)


def test_what_plug_ins_may_fetch_is_what_filters_may_fetch() -> None:
    """A plug-in's author would have to import from the insides of the gateway."""
    from orion_gateway import plugins

    assert (plugins.Fetch, plugins.Fetched) == (Fetch, Fetched)
