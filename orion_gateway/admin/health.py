"""The health resources: live (the loop beats), ready (send traffic), and everything with its dependencies.

They are answered on the admin listener and, through a socket of their own, on routes with `admin: health`; so they show
neither addresses nor versions.

What active checks and ejection say of an endpoint is known; whether one without active checks can be reached is tried.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from orion_gateway.admin.replies import answer
from orion_gateway.control.judge import is_well
from orion_gateway.values import CircuitState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from orion_gateway.admin.state import GatewayState
    from orion_gateway.control.judge import JudgedService
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
    reasons += [f"service {name} is not checked yet" for name in state.judge.find_unchecked(time.monotonic())]
    return reasons


class _FullHealth:
    """The full answer; whether an endpoint without active checks can be reached is a few seconds old."""

    def __init__(self, state: GatewayState) -> None:
        self._state = state
        self._lock = asyncio.Lock()
        self._reached: dict[str, list[bool]] = {}
        self._asked: float | None = None

    async def answer(self, _request: web.Request) -> web.Response:
        """Answer 200 when healthy or degraded, 503 when unhealthy: not for what others lack is a gateway taken out."""
        async with self._lock:
            if self._asked is None or time.monotonic() - self._asked > _CACHED_FOR:
                self._reached = await _reach_services([s for s in self._state.services if s.health_check is None])
                self._asked = time.monotonic()
        services = {
            service.name: describe_health(self._state.judge.services[service.name], self._reached.get(service.name))
            for service in self._state.services
        }
        unready = find_unready(self._state)
        if unready:
            status = "unhealthy"
        elif all(service["status"] == "healthy" for service in services.values()):
            status = "healthy"
        else:
            status = "degraded"
        body = {"status": status, "reasons": unready, "services": services}
        return answer(body, 503 if unready else 200)


def describe_health(judged: JudgedService, reached: list[bool] | None) -> dict[str, object]:
    """Return what health says of a service. `reached`: which endpoints take connections, None when they are checked.

    An endpoint of weight 0 is left out on purpose and is not counted.
    """
    wanted = [at for at, endpoint in enumerate(judged.service.endpoints) if endpoint.weight > 0]
    well = sum(is_well(judged.standings[at]) and (reached is None or reached[at]) for at in wanted)
    described: dict[str, object] = {
        "status": judge_status(judged, well),
        "endpoints": len(wanted),
        "available": well,
    }
    if judged.circuit is not None:
        described["circuit"] = judged.circuit.view.state.value
    return described


def judge_status(judged: JudgedService, well: int) -> str:
    """Return how a service is, of whose endpoints so many are well. Those of weight 0 are left out on purpose."""
    wanted = sum(endpoint.weight > 0 for endpoint in judged.service.endpoints)
    if not well:
        return "unhealthy"
    is_closed = judged.circuit is None or judged.circuit.view.state is CircuitState.CLOSED
    return "healthy" if well == wanted and is_closed else "degraded"


async def _reach_services(services: Sequence[Service]) -> dict[str, list[bool]]:
    """Say which endpoints take connections."""
    limit = asyncio.Semaphore(_AT_ONCE)
    reached = await asyncio.gather(
        *(asyncio.gather(*(_reach(endpoint, limit) for endpoint in service.endpoints)) for service in services)
    )
    return {service.name: states for service, states in zip(services, reached, strict=True)}


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
