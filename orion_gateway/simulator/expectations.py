"""Hold a record against what its scenario expects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orion_gateway.simulator.measure import MEASURES, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.simulator.record import Record
    from orion_gateway.simulator.scenario import Expectation

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Held:
    """One expectation, what was measured (None: nothing), and whether it held."""

    expectation: Expectation
    value: float | None
    has_held: bool

    @property
    def said(self) -> str:
        """Return what was expected, in words."""
        one = self.expectation
        parts = [one.what]
        if one.service is not None:
            parts.append(f"of {one.service}" + (f"/{one.endpoint}" if one.endpoint is not None else ""))
        if one.method is not None:
            parts.append(f"for {one.method}")
        if one.since or one.until is not None:
            parts.append(f"from {one.since:g} s" + (f" to {one.until:g} s" if one.until is not None else ""))
        unit = MEASURES[one.what].unit
        limits = (("at least", one.at_least), ("at most", one.at_most), ("exactly", one.exactly))
        parts += [f"{word} {show_value(limit.value, unit)}" for word, limit in limits if limit is not None]
        return " ".join(parts)

    @property
    def found(self) -> str:
        """Return what was measured, in words."""
        return show_value(self.value, MEASURES[self.expectation.what].unit)


def judge_expectations(expectations: Sequence[Expectation], record: Record) -> list[Held]:
    """Return for each expectation what was measured, and whether it holds; what never happened holds no limit."""
    names = [known.name for known in record.services]
    judged = []
    for one in expectations:
        scope = Scope(
            names.index(one.service) if one.service is not None else None,
            one.endpoint,
            record.methods.index(one.method) if one.method is not None else None,
            one.since,
            float("inf") if one.until is None else one.until,
        )
        value = MEASURES[one.what].take(record, scope)
        judged.append(Held(one, value, value is not None and _fits(one, value)))
    return judged


def show_value(value: float | None, unit: str) -> str:
    """Return a value with its unit as people write it."""
    match unit:
        case _ if value is None:
            return "never"
        case "%":
            return f"{value * 100:.4g} %"
        case "s":
            return f"{value:.4g} s" if value >= 1 else f"{value * 1000:.3g} ms"
        case "x":
            return f"{value:.3f} times"
    return f"{value:.6g}"


def _fits(one: Expectation, value: float) -> bool:
    if one.at_least is not None and value < one.at_least.value - ROUNDING:
        return False
    if one.at_most is not None and value > one.at_most.value + ROUNDING:
        return False
    return one.exactly is None or abs(value - one.exactly.value) <= ROUNDING
