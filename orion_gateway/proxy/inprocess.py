"""An aiohttp application in the worker, behind the same exchange as every endpoint.

The pool connects to it through memory instead of a socket (`memory_transport`), so router, filters, limits, timeouts,
log and metrics see each of its requests. Handing a client's connection to aiohttp would let the next request of that
connection pass all of them.

What is aiohttp's own habit does not show at the edge: it names itself in no Server field, asks for content only when
the handler reads (RFC 9110, section 10.1.1), decodes no content, and its limits are wider than the gateway's, which
decide. A handler that fails is answered 500 in the gateway's words and logged with the id of the request; one whose
client leaves is cancelled.

Imported only where an application is served: aiohttp takes 10 MB.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
import traceback
from time import time
from typing import TYPE_CHECKING, Any, cast

import structlog
from aiohttp import hdrs, web, web_response
from multidict import CIMultiDict, CIMultiDictProxy

from orion_gateway.proxy.memory_transport import connect
from orion_gateway.proxy.reply import render_error
from orion_gateway.references import ReferenceFault, describe, find_reference, locate
from orion_gateway.values import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http import RawRequestMessage
    from aiohttp.streams import StreamReader
    from aiohttp.web_protocol import RequestHandler

    from orion_gateway.http1.head import HeadLimits
    from orion_gateway.proxy.upstream import ProtocolFactory
    from orion_gateway.values import ApplicationUse, Endpoint

    MakeRequest = Callable[
        [RawRequestMessage, StreamReader, RequestHandler, AbstractStreamWriter, "asyncio.Task[None]"], web.BaseRequest
    ]

_ROOM = 64 * 1024
"""Bytes by which aiohttp's limits of a head are wider than the gateway's, which adds fields and may rewrite a path."""

_ROOM_FIELDS = 64

_DEFAULT_MAX_SIZE = 1024**2
"""The `client_max_size` of an application that says nothing about it."""

_UNFINISHED = 1.0
"""Seconds that what a handler does may still take when the worker leaves."""

_CLEANUP = 4.0
"""Seconds in which an application must have left; the supervisor kills a worker that has not left within five."""

log = structlog.get_logger()


class ApplicationError(Exception):
    """An application cannot be loaded or started; the message says why, for the person who wrote it."""


async def load_application(use: ApplicationUse) -> web.Application:
    """Import the module and call the factory; raises ApplicationError."""
    try:
        factory = find_reference(use.use, use.folder)
    except ReferenceFault as fault:
        raise ApplicationError(f"{fault} ({fault.hint})" if fault.hint else str(fault)) from fault
    name = use.use.partition(":")[2]
    if not callable(factory):
        raise ApplicationError(f'"{name}" cannot be called: it is no factory of an application')
    try:
        made = factory()
        if inspect.isawaitable(made):
            made = await made
    except (Exception, SystemExit) as error:
        raise ApplicationError(f'"{name}" failed: {_tell(error)}') from error
    if not isinstance(made, web.Application):
        raise ApplicationError(f'"{name}" returned {type(made).__name__} and no aiohttp.web.Application')
    return made


def _tell(error: BaseException) -> str:
    """Return what the application's code raised, and where."""
    place = locate(error)
    return f"{describe(error)} ({place})" if place else describe(error)


class LiveApplication:
    """An application in this worker: started once, connected to by the pool, stopped once."""

    def __init__(self, use: ApplicationUse, limits: HeadLimits, is_development: bool) -> None:
        """`limits` are the gateway's own; `is_development` shows what a handler raised in the answer."""
        self.use = use
        self.is_development = is_development
        self._limits = limits
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Load it and run what it does at its start; raises ApplicationError."""
        application = await load_application(self.use)
        if application._client_max_size == _DEFAULT_MAX_SIZE:  # nothing public says or sets it
            application._client_max_size = sys.maxsize
        runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=_UNFINISHED)
        try:
            await runner.setup()
        except BaseException as error:
            # Also when the worker is told to leave meanwhile: what had been opened is closed.
            await self._leave(runner)
            if not isinstance(error, Exception):
                raise
            raise ApplicationError(f"its start failed: {_tell(error)}") from error
        server = runner.server
        assert server is not None
        server.request_factory = _wrap_factory(server.request_factory)
        self._runner = runner

    async def connect(self, factory: ProtocolFactory, endpoint: Endpoint) -> None:
        """Connect a protocol to it; raises ConnectionRefusedError while it does not run."""
        server = None if self._runner is None else self._runner.server
        if server is None:
            raise ConnectionRefusedError(f"{endpoint.url} does not run")
        limits = self._limits
        loop = asyncio.get_running_loop()
        handler = _Handler(
            server,
            self,
            loop=loop,
            tcp_keepalive=False,
            access_log=None,
            max_line_size=limits.request_line + _ROOM,
            max_field_size=limits.section + _ROOM,
            max_headers=limits.fields + _ROOM_FIELDS,
            # What is left of a request that was answered is read away or cut by the gateway.
            lingering_time=0,
            auto_decompress=False,
        )
        connect(loop, factory(), handler)

    async def stop(self) -> None:
        """Let it clean up, in bounded time."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await self._leave(runner)

    async def _leave(self, runner: web.AppRunner) -> None:
        try:
            async with asyncio.timeout(_CLEANUP):
                await runner.cleanup()
        except TimeoutError:
            log.error("an application did not clean up in time", application=self.use.use, seconds=_CLEANUP)
        except Exception:
            log.exception("an application could not clean up", application=self.use.use)


class _Handler(web.RequestHandler):
    """aiohttp's side of one connection in memory."""

    __slots__ = ("_application",)

    def __init__(self, server: web.Server, application: LiveApplication, **options: Any) -> None:
        super().__init__(server, **options)
        self._application = application

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 (aiohttp's words stay here)
    ) -> web.StreamResponse:
        """Return the answer to a request whose handler failed (500), or that aiohttp does not take (400)."""
        request_id = request.headers.get("X-Request-Id", "")
        if self.transport is None:
            raise ConnectionError("nobody is left to answer")
        log.error("an application failed", application=self._application.use.use, id=request_id, exc_info=exc)
        if request.writer.output_size:
            raise ConnectionError("the answer has begun: only its end can say that something is wrong")
        if status == 400:
            reason, said = Reason.HTTP_REQUEST_ERROR, "The application does not take this request."
        else:
            status, reason, said = 500, Reason.PROXY_INTERNAL_ERROR, "The application failed."
        if self._application.is_development and exc is not None:
            said = "".join(traceback.format_exception(exc))
        kind, content = render_error(
            status,
            reason,
            path=request.rel_url.raw_path.encode("latin-1", "replace"),
            request_id=request_id.encode("ascii", "replace"),
            accept=request.headers.get(hdrs.ACCEPT, "").encode("latin-1", "replace"),
            now=time(),
            message=said,
        )
        response = web.Response(status=status, body=content, headers={hdrs.CONTENT_TYPE: kind.decode("ascii")})
        response.force_close()
        return response

    def finish_response(
        self, request: web.BaseRequest, resp: Any, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        """Send what a handler returned, or what there is to say when that cannot be sent."""
        if not isinstance(resp, web.StreamResponse):
            resp = self.handle_error(request, 500, TypeError(f"a handler returned {resp!r} and no response"))
        elif request.writer.output_size and not resp.prepared:
            # aiohttp would write its head into the content of the answer that has begun.
            self.handle_error(request, 500, RuntimeError(f"a handler began one answer and ended with {resp!r}"))
        return super().finish_response(request, resp, start_time)

    def log_exception(self, *said: Any, **options: Any) -> None:
        """Log what aiohttp noticed outside of handlers."""
        error = options.get("exc_info")
        log.error("an application failed", application=self._application.use.use, said=str(said[0]), exc_info=error)


class _ContentOnDemand:
    """The content of a request that waits to be asked for it: the first read asks (RFC 9110, section 10.1.1)."""

    __slots__ = ("_content", "_transport", "_writer")

    def __init__(
        self, content: StreamReader, writer: AbstractStreamWriter, transport: asyncio.WriteTransport | None
    ) -> None:
        self._content = content
        self._writer = writer
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        if self._transport is not None and name.startswith(("read", "iter")):
            self._ask(self._transport)
        return getattr(self._content, name)

    def __aiter__(self) -> Any:
        if self._transport is not None:
            self._ask(self._transport)
        return self._content.__aiter__()

    def _ask(self, transport: asyncio.WriteTransport) -> None:
        self._transport = None
        content = self._content
        # Who has sent some did not wait, and behind the head of an answer it is too late.
        if not content.total_bytes and not content.is_eof() and not self._writer.output_size:
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _wrap_factory(make: MakeRequest) -> MakeRequest:
    """Return a maker of requests that hides aiohttp's name, and lets nobody but the handler's reading answer Expect."""

    def make_request(
        message: RawRequestMessage,
        content: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        writer._on_headers_sent = _hide_server  # type: ignore[attr-defined]  # there is no setter
        if hdrs.EXPECT in message.headers:
            fields = CIMultiDict(message.headers)
            fields.popall(hdrs.EXPECT)
            message = message._replace(headers=CIMultiDictProxy(fields))
            content = cast("StreamReader", _ContentOnDemand(content, writer, protocol.transport))
        return make(message, content, protocol, writer, task)

    return make_request


async def _hide_server(fields: CIMultiDict[str]) -> None:
    """Take aiohttp's name out of an answer; a Server that the application says is its own."""
    # Asked each time: the admin API, where it is in the same process, gives aiohttp another name.
    if fields.get(hdrs.SERVER) == web_response.SERVER_SOFTWARE:  # type: ignore[attr-defined]
        del fields[hdrs.SERVER]
