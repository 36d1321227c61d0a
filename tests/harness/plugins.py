"""Plug-ins that tables of tests name: `tests.harness.plugins:Tenant`."""

from __future__ import annotations

from orion_gateway.plugins import PassingResponse, Plugin, Request, Response


class Tenant(Plugin):
    """Sets a field each way."""

    def on_request(self, request: Request) -> Response | None:
        """Say whose request it is."""
        request.headers["X-Tenant"] = "acme"
        return None

    def on_response(self, request: Request, response: PassingResponse) -> None:
        """Say who answered."""
        response.headers["X-Answered"] = f"{request.headers['X-Tenant']} {response.status}"


class Nothing(Plugin):
    """Looks at nothing."""

    def on_request(self, request: Request) -> Response | None:
        """Let it go on."""
        return None


class SetsField(Nothing):
    """Sets a field of the request."""

    def on_request(self, request: Request) -> Response | None:
        """Set it."""
        request.headers["X-Tier"] = "gold"
        return None


class Coroutine(Plugin):
    """Could wait, and does not."""

    async def on_request(self, request: Request) -> Response | None:
        """Set a field."""
        request.headers["X-Tier"] = "gold"
        return None
