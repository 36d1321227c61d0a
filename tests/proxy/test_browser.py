"""What a browser makes of the gateway's CORS: it is the one that judges, by the rules that it has."""

from __future__ import annotations

import asyncio
import json
import shutil
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from orion_gateway.filters.cross_origin import CorsRules
from orion_gateway.filters.fault import Abort, FaultRules
from orion_gateway.values import FilterUse
from tests.harness.gateway import make_route, make_service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.harness.fixtures import StartGateway

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
BROWSER_PATIENCE = 60.0
"""Seconds: a browser starts slowly where many tests run."""

PAGE = """<!doctype html><script type="module">
async function attempt(path, options) {
  try {
    const answer = await fetch(location.hash.slice(1) + path, options);
    return [answer.status, answer.headers.get("X-Told"), answer.headers.get("X-Untold"), await answer.text()];
  } catch (error) {
    return error.name;
  }
}
const report = {
  put: await attempt("/open", {method: "PUT", headers: {"X-Try": "1"}, credentials: "include"}),
  get: await attempt("/open", {}),
  method: await attempt("/open", {method: "DELETE"}),
  field: await attempt("/open", {method: "PUT", headers: {"X-Other": "1"}}),
  origin: await attempt("/closed", {}),
  refused: await attempt("/refusing", {credentials: "include"}),
  everybody: await attempt("/everybody", {method: "PATCH", headers: {Authorization: "Bearer x"}}),
};
await fetch("/report", {method: "POST", body: JSON.stringify(report)});
</script>
"""


@asynccontextmanager
async def browsing(url: str, profile: Path) -> AsyncIterator[None]:
    """Show a page until the block ends."""
    assert CHROMIUM is not None
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-proxy-server",
        "--no-first-run",
        "--disable-background-networking",
        f"--user-data-dir={profile}",
        url,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
async def test_a_page_of_another_origin_may_do_what_the_table_says(start_gateway: StartGateway, tmp_path: Path) -> None:
    """Everything may be as the standard has it, and no page work."""
    reported: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
    asked: list[str] = []

    async def show(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def take_report(request: web.Request) -> web.Response:
        reported.set_result(json.loads(await request.text()))
        return web.Response()

    async def serve(request: web.Request) -> web.Response:
        asked.append(f"{request.method} {request.path}")
        fields = {"X-Told": "told", "X-Untold": "untold", "Access-Control-Allow-Origin": "https://inner.example"}
        return web.Response(text="served", headers=fields)

    pages, users = web.Application(), web.Application()
    pages.add_routes([web.get("/", show), web.post("/report", take_report)])
    users.add_routes([web.route("*", "/{path:.*}", serve)])
    async with TestServer(pages) as page_server, TestServer(users) as user_server:
        assert page_server.port is not None
        assert user_server.port is not None
        origin = f"http://127.0.0.1:{page_server.port}"
        open_to_page = CorsRules((origin,), methods=("PUT",), headers=("X-Try",), expose=("X-Told",), credentials=True)
        uses = {
            "/open": [FilterUse("cors", open_to_page, "cors")],
            "/closed": [FilterUse("cors", CorsRules(("https://other.example",)), "cors")],
            "/refusing": [
                FilterUse("cors", open_to_page, "cors"),
                FilterUse("fault", FaultRules(abort=Abort(401, b"who?")), "fault"),
            ],
            "/everybody": [FilterUse("cors", CorsRules(("*",)), "cors")],
        }
        gateway = await start_gateway(
            make_service(user_server.port),
            routes=[replace(make_route(path, name=path[1:]), filters=tuple(listed)) for path, listed in uses.items()],
        )
        async with browsing(f"{origin}/#http://127.0.0.1:{gateway.port}", tmp_path), asyncio.timeout(BROWSER_PATIENCE):
            report = await reported
    assert report == {
        "put": [200, "told", None, "served"],
        "get": [200, "told", None, "served"],
        "method": "TypeError",
        "field": "TypeError",
        "origin": "TypeError",
        "refused": [401, None, None, "who?"],
        "everybody": [200, None, None, "served"],
    }
    assert asked == ["PUT /open", "GET /open", "GET /closed", "PATCH /everybody"]
