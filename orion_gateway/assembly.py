"""Routes and services out of the configuration model: frozen values with every default filled in.

Apart from `app`, so that the offline commands need neither an event loop nor a web server to know what a table means.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orion_gateway.filter_assembly import build_filters
from orion_gateway.values import (
    Action,
    ApplicationUse,
    Balancing,
    BudgetRules,
    CircuitRules,
    Condition,
    ConnectionLimits,
    Endpoint,
    HealthCheck,
    OutlierRules,
    Redirect,
    Respond,
    RetryRules,
    Rewrite,
    Route,
    RouteMatch,
    Service,
    Split,
    Target,
    ToAdmin,
    ToApplication,
    ToService,
    UpstreamTimeouts,
    Websocket,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orion_gateway.config.answers import RespondConfig
    from orion_gateway.config.load import Loaded
    from orion_gateway.config.model import ConditionConfig, Config, Defaults, RouteConfig, ServiceConfig
    from orion_gateway.config.resilience import CircuitConfig, HealthCheckConfig, OutlierConfig
    from orion_gateway.config.split import TargetConfig

UNBOUNDED_TRIAL_TIMEOUT = 60.0
"""Seconds after which a trial counts as failed when no timeout of its service bounds it."""


def build_routes(loaded: Loaded) -> tuple[Route, ...]:
    """Return the routes of a table, everything that has a default filled in."""
    return tuple(_build_route(loaded, index, route) for index, route in enumerate(loaded.config.routes))


def build_services(loaded: Loaded, workers: int = 1) -> dict[str, Service]:
    """Return the services by name, with the limits of one of `workers` workers."""
    return {name: _build_service(name, service, workers) for name, service in loaded.config.services.items()}


def build_application_services(loaded: Loaded, workers: int = 1) -> tuple[Service, ...]:
    """Return a service for each application of the table, with the default limits of one of `workers` workers.

    Routes that name the same application share it.
    """
    limits = ConnectionLimits()
    per_worker = -(-limits.max // workers)
    folder = str(loaded.files[0].parent.resolve())
    services: dict[str, Service] = {}
    for index, route in enumerate(loaded.config.routes):
        if route.app is None:
            continue
        to = ToApplication(route.app)
        services.setdefault(
            to.service,
            Service(
                name=to.service,
                endpoints=(Endpoint(url=f"app:{to.use}", authority="localhost", max_in_flight=per_worker),),
                connections=replace(limits, max=per_worker, queue=-(-limits.queue // workers)),
                application=ApplicationUse(to.use, folder, loaded.places.at(("routes", index, "app"))),
            ),
        )
    return tuple(services.values())


def _build_route(loaded: Loaded, index: int, route: RouteConfig) -> Route:
    config = loaded.config
    timeouts, retries = route.timeouts.over(config.defaults.timeouts.over(UpstreamTimeouts())), None
    if route.service is not None:
        service = config.services[route.service]
        timeouts = _build_route_timeouts(service, config.defaults, route)
        retries = _build_retries(service, config.defaults, route)
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
        action=_build_action(config, route),
        place=loaded.places.at(("routes", index)),
        priority=route.priority,
        rewrite=_build_rewrite(route),
        websocket=Websocket(websocket.origins, websocket.idle) if websocket is not None and websocket.enabled else None,
        filters=build_filters(loaded, index),
        body_limit=body_limit,
        timeouts=timeouts,
        retries=retries,
        allow_encoded_slash=route.allow_encoded_slash,
        allow_empty_segments=route.allow_empty_segments,
    )


def _build_action(config: Config, route: RouteConfig) -> Action:
    if route.service is not None:
        return ToService(route.service)
    if route.split is not None:
        return Split(tuple(_build_target(config, route, target) for target in route.split.to), route.split.sticky)
    if route.respond is not None:
        return _build_respond(route.respond)
    if route.redirect is not None:
        return Redirect(route.redirect.location, route.redirect.status)
    if route.app is not None:
        return ToApplication(route.app)
    return ToAdmin("health")


def _build_target(config: Config, route: RouteConfig, target: TargetConfig) -> Target:
    service = config.services[target.service]
    timeouts = _build_route_timeouts(service, config.defaults, route)
    return Target(target.service, target.weight, timeouts, _build_retries(service, config.defaults, route))


def _build_respond(respond: RespondConfig) -> Respond:
    return Respond(respond.status, tuple(respond.headers.items()), respond.body.encode())


def _build_retries(service: ServiceConfig, defaults: Defaults, route: RouteConfig) -> RetryRules | None:
    """Return the retries of a route: each key from the closest that writes it.

    `off` ends what is written below it. That of a service also holds against the defaults, which were not made for it.
    """
    is_own = "retries" in route.model_fields_set
    if "retries" in service.model_fields_set and service.retries is None and not is_own:
        return None
    rules: RetryRules | None = None
    for holder in (service, defaults, route):
        if "retries" in holder.model_fields_set:
            rules = None if holder.retries is None else holder.retries.over(rules or RetryRules())
    return rules


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


def _build_route_timeouts(service: ServiceConfig, defaults: Defaults, route: RouteConfig) -> UpstreamTimeouts:
    """Return the timeouts of a route towards a service: each from the closest that writes it."""
    return route.timeouts.over(defaults.timeouts.over(_build_timeouts(service)))


def _build_balancing(service: ServiceConfig) -> Balancing:
    chosen = service.load_balancer
    return Balancing(
        policy=chosen.policy,
        key=chosen.key,
        bounded_load=chosen.bounded_load,
        sticky_cookie=chosen.sticky.cookie if chosen.sticky is not None else None,
        slow_start=service.slow_start,
        panic=service.panic,
    )


def _build_health_check(check: HealthCheckConfig) -> HealthCheck:
    return HealthCheck(
        path=check.path,
        interval=check.interval,
        timeout=check.timeout,
        rise=check.rise,
        fall=check.fall,
        statuses=check.status,
        host=check.host,
        port=check.port,
    )


def _build_outliers(outliers: OutlierConfig) -> OutlierRules:
    return OutlierRules(
        consecutive_failures=outliers.consecutive_failures,
        interval=outliers.interval,
        ejection=outliers.ejection,
        max_ejection=outliers.max_ejection,
        max_ejected=outliers.max_ejected,
    )


def _build_circuit(circuit: CircuitConfig, timeouts: UpstreamTimeouts) -> CircuitRules:
    return CircuitRules(
        trip=circuit.trip,
        failure_threshold=circuit.failure_threshold,
        threshold=circuit.threshold,
        minimum_requests=circuit.minimum_requests,
        window=circuit.window,
        success_threshold=circuit.success_threshold,
        open_for=circuit.open_for,
        half_open_requests=circuit.half_open_requests,
        trial_timeout=_find_trial_timeout(timeouts),
        fallback=_build_fallback(circuit),
    )


def _find_trial_timeout(timeouts: UpstreamTimeouts) -> float:
    """Return how long a trial may take until its verdict is in: to connect and to answer, or `total` if less."""
    bounds = [] if timeouts.total is None else [timeouts.total]
    if timeouts.connect is not None and timeouts.response is not None:
        bounds.append(timeouts.connect + timeouts.response)
    return min(bounds, default=UNBOUNDED_TRIAL_TIMEOUT)


def _build_fallback(circuit: CircuitConfig) -> Respond | ToService | None:
    fallback = circuit.fallback
    if fallback is None:
        return None
    if fallback.respond is not None:
        return _build_respond(fallback.respond)
    # The loader has seen to it that exactly one of the two is written.
    assert fallback.service is not None
    return ToService(fallback.service)


def _build_service(name: str, service: ServiceConfig, workers: int) -> Service:
    limits = service.connections
    per_worker = -(-limits.max // workers)
    timeouts = _build_timeouts(service)
    budget = service.retries.budget if service.retries is not None else None
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
        balancing=_build_balancing(service),
        health_check=_build_health_check(service.health_check) if service.health_check is not None else None,
        outliers=_build_outliers(service.outlier_detection) if service.outlier_detection is not None else None,
        circuit=_build_circuit(service.circuit_breaker, timeouts) if service.circuit_breaker is not None else None,
        budget=BudgetRules(budget.share, float(budget.min)) if budget is not None else BudgetRules(),
        timeouts=timeouts,
        connections=ConnectionLimits(
            max_idle=limits.max_idle,
            idle=limits.idle,
            max=per_worker,
            queue=-(-limits.queue // workers),
            queue_timeout=limits.queue_timeout,
        ),
    )
