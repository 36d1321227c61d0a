"""The contract of plug-ins: what somebody else's filter is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from orion_gateway.filters.filter import NO_BODY

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from pydantic import BaseModel

    from orion_gateway.filters.filter import BodyNeed, Facilities
    from orion_gateway.plugins.request import Request
    from orion_gateway.plugins.response import PassingResponse, Response


class Plugin:
    """What every plug-in is.

    One instance serves all exchanges of a route in one worker; a named one, those of all routes that name it. With a
    `Config` it is made as `factory(config)`, without as `factory()`: once while the table is checked, and once in every
    worker. So a constructor reads its configuration and starts nothing.

    Hooks are plain functions, or `async def` where they wait. A plug-in sees an exchange whole or not at all: one that
    began while it was disabled is not shown to it later either.
    """

    Config: ClassVar[type[BaseModel] | None] = None
    """The model of its keys in the table. A key that the model has no field for is an error, whatever the model says of
    extra keys. On a factory that is a function, it is an attribute of the function."""

    decides: bool = False
    """It guards: when it fails or is disabled, the request is refused with 503, and `enforce: false` is possible. One
    that does not decide shapes: it is skipped then."""
    authenticates: bool = False
    """It establishes who asks."""
    authorizes: bool = False
    """It judges by who asks."""
    stores: bool = False
    """It keeps answers for others."""
    scope: Literal["exchange", "attempt"] = "exchange"
    """`attempt`: `on_request` runs for every attempt at an endpoint, and can neither wait nor answer."""

    request_body: BodyNeed = NO_BODY
    """`buffered(64 * 1024)`: `on_request_body` sees the whole content of a request, of up to so many bytes."""
    response_body: BodyNeed = NO_BODY
    """The same for `on_response_body`."""

    gateway: Facilities
    """Clock, randomness, threads, requests to services of the table, and the log. Set before the first hook is called,
    and not yet in the constructor."""

    def on_request(self, request: Request) -> Response | Awaitable[Response | None] | None:
        """See the head of the request, edit it, or answer."""
        return None

    def on_response(self, request: Request, response: PassingResponse) -> Awaitable[None] | None:
        """See the head of the response, and edit it."""
        return None

    def on_request_body(self, request: Request) -> Changed | Awaitable[Changed]:
        """See the whole content of the request (`request.body`). Return new content, an answer, or None to leave it."""
        return None

    def on_response_body(self, request: Request, response: PassingResponse) -> Changed | Awaitable[Changed]:
        """See the whole content of the response (`response.body`). Return new content, an answer, or None."""
        return None

    def close(self) -> None:
        """The table is not in force any more."""


if TYPE_CHECKING:
    Changed = bytes | str | Response | None
else:
    Changed = Any
