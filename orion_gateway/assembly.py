"""Routes and services out of the configuration model: frozen values with every default filled in.

Apart from `app`, so that the offline commands need neither an event loop nor a web server to know what a table means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.values import (
    Action,
    Condition,
    ConnectionLimits,
    Endpoint,
    Redirect,
    Respond,
    Rewrite,
    Route,
    RouteMatch,
    Service,
    ToAdmin,
    ToService,
    UpstreamTimeouts,
    Websocket,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orion_gateway.config.load import Loaded
    from orion_gateway.config.model import ConditionConfig, RouteConfig, ServiceConfig


def build_routes(loaded: Loaded) -> tuple[Route, ...]:
    """Return the routes of a table, everything that has a default filled in."""
    return tuple(_build_route(loaded, index, route) for index, route in enumerate(loaded.config.routes))


def build_services(loaded: Loaded, workers: int = 1) -> dict[str, Service]:
    """Return the services by name, with the limits of one of `workers` workers."""
    return {name: _build_service(name, service, workers) for name, service in loaded.config.services.items()}


def _build_route(loaded: Loaded, index: int, route: RouteConfig) -> Route:
    config = loaded.config
    base = UpstreamTimeouts()
    if route.service is not None:
        base = _build_timeouts(config.services[route.service])
    if "body" in route.limits.model_fields_set:
        body_limit = route.limits.body
    elif "body" in config.defaults.limits.model_fields_set:
        body_limit = config.defaults.limits.body
    else:
        body_limit = config.gateway.limits.body
    match = route.match
    websocket = route.websocket
    return Route(
        name=route.name,
        match=RouteMatch(
            hosts=match.hosts,
            path=match.path,
            path_regex=match.path_regex,
            methods=match.methods,
            headers=_build_conditions(match.headers),
            query=_build_conditions(match.query),
            listeners=match.listeners,
        ),
        action=_build_action(route),
        place=loaded.places.at(("routes", index)),
        priority=route.priority,
        rewrite=_build_rewrite(route),
        websocket=Websocket(websocket.origins, websocket.idle) if websocket is not None and websocket.enabled else None,
        body_limit=body_limit,
        timeouts=route.timeouts.over(config.defaults.timeouts.over(base)),
        allow_encoded_slash=route.allow_encoded_slash,
        allow_empty_segments=route.allow_empty_segments,
    )


def _build_action(route: RouteConfig) -> Action:
    if route.service is not None:
        return ToService(route.service)
    if route.respond is not None:
        respond = route.respond
        return Respond(respond.status, tuple(respond.headers.items()), respond.body.encode())
    if route.redirect is not None:
        return Redirect(route.redirect.location, route.redirect.status)
    return ToAdmin("health")


def _build_conditions(conditions: Mapping[str, ConditionConfig]) -> tuple[Condition, ...]:
    built = []
    for name, condition in conditions.items():
        if condition.exact is not None:
            built.append(Condition(name, "exact", condition.exact))
        elif condition.regex is not None:
            built.append(Condition(name, "regex", condition.regex))
        else:
            built.append(Condition(name, "present", "true" if condition.present else "false"))
    return tuple(built)


def _build_rewrite(route: RouteConfig) -> Rewrite | None:
    rewrite = route.rewrite
    if rewrite is None:
        return None
    query = rewrite.query
    return Rewrite(
        strip_prefix=rewrite.strip_prefix,
        path=rewrite.path,
        regex=(rewrite.regex.pattern, rewrite.regex.to) if rewrite.regex is not None else None,
        host_upstream=rewrite.host == "upstream",
        query_set=tuple(query.set.items()) if query is not None else (),
        query_remove=query.remove if query is not None else (),
    )


def _build_timeouts(service: ServiceConfig) -> UpstreamTimeouts:
    timeouts = service.timeouts
    return UpstreamTimeouts(timeouts.connect, timeouts.response, timeouts.idle, timeouts.total)


def _build_service(name: str, service: ServiceConfig, workers: int) -> Service:
    limits = service.connections
    per_worker = -(-limits.max // workers)
    return Service(
        name=name,
        endpoints=tuple(
            Endpoint(
                url=endpoint.url.url,
                authority=endpoint.url.authority,
                host=endpoint.url.host,
                port=endpoint.url.port,
                path=endpoint.url.path,
                base_path=endpoint.url.base_path,
                weight=endpoint.weight,
                metadata=tuple(endpoint.metadata.items()),
                max_in_flight=per_worker,
            )
            for endpoint in service.endpoints
        ),
        load_balancer=service.load_balancer,
        timeouts=_build_timeouts(service),
        connections=ConnectionLimits(
            max_idle=limits.max_idle,
            idle=limits.idle,
            max=per_worker,
            queue=-(-limits.queue // workers),
            queue_timeout=limits.queue_timeout,
        ),
    )
