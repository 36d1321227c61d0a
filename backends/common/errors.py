"""Turn everything that goes wrong into the one error body that clients know.

400: the message cannot be read (no or broken JSON). 413: it is too long. 415: it is not JSON. 422: it was read, and a
value in it is not allowed; then `details` has one entry per field. 404 and 405 come from the router.
What nobody expected is a 500 without particulars, except in development; the log has them always.
"""

import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from .clock import iso_time, utc_now
from .correlation import CORRELATION_ID
from .replies import json_bytes

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Detail:
    """What is wrong with one field: its name as the client wrote it, a stable code, and a sentence."""

    field: str
    code: str
    message: str


class ApiError(Exception):
    """An answer other than success, raised anywhere below a handler. `code` is stable, `message` is for people."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        details: tuple[Detail, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.details = details
        self.headers = headers or {}


def error_body(error: ApiError, path: str, correlation_id: str) -> dict[str, Any]:
    """Return the fields of the error body, ready for JSON."""
    return {
        "statusCode": error.status,
        "message": error.message,
        "error": HTTPStatus(error.status).phrase,
        "timestamp": iso_time(utc_now()),
        "path": path,
        "correlationId": correlation_id,
        "code": error.code,
        "details": [asdict(detail) for detail in error.details],
    }


def make_error_middleware(show_stack: bool) -> Middleware:
    """Return the middleware that answers errors; with `show_stack` a 500 has the lines of its trace as `stack`."""

    @web.middleware
    async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        stack: list[str] = []
        try:
            return await handler(request)
        except ApiError as error:
            refused = error
        except web.HTTPException as error:
            refused = _from_aiohttp(request, error)
        except Exception as error:
            log.exception("request failed", method=request.method, path=request.rel_url.raw_path)
            refused = ApiError(500, "something went wrong here; it has been logged", code="internal_server_error")
            stack = traceback.format_exception(error)
        body = error_body(refused, request.rel_url.raw_path, request[CORRELATION_ID])
        if stack and show_stack:
            body["stack"] = "".join(stack).splitlines()
        return web.Response(
            body=json_bytes(body), status=refused.status, headers=refused.headers, content_type="application/json"
        )

    return answer_errors


def _from_aiohttp(request: web.Request, error: web.HTTPException) -> ApiError:
    # What aiohttp raises itself, above all for unknown paths and wrong methods.
    phrase = HTTPStatus(error.status).phrase
    code = phrase.lower().replace(" ", "_")
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    match error:
        case web.HTTPNotFound():
            message = "there is nothing at this path"
        case web.HTTPMethodNotAllowed():
            message = f"{request.method} is not allowed here, only {headers['Allow'].replace(',', ', ')}"
        case _:
            message = phrase
    return ApiError(error.status, message, code=code, headers=headers)
