"""Durations that cut each other off: what a key promises can never happen, because another one ends the exchange."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from orion_gateway.routing.retry_lint import find_hopeless_retries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orion_gateway.config.errors import Finding
    from orion_gateway.config.places import Location
    from orion_gateway.lint.rule import Subject
    from orion_gateway.values import Target

CODE = "W0306"


def find_hopeless(subject: Subject) -> Iterator[Finding]:
    """Yield a warning for each place that asks for a retry which a timeout cuts off, with the first such route."""
    told: set[Location] = set()
    for found in find_hopeless_retries(subject.routes):
        place = _written(subject, found.index, found.service, "retries", found.key)
        if place is not None and place not in told:
            told.add(place)
            yield subject.finding(place, CODE, found.why, _seen(subject, found.index))


def find_cut_off(subject: Subject) -> Iterator[Finding]:
    """Yield a warning for each written duration that the `total` of a route makes impossible, with the first route.

    Defaults are left alone: nobody has promised them.
    """
    told: set[tuple[Location, str]] = set()
    for index, route in enumerate(subject.routes):
        for target in route.targets:
            for place, message in _each_cut_off(subject, index, target):
                if (place, message) not in told:
                    told.add((place, message))
                    yield subject.finding(place, CODE, message, _seen(subject, index))


def _each_cut_off(subject: Subject, index: int, target: Target) -> Iterator[tuple[Location, str]]:
    total = target.timeouts.total
    if total is None:
        return
    for key in ("connect", "response"):
        limit = getattr(target.timeouts, key)
        place = _written(subject, index, target.service, "timeouts", key)
        if place is not None and limit is not None and limit > total:
            yield place, f"timeouts.total ({total:g}s) ends every request before timeouts.{key} ({limit:g}s) can"
    place = ("services", target.service, "connections", "queue_timeout")
    queued = subject.loaded.config.services[target.service].connections.queue_timeout
    if queued is not None and queued >= total and subject.loaded.places.is_written(place):
        yield place, f"timeouts.total ({total:g}s) ends every request before queue_timeout ({queued:g}s) can"
    rules, response = target.retries, target.timeouts.response
    if rules is not None and response and rules.on == {"response_timeout"} and response < total:
        # An attempt behind n timeouts begins after n * response; it must begin before the end.
        possible = ceil(total / response) - 1
        place = _written(subject, index, target.service, "retries", "max")
        if rules.max > possible and place is not None:
            message = (
                f"timeouts.total ({total:g}s) leaves time for {possible} further attempts after timeouts.response "
                f"({response:g}s), not {rules.max}"
            )
            yield place, message
    for link in subject.chains[index]:
        delay = getattr(link.use.rules, "delay", None)
        least = getattr(delay, "least", delay)
        if isinstance(least, int | float) and least >= total:
            yield link.place, f'timeouts.total ({total:g}s) ends every request that "{link.use.name}" holds {least:g}s'


def _written(subject: Subject, index: int, service: str, *key: str) -> Location | None:
    """Return the closest place that writes a key for a route and a service of it, None when it is a default."""
    holders: tuple[Location, ...] = (("routes", index), ("defaults",), ("services", service))
    places = ((*holder, *key) for holder in holders)
    return next((place for place in places if subject.loaded.places.is_written(place)), None)


def _seen(subject: Subject, index: int) -> str:
    return f'seen on the route "{subject.routes[index].name}"'
