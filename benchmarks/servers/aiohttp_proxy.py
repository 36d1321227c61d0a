"""A proxy as one writes it with aiohttp in an afternoon: a handler, a client session, content streamed both ways.

Like the other proxies it adds a request id and forwarded fields and writes an access log when it is told to; uvloop
runs it, as it runs Orion. Run as `python aiohttp_proxy.py SETTINGS`, a file of JSON (`Settings`).
"""

from __future__ import annotations

import json
import logging
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")  # RFC 9110, 7.6.1
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where it listens, whom it asks (a URL without path), what it does besides, and the path prefixes it takes."""

    port: int
    upstream: str
    adds_fields: bool
    access_log: str | None
    routes: list[str]


SETTINGS = web.AppKey("settings", Settings)
SESSION = web.AppKey("session", ClientSession)


def copy_fields(fields: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the fields that concern the other side too."""
    return CIMultiDict((name, value) for name, value in fields.items() if name.lower() not in HOP_BY_HOP)


def add_fields(fields: CIMultiDict[str], request: web.Request, request_id: str) -> None:
    """Add what every peer adds."""
    remote, host = request.remote or "", request.host
    fields["Via"] = "1.1 aiohttp"
    fields["Forwarded"] = f'for={remote};host="{host}";proto={request.scheme}'
    fields["X-Forwarded-For"] = remote
    fields["X-Forwarded-Proto"] = request.scheme
    fields["X-Forwarded-Host"] = host
    fields["X-Forwarded-Port"] = str(request.url.port)
    fields["X-Request-Id"] = request_id
    fields["traceparent"] = f"00-{request_id}-{request_id[:16]}-01"


async def forward(request: web.Request) -> web.StreamResponse:
    """Ask the upstream and stream its answer."""
    settings = request.app[SETTINGS]
    fields = copy_fields(request.headers)
    request_id = uuid.uuid4().hex
    if settings.adds_fields:
        add_fields(fields, request, request_id)
    async with request.app[SESSION].request(
        request.method,
        URL(settings.upstream + request.raw_path, encoded=True),
        headers=fields,
        data=request.content if request.can_read_body else None,
        allow_redirects=False,
    ) as answer:
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=copy_fields(answer.headers))
        if settings.adds_fields:
            response.headers["X-Request-Id"] = request_id
        await response.prepare(request)
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
        return response


async def keep_session(app: web.Application) -> AsyncIterator[None]:
    """Hold the one client session while the application runs."""
    async with ClientSession(
        connector=TCPConnector(limit=0), cookie_jar=DummyCookieJar(), auto_decompress=False
    ) as session:
        app[SESSION] = session
        yield


def main(path: str) -> None:
    """Serve until SIGTERM."""
    settings = Settings(**json.loads(Path(path).read_text()))
    logger = None
    if settings.access_log:
        logger = logging.getLogger("aiohttp.access")
        logger.setLevel(logging.INFO)
        logger.addHandler(logging.FileHandler(settings.access_log))
    app = web.Application()
    app[SETTINGS] = settings
    app.cleanup_ctx.append(keep_session)
    for prefix in settings.routes:
        app.router.add_route("*", f"{prefix}/{{path:.*}}", forward)
    loop = uvloop.new_event_loop()
    web.run_app(app, host="127.0.0.1", port=settings.port, backlog=4096, access_log=logger, print=None, loop=loop)


if __name__ == "__main__":
    main(sys.argv[1])
