"""A proxy as one writes it with aiohttp in an afternoon: a handler, a client session, content streamed both ways.

Like the other proxies it adds a request id and forwarded fields and writes an access log; uvloop runs it, as it runs
Orion. Run as `python aiohttp_proxy.py PORT UPSTREAM_PORT ACCESS_LOG`.
"""

from __future__ import annotations

import logging
import sys
import uuid
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
UPSTREAM = web.AppKey("upstream", str)
SESSION = web.AppKey("session", ClientSession)


def copy_fields(fields: Mapping[str, str]) -> CIMultiDict[str]:
    """Return the fields that concern the other side too."""
    return CIMultiDict((name, value) for name, value in fields.items() if name.lower() not in HOP_BY_HOP)


async def forward(request: web.Request) -> web.StreamResponse:
    """Ask the upstream and stream its answer."""
    request_id = uuid.uuid4().hex
    remote, host = request.remote or "", request.host
    fields = copy_fields(request.headers)
    fields["Via"] = "1.1 aiohttp"
    fields["Forwarded"] = f'for={remote};host="{host}";proto={request.scheme}'
    fields["X-Forwarded-For"] = remote
    fields["X-Forwarded-Proto"] = request.scheme
    fields["X-Forwarded-Host"] = host
    fields["X-Forwarded-Port"] = str(request.url.port)
    fields["X-Request-Id"] = request_id
    fields["traceparent"] = f"00-{request_id}-{request_id[:16]}-01"
    async with request.app[SESSION].request(
        request.method,
        URL(request.app[UPSTREAM] + request.raw_path, encoded=True),
        headers=fields,
        data=request.content if request.can_read_body else None,
        allow_redirects=False,
    ) as answer:
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=copy_fields(answer.headers))
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


def main(port: str, upstream_port: str, access_log: str) -> None:
    """Serve until SIGTERM."""
    logger = logging.getLogger("aiohttp.access")
    logger.setLevel(logging.INFO)
    logger.addHandler(logging.FileHandler(access_log))
    app = web.Application()
    app[UPSTREAM] = f"http://127.0.0.1:{upstream_port}"
    app.cleanup_ctx.append(keep_session)
    app.router.add_route("*", "/{path:.*}", forward)
    web.run_app(app, host="127.0.0.1", port=int(port), access_log=logger, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    main(*sys.argv[1:])
