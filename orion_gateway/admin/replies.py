"""The answers of the admin API: JSON with a line end, never cached; errors in the shape of the whole platform."""

from __future__ import annotations

import re
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson
import structlog
from aiohttp import web

from orion_gateway.admin.bodies import BodyError
from orion_gateway.proxy.reply import render_error
from orion_gateway.values import Reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_NO_STORE = {"Cache-Control": "no-store"}
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_REASONS = {
    400: Reason.HTTP_REQUEST_ERROR,
    404: Reason.DESTINATION_NOT_FOUND,
    405: Reason.METHOD_NOT_ALLOWED,
    422: Reason.HTTP_REQUEST_ERROR,
    500: Reason.PROXY_INTERNAL_ERROR,
}
_MESSAGES = {404: "The admin API has no such resource."}

log = structlog.get_logger()


def answer(body: Mapping[str, object], status: int = 200) -> web.Response:
    """Return a JSON answer."""
    content = orjson.dumps(body) + b"\n"
    return web.Response(body=content, status=status, headers=_NO_STORE, content_type="application/json")


def show_time(at: float) -> str:
    """Write a monotonic time as everybody can read it: ISO 8601, UTC, milliseconds."""
    seen = datetime.fromtimestamp(time.time() + at - time.monotonic(), UTC)
    return seen.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def refuse(
    request: web.Request, status: int, message: str | None, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return an error in the form that Accept asks for; `message` None: what its reason says."""
    request_id = _choose_request_id(request)
    kind, content = render_error(
        status,
        _REASONS.get(status, Reason.HTTP_REQUEST_DENIED if status < 500 else Reason.PROXY_INTERNAL_ERROR),
        path=request.path.encode("utf-8", "surrogateescape"),
        request_id=request_id.encode("ascii"),
        accept=request.headers.get("Accept", "").encode("utf-8", "surrogateescape"),
        now=time.time(),
        message=message,
    )
    own = {"Content-Type": kind.decode("ascii"), "X-Request-Id": request_id}
    return web.Response(body=content, status=status, headers={**_NO_STORE, **own, **(headers or {})})


@web.middleware
async def answering_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give what aiohttp or a handler raises the form of every other error. No stack trace goes out."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        return refuse(request, error.status, f"This resource takes {allowed}.", {"Allow": allowed})
    except BodyError as error:
        return refuse(request, error.status, str(error))
    except web.HTTPException as error:
        return refuse(request, error.status, _MESSAGES.get(error.status, error.reason))
    except Exception:
        log.exception("an admin request failed", path=request.path)
        return refuse(request, 500, None)


def _choose_request_id(request: web.Request) -> str:
    """Keep the id of a request that our own workers pass on, over a Unix socket; make one for others."""
    given = request.headers.get("X-Request-Id", "")
    transport = request.transport
    is_tcp = transport is not None and isinstance(transport.get_extra_info("peername"), tuple)
    return given if not is_tcp and _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
