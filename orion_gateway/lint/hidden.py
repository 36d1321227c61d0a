"""Routes that can never win."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.routing.lint import find_unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orion_gateway.config.errors import Finding
    from orion_gateway.lint.rule import Subject
    from orion_gateway.routing.lint import Unreachable

MOST_SHOWN = 3
"""Winners that are named one by one."""


def find_hidden_routes(subject: Subject) -> Iterator[Finding]:
    """Yield a warning for each route that can never win, with requests that show it."""
    listeners = [listener.name for listener in subject.loaded.config.listeners]
    for found in find_unreachable(subject.routes, listeners, subject.table):
        name = subject.routes[found.loser].name
        location = ("routes", found.loser, "name")
        yield subject.finding(location, "W0301", f'the route "{name}" can never win', _explain(subject, found))


def _explain(subject: Subject, found: Unreachable) -> str:
    def named(index: int) -> str:
        return f'"{subject.routes[index].name}" at {subject.loaded.places.at(("routes", index, "name"))}'

    examples = {winner: str(example) for example, winner in found.examples}
    if len(found.winners) == 1:
        (winner,) = found.winners
        shown = f", such as: {examples[winner]}" if winner in examples else ""
        return f"{named(winner)} takes all of its requests{shown}"
    parts = [
        named(winner) + (f" (such as: {examples[winner]})" if winner in examples else "")
        for winner in found.winners[:MOST_SHOWN]
    ]
    rest = len(found.winners) - len(parts)
    more = f" and {rest} more" if rest else ""
    return f"{', '.join(parts)}{more} together take all of its requests"
