"""`POST /explain`: what becomes of a request now: its route, the endpoints it may go to, scores, circuit and budget.

Nothing is sent and nothing changes. Each worker answers for itself, because counts and budgets are its own.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from orion_gateway.admin.bodies import BodyError, read_object
from orion_gateway.admin.circuits import describe_circuit
from orion_gateway.admin.replies import answer
from orion_gateway.explanation.answer import QuestionError, ask, make_document
from orion_gateway.routing.cookies import find_cookie

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from orion_gateway.admin.state import GatewayState
    from orion_gateway.control.messages import Explained
    from orion_gateway.explanation.answer import Asked
    from orion_gateway.values import KeySource, Service

_KEYS = ("method", "url", "headers", "listener", "client")


def add_explain(app: web.Application, state: GatewayState) -> None:
    """Add `/explain`."""

    async def explain(request: web.Request) -> web.Response:
        body = await read_object(request, _KEYS)
        asked = read_question(body, [name for name, _ in state.addresses])
        found = state.find_answer(asked)
        document = make_document(asked, found)
        document["live"] = None
        if found.service is not None:
            document["live"] = await _explain_service(state, found.service, asked, body.get("client", ""))
        return answer(document)

    app.router.add_post("/explain", explain)


def read_question(body: Mapping[str, Any], listeners: list[str]) -> Asked:
    """Return the question of a body; raises BodyError."""
    for key in ("method", "url"):
        if not isinstance(body.get(key), str) or not body[key]:
            raise BodyError(422, f"`{key}` must be there and be a string.")
    for key in ("listener", "client"):
        if not isinstance(body.get(key, ""), str):
            raise BodyError(422, f"`{key}` must be a string.")
    headers = body.get("headers", {})
    if not isinstance(headers, dict):
        raise BodyError(422, "`headers` must be an object: names, and a string or a list of strings for each.")
    fields = []
    for name, values in headers.items():
        for value in values if isinstance(values, list) else [values]:
            if not isinstance(value, str):
                raise BodyError(422, f"`headers`: the value of {name!r} must be a string or a list of strings.")
            fields.append((name.strip().lower().encode(), value.strip().encode()))
    try:
        return ask(body["method"], body["url"], tuple(fields), body.get("listener"), listeners)
    except QuestionError as error:
        raise BodyError(422, f"{error}.") from error


async def _explain_service(state: GatewayState, name: str, asked: Asked, client: str) -> dict[str, object]:
    judged = state.judge.services[name]
    balancing = judged.service.balancing
    key = find_key(balancing.key, asked, client)
    cookie = balancing.sticky_cookie
    token = b"" if cookie is None else find_cookie(asked.field_values(b"cookie"), cookie.encode())
    told = await state.explain(name, key, token)
    workers = [worker.number for worker in state.worker_states]
    return {
        "service": name,
        "load_balancer": balancing.policy,
        "key": _describe_key(judged.service, key),
        "panic": judged.is_panic,
        "circuit": None if judged.circuit is None else describe_circuit(state.judge, name),
        "workers": [_describe_worker(number, told[number]) for number in workers if number in told],
        "silent": [number for number in workers if number not in told],
    }


def find_key(source: KeySource | None, asked: Asked, client: str) -> bytes:
    """Return what a hashing policy binds the request to (as `proxy.affinity` finds it); empty when there is nothing."""
    if source is None:
        return b""
    match source.kind:
        case "ip":
            return client.encode()
        case "path":
            return asked.path
        case "header":
            return b",".join(asked.field_values(source.name.encode()))
        case "cookie":
            return find_cookie(asked.field_values(b"cookie"), source.name.encode())


def _describe_key(service: Service, key: bytes) -> dict[str, object] | None:
    source = service.balancing.key
    if source is None:
        return None
    return {
        "source": f"{source.kind}:{source.name}" if source.name else source.kind,
        "value": key.decode("utf-8", "backslashreplace") or None,
    }


def _describe_worker(number: int, told: Explained) -> dict[str, object]:
    return {
        "number": number,
        "panic": told.is_panic,
        "bound_to": told.bound_to,
        "home": told.home,
        "budget": round(told.budget, 2),
        "queued": told.queued,
        "circuit": None if told.circuit is None else told.circuit.state.value,
        "candidates": [asdict(candidate) for candidate in told.candidates],
    }
