"""`/services`: how every service and endpoint stands, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.admin.circuits import describe_circuit
from orion_gateway.admin.health import describe_health
from orion_gateway.admin.replies import answer, refuse, show_time
from orion_gateway.balancer.eligible import choose_eligible

if TYPE_CHECKING:
    from aiohttp import web

    from orion_gateway.admin.state import GatewayState
    from orion_gateway.control.judge import JudgedService


def add_services(app: web.Application, state: GatewayState) -> None:
    """Add `/services` and `/services/{name}`."""

    async def every(_request: web.Request) -> web.Response:
        await state.collect()
        return answer({"services": [describe_service(state, service.name) for service in state.services]})

    async def one(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in [service.name for service in state.services]:
            return refuse(request, 404, f"The table has no service {name!r}.")
        await state.collect()
        return answer(describe_service(state, name))

    app.router.add_get("/services", every)
    app.router.add_get("/services/{name}", one)


def describe_service(state: GatewayState, name: str) -> dict[str, object]:
    """Return what there is to know about a service."""
    judged = state.judge.services[name]
    choice = choose_eligible(judged.service.endpoints, judged.standings, judged.service.balancing.panic)
    budgets = state.totals.by_worker("orion_upstream_retry_budget", (name,))
    return {
        "name": name,
        "status": describe_health(judged, None)["status"],
        "load_balancer": judged.service.balancing.policy,
        "panic": judged.is_panic,
        "endpoints": [_describe_endpoint(state, judged, at, objection) for at, objection in enumerate(choice.why)],
        "circuit": None if judged.circuit is None else describe_circuit(state.judge, name),
        "retry_budget": {str(worker): left for worker, left in sorted(budgets.items())},
    }


def _describe_endpoint(state: GatewayState, judged: JudgedService, at: int, objection: str) -> dict[str, object]:
    endpoint, standing = judged.service.endpoints[at], judged.standings[at]
    last = judged.records[at].last if judged.records else None
    outliers = judged.outliers
    in_flight = state.totals.by_worker("orion_endpoint_in_flight", (judged.service.name, endpoint.url))
    return {
        "url": endpoint.url,
        "weight": endpoint.weight,
        "eligible": not objection,
        "why_not": objection or None,
        "health": standing.health.value if judged.records else None,
        "last_check": None if last is None else {"ok": last.is_good, "why": last.why, "at": show_time(last.at)},
        "suspect": standing.is_suspect,
        "ejected_until": show_time(outliers.ejected_until(at)) if outliers and standing.is_ejected else None,
        "ejections": outliers.times(at) if outliers else 0,
        "back_since": show_time(standing.back_since) if standing.back_since else None,
        "in_flight": int(sum(in_flight.values())),
    }
