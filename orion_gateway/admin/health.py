"""The health resources: live (the loop beats), ready (send traffic), and everything with its dependencies.

They are answered on the admin listener and, through a socket of their own, on routes with `admin: health`; so they show
neither addresses nor versions.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from orion_gateway.admin.replies import answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from orion_gateway.admin.state import GatewayState
    from orion_gateway.values import Endpoint, Service

_REACH_TIMEOUT = 1.0
_AT_ONCE = 64
"""Endpoints tried at the same time: a thousand must not use up the descriptors."""

_CACHED_FOR = 5.0
"""Seconds that the state of services is kept: whoever asks often must not make the gateway connect often."""


def add_health(app: web.Application, state: GatewayState) -> None:
    """Add `/health`, `/health/live` and `/health/ready`."""

    async def live(_request: web.Request) -> web.Response:
        return answer({"status": "alive"})

    async def ready(_request: web.Request) -> web.Response:
        reasons = find_unready(state)
        return answer({"status": "not ready", "reasons": reasons}, 503) if reasons else answer({"status": "ready"})

    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    app.router.add_get("/health", _FullHealth(state).answer)


def find_unready(state: GatewayState) -> list[str]:
    """Return why no traffic should be sent now; nothing when it may."""
    reasons = ["draining"] if state.is_draining else []
    reasons += [f"worker {worker.number} is not serving" for worker in state.worker_states if not worker.is_ready]
    return reasons


class _FullHealth:
    """The full answer; what it says of services is a few seconds old."""

    def __init__(self, state: GatewayState) -> None:
        self._state = state
        self._lock = asyncio.Lock()
        self._services: dict[str, dict[str, object]] = {}
        self._asked: float | None = None

    async def answer(self, _request: web.Request) -> web.Response:
        """Answer 200 when healthy or degraded, 503 when unhealthy: not for what others lack is a gateway taken out."""
        async with self._lock:
            if self._asked is None or time.monotonic() - self._asked > _CACHED_FOR:
                self._services = await _reach_services(self._state.services)
                self._asked = time.monotonic()
        unready = find_unready(self._state)
        if unready:
            status = "unhealthy"
        elif all(service["status"] == "healthy" for service in self._services.values()):
            status = "healthy"
        else:
            status = "degraded"
        body = {"status": status, "reasons": unready, "services": self._services}
        return answer(body, 503 if unready else 200)


async def _reach_services(services: Sequence[Service]) -> dict[str, dict[str, object]]:
    limit = asyncio.Semaphore(_AT_ONCE)
    states = await asyncio.gather(*(_reach_service(service, limit) for service in services))
    return {service.name: state for service, state in zip(services, states, strict=True)}


async def _reach_service(service: Service, limit: asyncio.Semaphore) -> dict[str, object]:
    """Say whether the endpoints take connections."""
    reached = await asyncio.gather(*(_reach(endpoint, limit) for endpoint in service.endpoints))
    status = "healthy" if all(reached) else "degraded" if any(reached) else "unhealthy"
    return {"status": status, "endpoints": len(reached), "reachable": sum(reached)}


async def _reach(endpoint: Endpoint, limit: asyncio.Semaphore) -> bool:
    try:
        async with limit, asyncio.timeout(_REACH_TIMEOUT):
            if endpoint.path:
                _, writer = await asyncio.open_unix_connection(endpoint.path)
            else:
                _, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
