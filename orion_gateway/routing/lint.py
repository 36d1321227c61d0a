"""Find routes that can never win, because another route takes every request that they could, and is tried first.

Only what is certain is reported: the winner has all hosts of the loser and the same path (params may have other names,
an expression must be the same text), and everything it demands is demanded by the loser too. Two routes that only
together hide a third are not found, nor is a path of another kind that covers the loser's.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from orion_gateway.routing.demands import taken_methods
from orion_gateway.routing.precedence import Kind, path_steps, precedence

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from orion_gateway.routing.precedence import PathRank, Precedence, Step
    from orion_gateway.values import Condition, Route, RouteMatch


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Route number `loser` never wins, because number `winner` does; `example` is a request that shows it.

    The example is written as the arguments of `orion explain`. Where an expression decides, it says so in words.
    """

    loser: int
    winner: int
    example: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    index: int
    route: Route
    steps: tuple[Step, ...]
    precedence: Precedence


def find_unreachable(routes: Sequence[Route]) -> list[Unreachable]:
    """Return the routes that can never win, in the order of the table, each with the first route that hides it."""
    same_path: dict[tuple[PathRank, str | None], list[_Candidate]] = defaultdict(list)
    for index, route in enumerate(routes):
        steps = path_steps(route.match)
        candidate = _Candidate(index, route, steps, precedence(route, index, steps))
        same_path[candidate.precedence[0], route.match.path_regex].append(candidate)
    unreachable = []
    for candidates in same_path.values():
        candidates.sort(key=lambda candidate: candidate.precedence)
        for at, loser in enumerate(candidates):
            for winner in candidates[:at]:
                if _takes_all_of(winner.route.match, loser.route.match):
                    unreachable.append(Unreachable(loser.index, winner.index, _example(loser.route.match, loser.steps)))
                    break
    return sorted(unreachable, key=lambda found: found.loser)


def _takes_all_of(winner: RouteMatch, loser: RouteMatch) -> bool:
    """Return whether `winner`, of the same path, takes every request that `loser` takes, hosts included."""
    return (
        # A winner without hosts is tried after a loser with some, so only the same ones count.
        (set(winner.hosts) >= set(loser.hosts) and bool(winner.hosts) == bool(loser.hosts))
        and _takes_all_words(taken_methods(winner.methods), taken_methods(loser.methods))
        and _takes_all_words(frozenset(winner.listeners), frozenset(loser.listeners))
        and all(
            any(_implies(had, wanted) for had in map(_fold, loser.headers)) for wanted in map(_fold, winner.headers)
        )
        and all(any(_implies(had, wanted) for had in loser.query) for wanted in winner.query)
    )


def _takes_all_words(winner: Set[object], loser: Set[object]) -> bool:
    return not winner or (bool(loser) and winner >= loser)


def _implies(had: Condition, wanted: Condition) -> bool:
    """Return whether every request that meets `had` meets `wanted`."""
    if had.name != wanted.name:
        return False
    is_enough = wanted.kind == "present" and wanted.value == "true" and had.kind != "present"
    return is_enough or (had.kind, had.value) == (wanted.kind, wanted.value)


def _fold(header: Condition) -> Condition:
    return replace(header, name=header.name.lower())


def _example(match: RouteMatch, steps: tuple[Step, ...]) -> str:
    method = match.methods[0] if match.methods else "GET"
    host = f"http://{match.hosts[0].replace('*', 'a', 1)}" if match.hosts else ""
    path = "".join("/" + _segment(step) for step in steps if step.kind is not Kind.END)
    if match.path_regex is not None:
        path = f"/<matching {match.path_regex}>"
    query = "&".join(
        quote(parameter.name, safe="") + ("=" + quote(value, safe="<> ") if value else "")
        for parameter in match.query
        if (value := _value(parameter)) is not None
    )
    return " ".join(
        [
            method,
            f"{host}{path}?{query}" if query else f"{host}{path}",
            *(f"-H '{header.name}: {value}'" for header in match.headers if (value := _value(header)) is not None),
            *(f"--listener {listener}" for listener in match.listeners[:1]),
        ]
    )


def _value(condition: Condition) -> str | None:
    """Return a value that meets the condition, None when there must be none."""
    match condition.kind:
        case "exact":
            return condition.value
        case "regex":
            return f"<matching {condition.value}>"
        case "present":
            return "x" if condition.value == "true" else None


def _segment(step: Step) -> str:
    return quote(step.text, safe="!$&'()*+,;=:@") if step.kind is Kind.LITERAL else "x"
