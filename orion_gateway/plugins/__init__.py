"""What the author of a plug-in imports: the contract, the view of a request, and the answers.

    from orion_gateway.plugins import Plugin, Request, Response


    class Hello(Plugin):
        def on_request(self, request: Request) -> Response | None:
            if request.path == "/hello":
                return Response(text="hello")
            request.headers["X-Greeted"] = "yes"
            return None

docs/how-to/plugins.md goes from there to a published package. Names that are not listed here may change any time.
"""

from __future__ import annotations

from orion_gateway.filters.filter import BodyNeed, Fetch, Fetched, buffered
from orion_gateway.plugins.content import NoContentError
from orion_gateway.plugins.fields import Fields
from orion_gateway.plugins.plugin import Plugin
from orion_gateway.plugins.request import Request
from orion_gateway.plugins.response import PassingResponse, Response

__all__ = [
    "BodyNeed",
    "Fetch",
    "Fetched",
    "Fields",
    "NoContentError",
    "PassingResponse",
    "Plugin",
    "Request",
    "Response",
    "buffered",
]
