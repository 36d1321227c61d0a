"""Guarded routes that somebody can get around."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orion_gateway.lint.exposure import find_exposed_routes, find_other_spellings
from orion_gateway.routing.example import Example, taker
from tests.lint.tables import Authorizing, found, hints, make_unknown, read, with_other

if TYPE_CHECKING:
    from pathlib import Path

GUARDED = "routes:\n  - {name: all, match: {path: /api/**}, service: s, filters: [auth]}\n"
KINDS = with_other(Authorizing)


def test_a_route_without_a_guard_inside_of_a_guarded_one_is_found_with_a_request(tmp_path: Path) -> None:
    """Somebody adds a route for a faster service, and everybody may use it."""
    subject = read(tmp_path, GUARDED + "  - {name: fast, match: {path: /api/fast}, service: t}\n", KINDS)
    assert found(find_exposed_routes, subject) == [
        '7 W0401 "fast" takes requests without asking who sends them that "all" would guard'
    ]
    assert hints(find_exposed_routes, subject) == [
        'GET /api/fast reaches "fast"; without it, "all" at routes.yaml:6 takes it, behind auth; '
        "write `filters: none` if everybody may"
    ]


@pytest.mark.parametrize("route", ["filters: none, service: t", "respond: {status: 204}", "admin: health"])
def test_what_is_public_on_purpose_is_only_a_note(tmp_path: Path, route: str) -> None:
    """Every table has a login; a warning about it would be switched off together with the ones that matter."""
    subject = read(tmp_path, GUARDED + f"  - {{name: login, match: {{path: /api/login}}, {route}}}\n", KINDS)
    assert [line.split()[1] for line in found(find_exposed_routes, subject)] == ["N0401"]


@pytest.mark.parametrize(
    "route",
    [
        "match: {path: /free}, service: s",
        "match: {path: /api/x}, service: s, filters: [auth]",
        "match: {path: /api/x}, service: s, filters: [other]",
        "match: {path: /**}, service: s",
    ],
    ids=["elsewhere", "authenticated", "authorized", "wider"],
)
def test_a_route_that_takes_nothing_from_a_guarded_one_is_left_alone(tmp_path: Path, route: str) -> None:
    """Warnings that are wrong would teach people to ignore warnings."""
    assert found(find_exposed_routes, read(tmp_path, GUARDED + f"  - {{name: r, {route}}}\n", KINDS)) == []


def test_a_filter_that_nobody_knows_may_be_a_guard(tmp_path: Path) -> None:
    """A plug-in that authenticates would be called missing."""
    table = GUARDED + "  - {name: r, match: {path: /api/x}, service: s, filters: [other]}\n"
    assert found(find_exposed_routes, read(tmp_path, table, with_other(make_unknown))) == []


def test_paths_that_only_cross_are_found_with_a_request_of_both(tmp_path: Path) -> None:
    """`/{tenant}/export` was guarded, and `/shop/{page}` is more specific for one of its requests."""
    table = (
        "routes:\n  - {name: export, match: {path: '/{tenant}/export'}, service: s, filters: [auth]}\n"
        "  - {name: shop, match: {path: '/shop/{page}'}, service: s}\n"
    )
    subject = read(tmp_path, table, KINDS)
    (hint,) = hints(find_exposed_routes, subject)
    assert hint.startswith('GET /shop/export reaches "shop"; without it, "export" at routes.yaml:6 takes it')


def test_hosts_count_too(tmp_path: Path) -> None:
    """A route for one host takes from a guarded one for all hosts."""
    table = GUARDED + "  - {name: old, match: {path: /api/**, hosts: [old.example.org]}, service: s}\n"
    (hint,) = hints(find_exposed_routes, read(tmp_path, table, KINDS))
    assert hint.startswith('GET http://old.example.org/api/x reaches "old"')


SEGMENT = st.sampled_from(["a", "b", "{x}"])
ROUTES = st.lists(
    st.tuples(
        st.lists(SEGMENT, min_size=1, max_size=3), st.sampled_from(["", "/**"]), st.sampled_from(["auth", "", "other"])
    ),
    min_size=2,
    max_size=6,
)


def number_params(segments: list[str]) -> list[str]:
    return [segment.replace("x", f"x{at}") for at, segment in enumerate(segments)]


@given(ROUTES)
@settings(max_examples=40, deadline=None)
def test_every_request_that_is_shown_goes_where_it_is_said_to_go(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[list[str], str, str]]
) -> None:
    """Somebody would try the request of a warning, see another route, and trust no warning any more."""
    lines = [
        f"  - {{name: r{at}, match: {{path: '/{'/'.join(number_params(segments))}{end}'}}, service: s"
        + (f", filters: [{name}]}}" if name else "}")
        for at, (segments, end, name) in enumerate(drawn)
    ]
    subject = read(tmp_path_factory.getbasetemp(), "routes:\n" + "\n".join(lines) + "\n", KINDS)
    for finding in find_exposed_routes(subject):
        method, path = finding.help.split()[:2]
        index = taker(subject.table, Example(method.encode(), path=path.encode()), "http")
        assert index is not None
        assert subject.routes[index].filters == ()
        assert finding.message.startswith(f'"{subject.routes[index].name}" takes')


@pytest.mark.parametrize(
    ("wide", "expected"),
    [
        ("service: s", {"N0402 another letter case: GET /API/x"}),
        (
            "service: s, allow_empty_segments: true",
            {"W0402 `//`: GET //api/x", "N0402 another letter case: GET /API/x"},
        ),
        (
            "service: s, allow_encoded_slash: true",
            {"W0402 `%2F`: GET /api%2Fx", "N0402 another letter case: GET /API/x"},
        ),
        ("service: s, filters: [auth]", set()),
        ("service: t, allow_empty_segments: true", set()),
    ],
    ids=["plain", "empty", "encoded", "guarded", "elsewhere"],
)
def test_another_spelling_that_passes_by_a_guard_is_found(tmp_path: Path, wide: str, expected: set[str]) -> None:
    """The service joins `//`, or ignores case, and whoever writes the path so needs no login."""
    subject = read(tmp_path, GUARDED + f"  - {{name: rest, match: {{path: /**}}, {wide}}}\n", KINDS)
    shown = {
        f"{finding.code} {finding.message.split(' takes')[0]}: {finding.help.split(' reaches')[0]}"
        for finding in find_other_spellings(subject)
    }
    assert shown == expected


def test_a_final_slash_is_another_spelling_of_a_route_that_ends(tmp_path: Path) -> None:
    """`/admin` is guarded, `/admin/` goes by the catch-all to the same page."""
    table = (
        "routes:\n  - {name: admin, match: {path: '/{id}/7'}, service: s, filters: [auth]}\n"
        "  - {name: rest, match: {path: '/{id}/7/'}, service: s}\n"
    )
    (finding,) = find_other_spellings(read(tmp_path, table, KINDS))
    assert (finding.code, finding.help.split(" reaches")[0]) == ("N0402", "GET /x/7/")
