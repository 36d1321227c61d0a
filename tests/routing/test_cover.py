"""Routes that together demand no more than another one."""

from __future__ import annotations

import pytest

from orion_gateway.routing.cover import demanded, find_cover
from orion_gateway.values import Condition, RouteMatch

ANY = RouteMatch()


def present(name: str, wanted: str) -> Condition:
    return Condition(name, "present", wanted)


@pytest.mark.parametrize(
    ("loser", "others", "cover"),
    [
        (ANY, [ANY], {0}),
        (RouteMatch(methods=("GET",)), [RouteMatch(methods=("GET",)), RouteMatch(methods=("HEAD",))], {0}),
        (RouteMatch(methods=("GET",)), [RouteMatch(methods=("HEAD",))], None),
        (ANY, [RouteMatch(methods=("GET",)), ANY], {1}),
        (ANY, [RouteMatch(listeners=("a",)), RouteMatch(listeners=("b",))], {0, 1}),
        (ANY, [RouteMatch(listeners=("a",))], None),
        (ANY, [RouteMatch(headers=(present("X", "true"),)), RouteMatch(headers=(present("x", "false"),))], {0, 1}),
        (ANY, [RouteMatch(headers=(present("X", "true"),)), RouteMatch(query=(present("x", "false"),))], None),
        (
            RouteMatch(headers=(Condition("x", "exact", "7"),)),
            [RouteMatch(headers=(Condition("X", "regex", "[0-9]"),))],
            {0},
        ),
        (
            RouteMatch(headers=(Condition("x", "regex", "[0-9]"),)),
            [RouteMatch(headers=(Condition("x", "regex", "[0-9]+"),))],
            None,
        ),
    ],
)
def test_a_cover_is_found_only_when_nothing_is_left(
    loser: RouteMatch, others: list[RouteMatch], cover: set[int] | None
) -> None:
    """A route would be called hidden while requests of one method, listener or field still reach it."""
    found = find_cover(demanded(loser, 99), [demanded(other, at) for at, other in enumerate(others)], frozenset("ab"))
    assert found == cover
