"""The order of filters, and what filters for origins let through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from orion_gateway.filters.filter import Filter
from orion_gateway.lint.chains import (
    find_late_cross_origin,
    find_loose_origins,
    find_misplaced_filters,
    find_open_origins,
    find_stranger,
    find_unenforced_filters,
)
from orion_gateway.routing.table import RouteTable
from tests.lint.tables import Authorizing, Disturbing, Storing, found, make_unknown, read, with_other

if TYPE_CHECKING:
    from pathlib import Path


def table(filters: str) -> str:
    return f"routes:\n  - {{name: r, match: {{path: /a}}, service: s, filters: [{filters}]}}\n"


@pytest.mark.parametrize(
    ("filters", "other", "expected"),
    [
        ("other", Authorizing, ['4 W0408 "other" judges by who asks, and nothing establishes who asks']),
        ("other, auth", Authorizing, ['4 W0408 "other" judges by who asks, and "auth" comes behind it']),
        ("auth, other", Authorizing, []),
        ("other, auth", Storing, ['4 W0409 "other" answers from what it kept before "auth" knows who asks']),
        ("auth, other", Storing, []),
        ("other", Storing, []),
        ("other, auth", make_unknown, []),
        ("other, auth", Filter, []),
    ],
)
def test_who_asks_is_known_before_it_counts(tmp_path: Path, filters: str, other: object, expected: list[str]) -> None:
    """A client would get the answer that was kept for another one, or a role be checked that nobody has."""
    assert found(find_misplaced_filters, read(tmp_path, table(filters), with_other(other))) == expected


def test_a_filter_of_many_routes_is_told_once(tmp_path: Path) -> None:
    """One mistake in the defaults would fill the screen."""
    routes = "".join(f"  - {{name: r{n}, match: {{path: /{n}}}, service: s, filters: [other]}}\n" for n in range(5))
    assert len(found(find_misplaced_filters, read(tmp_path, "routes:\n" + routes, with_other(Authorizing)))) == 1


@dataclass(frozen=True)
class Origins:
    """The rules of a filter for origins, as far as these rules look at them."""

    origins: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    credentials: bool = False


@pytest.mark.parametrize(
    ("rules", "is_told"),
    [
        (Origins(("*",), credentials=True), False),
        (Origins((), (".*",), credentials=True), True),
        (Origins((), ("https?://.+",), credentials=True), True),
        (Origins(("*",)), False),
        (Origins(("https://a.example",), ("https://[a-z]+[.]example",), credentials=True), False),
        (object(), False),
    ],
)
def test_every_origin_with_credentials_is_told(tmp_path: Path, rules: object, is_told: bool) -> None:
    """Any page could act in the name of whoever visits it."""
    subject = read(tmp_path, table("other"), with_other(Filter), {"other": rules})
    assert [line[:7] for line in found(find_open_origins, subject)] == (["4 W0307"] if is_told else [])


@pytest.mark.parametrize(
    ("pattern", "stranger"),
    [
        (r"https://example\.org.*", "https://example.org.evil.example"),
        (r"https://.*example\.org", "https://evilexample.org"),
        (r"https://api.example\.org", "https://apixexample.org"),
        (r"https://api\.example\.org", None),
        (r"https://.*\.example\.org", None),
        (r"https://[a-z0-9-]+\.example\.org", None),
        (r"https://example\.org(:[0-9]+)?", None),
        ("null", None),
    ],
)
def test_an_expression_for_origins_is_tried_with_those_of_others(pattern: str, stranger: str | None) -> None:
    """Whoever registers a host that looks alike would be let in; one that is right would be called wrong."""
    assert find_stranger(pattern) == stranger


def test_a_loose_expression_is_told_with_an_origin_that_shows_it(tmp_path: Path) -> None:
    """Nobody sees by eye that a dot is missing its backslash."""
    rules = Origins((), (r"https://a\.example", r"https://b\.example.*", ".*"))
    subject = read(tmp_path, table("other"), with_other(Filter), {"other": rules})
    assert found(find_loose_origins, subject) == [
        r'4 W0403 the expression "https://b\.example.*" also matches https://b.example.evil.example'
    ]


def test_origins_behind_a_filter_that_authenticates_are_noted(tmp_path: Path) -> None:
    """A page gets "network error" and not 401, and its author looks for a network that is broken."""
    for filters, expected in (
        ("auth, other", ['4 N0403 "other" comes behind "auth": pages cannot read its refusals']),
        ("other, auth", []),
    ):
        subject = read(tmp_path, table(filters), with_other(Filter), {"other": Origins()})
        assert found(find_late_cross_origin, subject) == expected


def test_harm_on_purpose_is_noted_where_it_hurts(tmp_path: Path) -> None:
    """An experiment would go on for ever."""
    environment = "gateway: {environment: development}\n"
    for text, expected in (
        (table("other"), ['4 N0405 "other" does harm on purpose']),
        (environment + table("other"), []),
    ):
        assert found(find_unenforced_filters, read(tmp_path, text, with_other(Disturbing))) == expected


def test_a_filter_that_only_counts_is_noted(tmp_path: Path) -> None:
    """A limit that was tried out would be thought to hold."""
    subject = read(tmp_path, table("auth, other"), with_other(Filter))
    (route,) = subject.routes
    trying = replace(route, filters=(replace(route.filters[0], enforce=False), route.filters[1]))
    told = replace(subject, table=RouteTable([trying]))
    assert found(find_unenforced_filters, told) == ['4 N0404 "auth" lets everything through and only counts']
