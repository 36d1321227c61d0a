"""The admin API: an aiohttp application in the supervisor, on a Unix socket for the commands and on TCP for everybody.

A second application serves health alone, for routes with `admin: health`: whatever such a route lets through, nothing
but health can be reached behind it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp.web_response
from aiohttp import web

from orion_gateway import __version__
from orion_gateway.admin.access import Access, AdminRules, Asked, judge_access
from orion_gateway.admin.circuits import add_circuits
from orion_gateway.admin.explain import add_explain
from orion_gateway.admin.filters import add_filters
from orion_gateway.admin.health import add_health
from orion_gateway.admin.metrics import MetricsResource
from orion_gateway.admin.replies import answer, answering_errors, refuse
from orion_gateway.admin.services import add_services

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Sequence

    from orion_gateway.admin.replies import Handler
    from orion_gateway.admin.state import GatewayState

_READING_POSTS = ("/explain",)
"""What is posted to only because it asks for more than fits a URL."""

_REFUSALS = {
    Access.UNKNOWN_HOST: (421, "Host names neither this listener nor an address."),
    Access.NO_TOKEN: (401, "Show a token that is known: Authorization: Bearer …"),
    Access.NOT_PERMITTED: (403, "Not permitted. Use a token that may, or the Unix socket in the run directory."),
}


def build_admin(state: GatewayState, rules: AdminRules) -> web.Application:
    """Return the whole admin API."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        access = judge_access(_describe_request(request), rules)
        if access is Access.GRANTED:
            return await handler(request)
        status, message = _REFUSALS[access]
        return refuse(request, status, message, {"WWW-Authenticate": "Bearer"} if status == 401 else None)

    async def status(_request: web.Request) -> web.Response:
        return answer(describe(state))

    async def drain(_request: web.Request) -> web.Response:
        state.begin_drain()
        return answer({"status": "draining"}, 202)

    app = web.Application(middlewares=[answering_errors, guard])
    add_health(app, state)
    app.router.add_get("/metrics", MetricsResource(state).answer)
    app.router.add_get("/status", status)
    app.router.add_post("/drain", drain)
    add_services(app, state)
    add_circuits(app, state)
    add_explain(app, state)
    add_filters(app, state)
    return app


def build_health(state: GatewayState) -> web.Application:
    """Return the application behind routes with `admin: health`."""
    app = web.Application(middlewares=[answering_errors])
    add_health(app, state)
    return app


def describe(state: GatewayState) -> dict[str, object]:
    """Return what `/status` says."""
    return {
        "version": __version__,
        "generation": state.generation,
        "draining": state.is_draining,
        "listeners": [{"name": name, "address": address} for name, address in state.addresses],
        "workers": [
            {"number": worker.number, "pid": worker.pid, "generation": worker.generation, "ready": worker.is_ready}
            for worker in state.worker_states
        ],
    }


@asynccontextmanager
async def serving(app: web.Application, sockets: Sequence[socket.socket]) -> AsyncIterator[None]:
    """Serve an application on open sockets until the block ends."""
    # Do not tell strangers which versions run here. aiohttp names itself also where no hook of an application is asked,
    # in its answer to a request that it cannot read.
    aiohttp.web_response.SERVER_SOFTWARE = "orion"  # type: ignore[attr-defined]
    # aiohttp keeps idle connections for an hour under a runner; nobody needs that of an admin API.
    runner = web.AppRunner(app, access_log=None, handle_signals=False, keepalive_timeout=75.0, shutdown_timeout=1.0)
    await runner.setup()
    try:
        for listening in sockets:
            await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()


def _describe_request(request: web.Request) -> Asked:
    transport = request.transport
    name = transport.get_extra_info("peername") if transport is not None else None
    return Asked(
        path=request.path,
        needs="read" if request.method in ("GET", "HEAD") or request.path in _READING_POSTS else "change",
        peer=name[0] if isinstance(name, tuple) else None,
        host=request.headers.get("Host", ""),
        authorization=request.headers.get("Authorization", ""),
    )
