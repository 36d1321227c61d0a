"""`/circuits`: how the circuits stand; they can be held in a state, let go, and reset."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from orion_gateway.admin.bodies import read_object
from orion_gateway.admin.replies import answer, refuse, show_time
from orion_gateway.values import CircuitState

if TYPE_CHECKING:
    from aiohttp import web

    from orion_gateway.admin.state import GatewayState
    from orion_gateway.control.judge import Judge

_STATES = {**{state.value: state for state in CircuitState}, "auto": None}

log = structlog.get_logger()


def add_circuits(app: web.Application, state: GatewayState) -> None:
    """Add `/circuits`, `/circuits/{name}` and `/circuits/{name}/reset`."""
    app.router.add_get("/circuits", _Circuits(state).list_all)
    app.router.add_get("/circuits/{name}", _Circuits(state).show)
    app.router.add_post("/circuits/{name}", _Circuits(state).force)
    app.router.add_post("/circuits/{name}/reset", _Circuits(state).reset)


class _Circuits:
    """The resources of circuits."""

    def __init__(self, state: GatewayState) -> None:
        self._state = state

    async def list_all(self, _request: web.Request) -> web.Response:
        """Answer with every circuit."""
        judge = self._state.judge
        return answer({"circuits": [describe_circuit(judge, name) for name in judge.circuits]})

    async def show(self, request: web.Request) -> web.Response:
        """Answer with one circuit."""
        name = request.match_info["name"]
        return self._refuse_unknown(request, name) or self._describe(name)

    async def force(self, request: web.Request) -> web.Response:
        """Hold a circuit in a state, or let it go."""
        name = request.match_info["name"]
        if refusal := self._refuse_unknown(request, name):
            return refusal
        wanted = (await read_object(request, ["state"])).get("state")
        if not isinstance(wanted, str) or wanted not in _STATES:
            return refuse(request, 422, f"`state` must be one of {', '.join(_STATES)}.")
        log.warning("a circuit is forced by the admin API", service=name, state=wanted)
        self._state.force_circuit(name, _STATES[wanted])
        return self._describe(name)

    async def reset(self, request: web.Request) -> web.Response:
        """Close a circuit and forget what was counted."""
        name = request.match_info["name"]
        if refusal := self._refuse_unknown(request, name):
            return refusal
        log.warning("a circuit is reset by the admin API", service=name)
        self._state.reset_circuit(name)
        return self._describe(name)

    def _refuse_unknown(self, request: web.Request, name: str) -> web.Response | None:
        if name in self._state.judge.circuits:
            return None
        if name in [service.name for service in self._state.services]:
            return refuse(request, 404, f"The service {name!r} has no circuit breaker in the table.")
        return refuse(request, 404, f"The table has no service {name!r}.")

    def _describe(self, name: str) -> web.Response:
        return answer(describe_circuit(self._state.judge, name))


def describe_circuit(judge: Judge, name: str) -> dict[str, object]:
    """Return what there is to know about the circuit of a service."""
    now = time.monotonic()
    # First, because what a circuit does by itself while it is asked nobody would hear of.
    judge.advance(now)
    circuit = judge.circuits[name]
    statistics = circuit.statistics(now)
    return {
        "service": name,
        "state": statistics.state.value,
        "forced": statistics.is_forced,
        "since": show_time(statistics.since),
        "retry_at": show_time(statistics.retry_at) if statistics.retry_at else None,
        "failures_in_a_row": statistics.counts.in_a_row,
        "window": {
            "seconds": circuit.rules.window,
            "successes": statistics.counts.successes,
            "failures": statistics.counts.failures,
        },
        "trials": {
            "out": len(statistics.trials),
            "at_once": circuit.rules.half_open_requests,
            "succeeded": statistics.trials_succeeded,
            "needed": circuit.rules.success_threshold,
        },
        "totals": {
            "successes": statistics.successes,
            "failures": statistics.failures,
            "refused": statistics.rejected,
            "entered": {state.value: times for state, times in statistics.entered.items()},
        },
        "transitions": [
            {
                "at": show_time(transition.at),
                "from": transition.before.value,
                "to": transition.after.value,
                "why": transition.why,
            }
            for transition in reversed(statistics.transitions)
        ],
    }
