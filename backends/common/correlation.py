"""Give every request one id, the same in the answer, in the error body and in every log line about it.

The sender's `X-Request-Id` is kept when it is 1 to 128 visible characters, else a new id is made. Whether a sender
may choose an id at all is decided at the edge: the gateway makes a new one for peers that it does not trust.
"""

import re
from uuid import uuid4

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

REQUEST_ID = "X-Request-Id"
CORRELATION_ID = web.RequestKey("correlation_id", str)

_ACCEPTABLE = re.compile(r"[\x21-\x7e]{1,128}")


def choose_correlation_id(received: list[str]) -> str:
    """Return the id for a request from the `X-Request-Id` values that it came with; several are as good as none."""
    if len(received) == 1 and _ACCEPTABLE.fullmatch(received[0]):
        return received[0]
    return str(uuid4())


@web.middleware
async def correlate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Bind the id of this request for its log lines, and send it back."""
    chosen = choose_correlation_id(request.headers.getall(REQUEST_ID, []))
    request[CORRELATION_ID] = chosen
    with structlog.contextvars.bound_contextvars(correlation_id=chosen):
        response = await handler(request)
    response.headers[REQUEST_ID] = chosen
    return response
