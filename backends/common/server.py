"""Run an application: listen, say where, and stop gracefully when asked to.

Decides what aiohttp leaves open: how long idle connections live, no access log (the gateway has one), no version in
the Server field, and our error body even for bytes that are no request. Tests run applications through `running` too.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import structlog
import uvloop
from aiohttp import web
from aiohttp.web_request import BaseRequest

from .correlation import REQUEST_ID, choose_correlation_id
from .errors import ApiError, error_body
from .log import configure_log
from .replies import json_bytes
from .settings import Settings, load_settings
from .start import CannotStartError

KEEP_ALIVE = 75.0
"""Seconds an idle connection is kept: longer than the gateway keeps its own, so that the gateway closes first."""

STOP_TIMEOUT = 10.0
"""Seconds that requests in flight get when the program stops."""

SERVER = "orion"
"""The Server field: a name, no versions."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

# Bodies stay as they were sent: `reading` refuses content codings instead of unpacking bombs.
CONNECTION_OPTIONS: dict[str, Any] = {"keepalive_timeout": KEEP_ALIVE, "access_log": None, "auto_decompress": False}

log = structlog.get_logger()


class Connection(web.RequestHandler):
    """A client's connection that answers what aiohttp cannot parse with our error body."""

    __slots__ = ()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that never reached the application, and close the connection."""
        log.debug("request refused by the parser", status=status, error=message or str(exc))
        correlation_id = choose_correlation_id([])
        phrase = HTTPStatus(status).phrase
        error = ApiError(status, f"{phrase}: this is not a request we can read", code=phrase.lower().replace(" ", "_"))
        response = web.Response(
            body=json_bytes(error_body(error, request.rel_url.raw_path, correlation_id)),
            status=status,
            headers={REQUEST_ID: correlation_id, "Server": SERVER},
            content_type="application/json",
        )
        response.force_close()
        return response


async def _name_server(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER


@asynccontextmanager
async def running(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Serve an application while the block runs; yield its URL. Port 0 lets the system choose.

    When the block ends, nothing new is accepted and requests in flight get `STOP_TIMEOUT` seconds.
    Raises `CannotStartError` when the address cannot be bound or the application cannot start.
    """
    app.on_response_prepare.append(_name_server)
    runner = web.AppRunner(app, shutdown_timeout=STOP_TIMEOUT)
    loop = asyncio.get_running_loop()
    try:
        await runner.setup()
        assert runner.server is not None
        server = runner.server
        listening = await _listen(lambda: Connection(server, loop=loop, **CONNECTION_OPTIONS), host, port)
        try:
            bound_host, bound_port = listening.sockets[0].getsockname()[:2]
            yield f"http://[{bound_host}]:{bound_port}" if ":" in bound_host else f"http://{bound_host}:{bound_port}"
        finally:
            listening.close()
    finally:
        await runner.cleanup()


async def _listen(make_connection: Callable[[], Connection], host: str, port: int) -> asyncio.Server:
    try:
        return await asyncio.get_running_loop().create_server(make_connection, host, port)
    except OSError as error:
        raise CannotStartError(f"it cannot listen on {host} port {port}: {error.strerror or error}") from error


def serve(settings_type: type[Settings], build_app: Callable[[Settings], web.Application]) -> int:
    """Run a backend until SIGTERM or SIGINT; return its exit code: 0 when it was stopped, 1 when it could not start.

    A second signal ends the program at once.
    """
    try:
        settings = load_settings(settings_type)
        configure_log(settings.log_level, settings.service)
        uvloop.run(_serve(settings, build_app(settings)))
    except CannotStartError as error:
        print(f"{settings_type.service} cannot start: {error}", file=sys.stderr)  # noqa: T201 - for a person, before any log
        return 1
    return 0


async def _serve(settings: Settings, app: web.Application) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    async with running(app, settings.host, settings.port) as url:
        log.info("listening", url=url)
        await stop.wait()
    log.info("stopped")


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def stop_on(received: signal.Signals) -> None:
        for each in STOP_SIGNALS:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        # Said only now: whoever reads it may send the second signal at once.
        log.info("stopping", signal=received.name)
        stop.set()

    for each in STOP_SIGNALS:
        loop.add_signal_handler(each, stop_on, each)
