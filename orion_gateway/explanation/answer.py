"""Say what becomes of a request under a route table: which route takes it, why others lost, and what follows.

For `orion explain` and the admin API's `/explain`. Nothing is sent: the table is asked as a worker would ask it.
"""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from orion_gateway.assembly import build_services
from orion_gateway.explanation.filters import describe_filter, make_filter_document, name_filter, order_filters
from orion_gateway.explanation.resilience import (
    describe_balancing,
    describe_retries,
    describe_service,
    show_duration,
)
from orion_gateway.filters import FILTERS
from orion_gateway.routing.explain import explain
from orion_gateway.routing.found import Matched, MethodNotAllowed, Options, PathNotAllowed
from orion_gateway.routing.path import PathRefused, judge_path
from orion_gateway.routing.rewrite import rewrite_target
from orion_gateway.routing.split import Splitter
from orion_gateway.values import Redirect, Respond, Split, ToAdmin, ToApplication, ToService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orion_gateway.config.load import Loaded
    from orion_gateway.config.places import Location
    from orion_gateway.routing.explain import Explanation, Loss
    from orion_gateway.routing.found import Found
    from orion_gateway.routing.path import JudgedPath
    from orion_gateway.routing.table import RouteTable
    from orion_gateway.values import FilterUse, Route, Service, Target

    Where = Callable[..., str]
    """Says where the first of some places is written, or "default"."""

_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """The request that is explained, as routing sees it."""

    method: bytes
    host: bytes
    path: bytes
    query: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    listener: str

    def field_values(self, name: bytes) -> list[bytes]:
        """Return the values given for a lower-case field name."""
        return [value for field, value in self.fields if field == name]


@dataclass(frozen=True, slots=True)
class Setting:
    """What follows for the request: a setting, its value, and where it is written, or "default"."""

    name: str
    value: str
    where: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of the request. `status` is that of the gateway's own answer, 0 when a route decides."""

    status: int
    message: str
    route: str | None
    place: str | None
    service: str | None = None
    """The service it is forwarded to: of a split that which its cookie names, else the one with most of the weight."""
    filters: tuple[FilterUse, ...] = ()
    """What its exchanges pass, in this order."""
    follows: tuple[Setting, ...] = ()
    losses: tuple[Loss, ...] = ()
    left_out: int = 0


class QuestionError(ValueError):
    """The question itself is wrong; the message says how."""


def ask(
    method: str, url: str, fields: tuple[tuple[bytes, bytes], ...], listener: str | None, known: Sequence[str]
) -> Asked:
    """Return a question about a path or an absolute http URL; without a listener about the first of those `known`.

    Field names are lower-case. Raises QuestionError.
    """
    if listener is not None and listener not in known:
        raise QuestionError(f"there is no listener {listener!r}; the table has {', '.join(known)}")
    host, path, query = _read_url(url, fields)
    return Asked(os.fsencode(method), host, path, query, fields, listener or known[0])


def _read_url(url: str, fields: tuple[tuple[bytes, bytes], ...]) -> tuple[bytes, bytes, bytes]:
    """Return host, path and query string; the host is that of the URL, else that of a Host field, else empty."""
    target = os.fsencode(url)
    host = next((value for name, value in fields if name == b"host"), b"")
    if absolute := _ABSOLUTE.fullmatch(target):
        host, target = absolute.groups()
        target = target if target.startswith(b"/") else b"/" + target
    elif not target.startswith(b"/"):
        raise QuestionError(f"{url!r} is neither a path that starts with '/' nor an absolute http URL")
    path, _, query = target.partition(b"?")
    return host, path, query


def find_answer(loaded: Loaded, table: RouteTable, asked: Asked) -> Answer:
    """Return what becomes of a request; `table` is compiled from `loaded`."""
    try:
        path = judge_path(asked.path)
    except PathRefused as refusal:
        return Answer(400, refusal.message, None, None)
    if preflight := _find_preflight(table, asked, path):
        return preflight
    explanation = explain(table, asked.method, asked.host, path, asked, asked.listener)
    found = explanation.found
    if not isinstance(found, Matched):
        status, message = _describe_refusal(found)
        return Answer(status, message, None, None, losses=explanation.losses, left_out=explanation.left_out)
    return _follow(loaded, asked, found, explanation)


def _find_preflight(table: RouteTable, asked: Asked, path: JudgedPath) -> Answer | None:
    """Return which filter answers a CORS preflight: one of the route that it asks for, ahead of all others."""
    wanted = asked.field_values(b"access-control-request-method")
    if asked.method != b"OPTIONS" or not wanted or not asked.field_values(b"origin"):
        return None
    explanation = explain(table, wanted[0], asked.host, path, asked, asked.listener)
    if not isinstance(explanation.found, Matched):
        return None
    route = explanation.found.route
    for use in order_filters(route.filters):
        if use.enforce and getattr(FILTERS[use.kind], "answers_preflight", False):
            message = f"filter {name_filter(use)}, as a preflight for {wanted[0].decode('ascii', 'backslashreplace')}"
            place = str(route.place) if route.place else None
            return Answer(0, message, route.name, place, losses=explanation.losses, left_out=explanation.left_out)
    return None


def _describe_refusal(found: Found) -> tuple[int, str]:
    match found:
        case MethodNotAllowed(allow):
            return 405, f"no route takes this method; Allow: {allow.decode()}"
        case Options(allow):
            return 204, f"the gateway answers OPTIONS itself; Allow: {allow.decode()}"
        case PathNotAllowed(message):
            return 400, message
        case _:
            return 404, "no route takes it"


def _follow(loaded: Loaded, asked: Asked, found: Matched, explanation: Explanation) -> Answer:
    """Return what the route of `found` does with the request; a rewrite may still refuse it."""
    route = found.route
    target = asked.path + (b"?" + asked.query if asked.query else b"")
    status, message = 0, describe_action(route)
    follows: tuple[Setting, ...] = ()
    try:
        if route.rewrite is not None:
            target = rewrite_target(route.rewrite, asked.path, asked.query, found.params)
    except PathRefused as refusal:
        status, message = 400, f"the rewrite of the route makes a path that is refused: {refusal.message}"
    else:
        follows = tuple(_settings(loaded, found, target.decode("ascii", "backslashreplace"), asked.method))
    return Answer(
        status,
        message,
        route.name,
        str(route.place) if route.place else None,
        _find_service(route, asked) if not status else None,
        tuple(order_filters(route.filters)),
        follows,
        explanation.losses,
        explanation.left_out,
    )


def _find_service(route: Route, asked: Asked) -> str | None:
    match route.action:
        case ToService(service):
            return service
        case Split(goals) as split:
            assigned = Splitter(split).find_assigned(asked.field_values(b"cookie"))
            return goals[assigned].service if assigned is not None else max(goals, key=_weight_of).service
    return None


def _weight_of(goal: Target) -> int:
    return goal.weight


def _settings(loaded: Loaded, found: Matched, target: str, method: bytes) -> Iterator[Setting]:
    """Yield what the table says about a request that the route takes, in the order in which it matters."""
    route, here = found.route, ("routes", found.index)

    def where(*locations: tuple[str | int, ...]) -> str:
        return next((str(loaded.places.at(at)) for at in locations if loaded.places.is_written(at)), "default")

    for passed in order_filters(route.filters):
        yield Setting("filter", describe_filter(passed), str(passed.place or "default"))
    match route.action:
        case Respond(status, headers, body):
            yield Setting("respond.status", str(status), where((*here, "respond", "status")))
            for name, value in headers:
                yield Setting("respond.headers", f"{name}: {value}", where((*here, "respond", "headers", name)))
            yield Setting("respond.body", f"{len(body)} bytes", where((*here, "respond", "body")))
        case Redirect(location, status):
            yield Setting("redirect.location", location, where((*here, "redirect", "location")))
            yield Setting("redirect.status", str(status), where((*here, "redirect", "status")))
        case ToAdmin(resource):
            yield Setting("admin", resource, where((*here, "admin")))
        case ToApplication(factory):
            yield Setting("app", factory, where((*here, "app")))
            yield from _target_settings(route, target, here, where)
            for key in ("response", "idle", "total"):
                value = show_duration(getattr(route.timeouts, key))
                yield Setting(f"timeouts.{key}", value, where((*here, "timeouts", key), ("defaults", "timeouts", key)))
        case ToService():
            (goal,) = route.targets
            yield from _service_settings(loaded, goal, (*here, "service"), where)
            yield from _target_settings(route, target, here, where)
            yield from _patience_settings(loaded, goal, here, method, where)
        case Split(goals, cookie):
            total = sum(goal.weight for goal in goals)
            for number, goal in enumerate(goals):
                value = f"{goal.service} weight {goal.weight}: {goal.weight / total * 100:.3g}% of the requests"
                yield Setting("split", value, where((*here, "split", "to", number)))
            if cookie is not None:
                yield Setting("split.sticky", f"cookie {cookie}", where((*here, "split", "sticky")))
            yield from _target_settings(route, target, here, where)
            for number, goal in enumerate(goals):
                yield from _service_settings(loaded, goal, (*here, "split", "to", number, "service"), where)
                yield from _patience_settings(loaded, goal, here, method, where)
    places = ((*base, "limits", "body") for base in (here, ("defaults",), ("gateway",)))
    yield Setting("limits.body", _show_size(route.body_limit), where(*places))
    websocket = route.websocket
    value = "off" if websocket is None else f"tunnel, idle {show_duration(websocket.idle)}"
    if websocket is not None and websocket.origins:
        value += f", origins {', '.join(websocket.origins)}"
    yield Setting("websocket", value, where((*here, "websocket")))


def _service_settings(loaded: Loaded, goal: Target, named: Location, where: Where) -> Iterator[Setting]:
    """Yield what a service is; `named` is where the route names it."""
    service, there = build_services(loaded)[goal.service], ("services", goal.service)
    yield Setting("service", goal.service, where(named))
    for number, endpoint in enumerate(service.endpoints):
        value = f"{endpoint.url} weight {endpoint.weight}"
        yield Setting("endpoint", value, where((*there, "endpoints", number)))
    yield Setting("load_balancer", describe_balancing(service.balancing), where((*there, "load_balancer")))
    for key, value in describe_service(service):
        yield Setting(key, value, where((*there, key)))


def _target_settings(route: Route, target: str, here: Location, where: Where) -> Iterator[Setting]:
    """Yield what is asked of whichever service it is."""
    yield Setting("target", target, where(*((*here, "rewrite", key) for key in _TARGET_KEYS)))
    is_upstream = route.rewrite is not None and route.rewrite.host_upstream
    yield Setting("host", "the endpoint's" if is_upstream else "the client's", where((*here, "rewrite", "host")))


def _patience_settings(loaded: Loaded, goal: Target, here: Location, method: bytes, where: Where) -> Iterator[Setting]:
    """Yield how long a service is waited for, and how often it is asked."""
    there = ("services", goal.service)
    for key in ("connect", "response", "idle", "total"):
        value = show_duration(getattr(goal.timeouts, key))
        places = ((*base, "timeouts", key) for base in (here, ("defaults",), there))
        yield Setting(f"timeouts.{key}", value, where(*places))
    # An `off` of the service holds against the defaults.
    config = loaded.config.services[goal.service]
    is_off = "retries" in config.model_fields_set and config.retries is None
    holders = (here, there, ("defaults",)) if is_off else (here, ("defaults",), there)
    yield from _retry_settings(goal, build_services(loaded)[goal.service], method, where, holders)


def _retry_settings(
    goal: Target, service: Service, method: bytes, where: Where, holders: tuple[Location, ...]
) -> Iterator[Setting]:
    """Yield what becomes of failed attempts; `holders` are the places that may write `retries`, the closest first."""

    def written(*key: str) -> str:
        return where(*((*holder, "retries", *key) for holder in holders))

    rules, place = goal.retries, written()
    if rules is None:
        if place != "default":
            yield Setting("retries", "off", place)
        return
    yield Setting("retries", describe_retries(rules, method), place)
    if rules.hedge is not None and method in rules.methods and method in _SAFE_METHODS:
        delay = rules.hedge.delay
        value = "a second attempt after " + (f"{show_duration(delay)}" if delay is not None else "the live p95")
        yield Setting("retries.hedge", value, written("hedge"))
    budget = f"{service.budget.share * 100:g}% of requests, at least {service.budget.minimum:g}/s"
    yield Setting("retries.budget", budget, where(("services", service.name, "retries", "budget")))


_SAFE_METHODS = (b"GET", b"HEAD", b"OPTIONS", b"TRACE")
_TARGET_KEYS = ("strip_prefix", "path", "regex", "query")


def _show_size(size: int | None) -> str:
    if size is None:
        return "off"
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size and size % unit == 0:
            return f"{size // unit}{name}"
    return f"{size} bytes"


def describe_action(route: Route) -> str:
    """Say in a few words what answers a route's requests."""
    match route.action:
        case ToService(service):
            return f"service {service}"
        case Split(goals, cookie):
            shares = ", ".join(f"{goal.service} {goal.weight}" for goal in goals)
            return f"split {shares}" + (f" by cookie {cookie}" if cookie is not None else "")
        case Respond(status=status):
            return f"respond {status}"
        case Redirect(location=location, status=status):
            return f"redirect {status} {location}"
        case ToApplication(factory):
            return f"app {factory}"
        case ToAdmin(resource):
            return f"admin {resource}"


def make_document(asked: Asked, answer: Answer) -> dict[str, object]:
    """Return an answer as what JSON is made of."""
    return {
        "version": 1,
        "request": {
            "method": show_bytes(asked.method),
            "host": show_bytes(asked.host),
            "path": show_bytes(asked.path),
            "query": show_bytes(asked.query),
            "listener": asked.listener,
        },
        "status": answer.status or None,
        "message": answer.message,
        "route": None if answer.route is None else {"name": answer.route, "place": answer.place},
        "filters": [make_filter_document(use) for use in answer.filters],
        "follows": [asdict(setting) for setting in answer.follows],
        "lost": [
            {"route": loss.route.name, "place": str(loss.route.place) if loss.route.place else None, "why": loss.why}
            for loss in answer.losses
        ],
        "left_out": answer.left_out,
    }


def show_bytes(text: bytes) -> str:
    """Return what a client sent as text, whatever it was."""
    return text.decode("utf-8", "backslashreplace")
