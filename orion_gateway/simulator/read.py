"""Read the file of a scenario, and say everything that is wrong with it as the route table's errors are said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from orion_gateway.config.errors import Finding, TableErrors
from orion_gateway.config.nodes import MappingNode, begin_of, read_nodes, to_plain
from orion_gateway.config.places import Places
from orion_gateway.config.report import Report
from orion_gateway.config.source import Source
from orion_gateway.config.suggest import closest
from orion_gateway.config.translate import Translator
from orion_gateway.simulator.measure import MEASURES
from orion_gateway.simulator.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from orion_gateway.config.places import Location
    from orion_gateway.simulator.scenario import Expectation, Turn
    from orion_gateway.values import Route, Service

LARGEST_FILE = 1 << 20

MOST_PAIRS = 1_000_000
"""Of worker and endpoint: each is an endpoint of its own with its own count, some 200 bytes."""

USED_BY = {
    "share": ("fail", "reset"),
    "status": ("fail", "recover", "flap"),
    "factor": ("slow",),
    "latency": ("slow",),
    "period": ("flap",),
    "to": ("flap",),
    "over": ("recover",),
}
"""Which words of `does` heed a key of a turn."""


def read_scenario(path: Path, routes: Sequence[Route], services: Mapping[str, Service]) -> Scenario:
    """Return the scenario at `path`, judged against the table that it is to run with.

    Raises:
        TableErrors: with everything that is wrong, or with `is_missing` when the file cannot be read.
    """
    try:
        text = path.read_bytes()[: LARGEST_FILE + 1].decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8"
        raise TableErrors([Finding(str(path), 1, 1, "E0101", f"cannot be read: {reason}")], is_missing=True) from None
    if len(text) > LARGEST_FILE:
        raise TableErrors([Finding(str(path), 1, 1, "E0101", "larger than 1 MiB")], is_missing=True)
    report = Report()
    source = Source(str(path), path, text)
    report.sources.append(source)
    root = read_nodes(source, report)
    if root is not None and not isinstance(root, MappingNode):
        report(begin_of(root), "E0201", "a scenario is a mapping of keys and values")
    if not isinstance(root, MappingNode):
        raise TableErrors(report.findings)
    places = Places(root)
    try:
        scenario = Scenario.model_validate(to_plain(root))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        Translator(places, report, Scenario).report_all(found, root)
        raise TableErrors(report.findings) from None
    _Check(scenario, places, report, routes, services).check_all()
    if report.findings:
        raise TableErrors(report.findings)
    return scenario


class _Check:
    """Judges whether the parts of a scenario fit each other and the table."""

    def __init__(
        self,
        scenario: Scenario,
        places: Places,
        report: Report,
        routes: Sequence[Route],
        services: Mapping[str, Service],
    ) -> None:
        self._scenario = scenario
        self._places = places
        self._report = report
        self._routes = {route.name: route for route in routes}
        self._services = services

    def check_all(self) -> None:
        """Report everything that does not fit."""
        self._check_services()
        for index, load in enumerate(self._scenario.load):
            here: Location = ("load", index)
            is_known = self._is_known((*here, "route"), "route", load.route, self._routes)
            if is_known and not self._routes[load.route].targets:
                self._say((*here, "route"), "E0305", f'the route "{load.route}" forwards to no service')
            self._check_ascending((*here, "rate"), [step.at for step in load.rate])
            if abs(sum(load.methods.values()) - 1.0) > 1e-6:
                self._say((*here, "methods"), "E0203", "the shares of the methods must add up to 100%")
        for index, upstream in enumerate(self._scenario.upstreams):
            here = ("upstreams", index)
            if self._is_known((*here, "service"), "service", upstream.service, self._services):
                count = self._count(upstream.service)
                if not upstream.endpoints.fits(count):
                    self._say_position((*here, "endpoints"), upstream.service, count)
            self._check_ascending((*here, "timeline"), [turn.at for turn in upstream.timeline])
            for number, turn in enumerate(upstream.timeline):
                self._check_turn((*here, "timeline", number), turn)
        for index, expectation in enumerate(self._scenario.expect):
            self._check_expectation(("expect", index), expectation)

    def _say(self, location: Location, code: str, message: str, suggestion: str = "", hint: str = "") -> None:
        self._report(self._places.span(location), code, message, suggestion, hint)

    def _say_position(self, location: Location, service: str, count: int) -> None:
        hint = f"positions count from 0: the last one is {count - 1}"
        self._say(location, "E0203", f'the service "{service}" has {count} endpoints', hint=hint)

    def _is_known(self, location: Location, what: str, name: str, known: Iterable[str]) -> bool:
        names = list(known)
        if name in names:
            return True
        hint = f"{what}s: {', '.join(names)}" if names else f"the table has no {what}s"
        self._say(location, "E0301", f'no {what} of the table is named "{name}"', closest(name, names), hint)
        return False

    def _count(self, service: str) -> int:
        change = self._scenario.services.get(service)
        return len(self._services[service].endpoints) if change is None else change.endpoints.count

    def _check_services(self) -> None:
        scenario, pairs = self._scenario, 0
        for name, change in scenario.services.items():
            here: Location = ("services", name)
            self._is_known(here, "service", name, self._services)
            generated = change.endpoints
            if generated.subset is not None and generated.subset > generated.count:
                self._say((*here, "endpoints", "subset"), "E0203", f"expected at most the count, {generated.count}")
        for name in self._services:
            change_of = scenario.services.get(name)
            subset = None if change_of is None else change_of.endpoints.subset
            pairs += (subset or self._count(name)) * scenario.gateways * scenario.workers
        if pairs > MOST_PAIRS:
            message = f"{pairs:,} pairs of worker and endpoint; at most {MOST_PAIRS:,} can be simulated"
            hint = "give each gateway a `subset` of the endpoints, as large fleets do"
            self._say(("services",) if scenario.services else ("gateways",), "E0203", message, hint=hint)

    def _check_ascending(self, location: Location, times: list[float]) -> None:
        for index in range(1, len(times)):
            if times[index] <= times[index - 1]:
                self._say((*location, index, "at"), "E0305", "expected a later time than that of the entry before")

    def _check_turn(self, location: Location, turn: Turn) -> None:
        for name in sorted(turn.model_fields_set & set(USED_BY)):
            if turn.does not in USED_BY[name]:
                hint = f"it belongs to does: {' or '.join(USED_BY[name])}"
                self._say((*location, name), "E0305", f'"{name}" means nothing when it does {turn.does}', hint=hint)
        if turn.does == "slow" and {"factor", "latency"} <= turn.model_fields_set:
            self._say((*location, "factor"), "E0305", 'either "factor" or "latency" says how slow')
        if turn.does == "flap" and not turn.period:
            self._say((*location, "period"), "E0203", "expected a duration longer than nothing")

    def _check_expectation(self, location: Location, one: Expectation) -> None:
        measure = MEASURES[one.what]
        if one.service is not None:
            is_known = self._is_known((*location, "service"), "service", one.service, self._services)
            if is_known and one.endpoint is not None and one.endpoint >= self._count(one.service):
                self._say_position((*location, "endpoint"), one.service, self._count(one.service))
        elif measure.needs or one.endpoint is not None:
            self._say(location, "E0104", f'"{one.what}" must say of which "service"')
        if measure.needs == "endpoint" and one.endpoint is None:
            self._say(location, "E0104", f'"{one.what}" must say of which "endpoint"')
        if one.method is not None:
            methods = {method for load in self._scenario.load for method in load.methods}
            if not measure.takes_method:
                self._say((*location, "method"), "E0305", f'"{one.what}" cannot be told apart by method')
            elif one.method not in methods:
                self._say((*location, "method"), "E0301", f"no load has the method {one.method}")
        limits = {name: getattr(one, name) for name in ("at_most", "at_least", "exactly")}
        if all(limit is None for limit in limits.values()):
            self._say(location, "E0104", 'a limit is missing: "at_most", "at_least" or "exactly"')
        for name, limit in limits.items():
            if limit is not None and limit.unit != measure.unit and (limit.unit, measure.unit) != ("", "x"):
                wanted = {"%": "a share such as 0.1%", "s": "a duration such as 5s"}.get(measure.unit, "a number")
                self._say((*location, name), "E0202", f'expected {wanted}, which "{one.what}" is measured in')
