"""The kinds of words about failures: what each accepts, and what it makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from orion_gateway.config.failure_words import (
    read_backoff,
    read_bounded_load,
    read_check_host,
    read_hedge,
    read_key_source,
    read_retry_condition,
    read_statuses,
    read_trip_share,
)
from orion_gateway.config.scalars import Interpolated
from orion_gateway.values import HedgeRules, KeySource

STRANGE: list[object] = ["", " ", ":", "..", "-", ",", None, True, [], {}, [None], -1, 1e300, float("nan"), "9" * 5000]
READERS = (
    read_backoff,
    read_bounded_load,
    read_check_host,
    read_hedge,
    read_key_source,
    read_retry_condition,
    read_statuses,
    read_trip_share,
)


def refuse(read: Any, value: object) -> tuple[str, str]:
    """Return the code with which a kind refuses a value, and what it suggests."""
    with pytest.raises(PydanticCustomError) as caught:
        read(value)
    assert caught.value.context is not None
    return caught.value.type, caught.value.context["suggestion"]


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: repr(value)[:20])
def test_what_means_nothing_is_refused(value: object) -> None:
    """A gateway would run with a rule that nobody wrote."""
    for read in READERS:
        assert refuse(read, value)[0].startswith("E02")


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("ip", KeySource("ip")),
        ("path", KeySource("path")),
        ("header:X-Session-Id", KeySource("header", "x-session-id")),
        ("cookie:Session", KeySource("cookie", "Session")),
        (Interpolated("header:X"), KeySource("header", "x")),
    ],
)
def test_a_key_says_what_binds_a_request(text: str, source: KeySource) -> None:
    """Requests of one session would spread over all endpoints; names of fields ignore case, those of cookies do not."""
    assert read_key_source(text) == source


@pytest.mark.parametrize(
    ("value", "code", "suggestion"),
    [
        ("user", "E0209", ""),
        ("user:id", "E0209", ""),
        ("users", "E0204", ""),
        ("IP", "E0204", "ip"),
        ("pth", "E0204", "path"),
        ("Cookie:x", "E0204", "cookie:x"),
        ("headers", "E0204", ""),
        ("header", "E0204", ""),
        ("cookie:a b", "E0207", ""),
        ({"header": "X"}, "E0201", ""),
    ],
)
def test_a_key_that_is_none_is_refused_with_what_was_meant(value: object, code: str, suggestion: str) -> None:
    """`key: user` would bind all requests to one endpoint as long as nobody is authenticated."""
    assert refuse(read_key_source, value) == (code, suggestion)


@pytest.mark.parametrize(
    ("value", "ranges"),
    [
        ("200-399", ((200, 399),)),
        (204, ((204, 204),)),
        ("200,204,300-399", ((200, 200), (204, 204), (300, 399))),
        (" 200 - 204 , 401 ", ((200, 204), (401, 401))),
        (Interpolated("200"), ((200, 200),)),
        ("100-599", ((100, 599),)),
    ],
)
def test_statuses_are_ranges(value: object, ranges: tuple[tuple[int, int], ...]) -> None:
    """A healthy endpoint would be called down."""
    assert read_statuses(value) == ranges


@pytest.mark.parametrize(
    ("value", "code", "suggestion"),
    [
        ("399-200", "E0203", "200-399"),
        ("2xx", "E0202", "200-299"),
        ("2xx,301", "E0202", "200-299,301"),
        ([200, 204], "E0201", "200,204"),
        (99, "E0203", ""),
        ("200-600", "E0203", ""),
        ("200,", "E0202", ""),
        ("200 204", "E0202", ""),
    ],
)
def test_statuses_that_are_none_are_refused(value: object, code: str, suggestion: str) -> None:
    """A check could never succeed."""
    assert refuse(read_statuses, value) == (code, suggestion)


@given(st.lists(st.tuples(st.integers(100, 599), st.integers(0, 499)), min_size=1, max_size=20))
def test_every_list_of_ranges_is_read_as_written(ranges: list[tuple[int, int]]) -> None:
    """A part of what was written would be lost."""
    bounds = [(low, min(599, low + more)) for low, more in ranges]
    assert read_statuses(",".join(f"{low}-{high}" for low, high in bounds)) == tuple(bounds)


@pytest.mark.parametrize(
    ("text", "bounds"),
    [("25ms..250ms", (0.025, 0.25)), ("0.5s..1.5m", (0.5, 90.0)), ("1s..1s", (1.0, 1.0)), ("0s..0s", (0.0, 0.0))],
)
def test_a_backoff_is_two_durations(text: str, bounds: tuple[float, float]) -> None:
    """Retries would come all at once, or too late."""
    assert read_backoff(text) == pytest.approx(bounds)


@pytest.mark.parametrize(
    ("value", "code", "suggestion"),
    [
        ("250ms..25ms", "E0203", "25ms..250ms"),
        ("25ms", "E0202", "25ms..25ms"),
        ("25ms-250ms", "E0202", "25ms..250ms"),
        ("25ms...250ms", "E0202", "25ms..250ms"),
        ("25ms to 250ms", "E0202", "25ms..250ms"),
        ("25 .. 250", "E0202", ""),
        ("25..250", "E0202", ""),
        ("1s..2s..3s", "E0202", ""),
        (25, "E0202", ""),
    ],
)
def test_a_backoff_that_is_none_is_refused(value: object, code: str, suggestion: str) -> None:
    """The longest wait would be shorter than the first one."""
    assert refuse(read_backoff, value) == (code, suggestion)


def test_a_hedge_waits_for_the_p95_or_a_duration() -> None:
    """A second attempt would be made for every request, or for none."""
    assert (read_hedge("off"), read_hedge("p95"), read_hedge("50ms")) == (None, HedgeRules(), HedgeRules(0.05))
    assert refuse(read_hedge, "p99") == ("E0202", "p95")
    assert refuse(read_hedge, "P95") == ("E0202", "p95")
    assert refuse(read_hedge, "0s") == ("E0203", "")


@pytest.mark.parametrize(
    ("value", "condition"),
    [("connect_failure", "connect_failure"), (503, "503"), (Interpolated("429"), "429"), (599, "599")],
)
def test_a_retry_condition_is_a_word_or_a_status(value: object, condition: str) -> None:
    """A failure would not be repeated although the table says so."""
    assert read_retry_condition(value) == condition


@pytest.mark.parametrize(
    ("value", "code", "suggestion"),
    [
        ("connect-failure", "E0204", "connect_failure"),
        ("timeout", "E0204", "response_timeout"),
        ("reset-before-request", "E0204", "reset_before_response"),
        ("conect_failure", "E0204", "connect_failure"),
        ("5xx", "E0204", ""),
        ("503", "E0201", ""),
        (200, "E0203", ""),
        (600, "E0203", ""),
        (True, "E0204", ""),
    ],
)
def test_a_retry_condition_that_is_none_is_refused(value: object, code: str, suggestion: str) -> None:
    """A word of another gateway would be taken and never apply."""
    assert refuse(read_retry_condition, value) == (code, suggestion)


def test_a_bounded_load_is_above_the_average() -> None:
    """At the average or below it every endpoint would count as overloaded."""
    assert (read_bounded_load(1.25), read_bounded_load(2), read_bounded_load("off")) == (1.25, 2.0, None)
    assert read_bounded_load(Interpolated("1.5")) == 1.5
    assert refuse(read_bounded_load, 1) == ("E0203", "")
    assert refuse(read_bounded_load, 101) == ("E0203", "")
    assert refuse(read_bounded_load, "125%") == ("E0201", "1.25")


def test_a_circuit_does_not_open_without_failures() -> None:
    """At 0% a service that always answers would be cut off."""
    assert read_trip_share("0.5%") == pytest.approx(0.005)
    assert refuse(read_trip_share, "0%") == ("E0203", "")


@pytest.mark.parametrize(
    ("text", "host"), [("Users.Internal", "users.internal"), ("a:8080", "a:8080"), ("[::1]:80", "[::1]:80")]
)
def test_the_host_of_a_check_may_have_a_port(text: str, host: str) -> None:
    """A virtual host could not be asked."""
    assert read_check_host(text) == host
    assert refuse(read_check_host, "a b") == ("E0207", "")
    assert refuse(read_check_host, "a:b") == ("E0207", "")
