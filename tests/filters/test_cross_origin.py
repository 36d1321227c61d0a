"""What pages of other origins are told they may do (Fetch, section 3.3)."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.filters.cross_origin import CorsRules, CrossOrigin, Preflight, is_preflight, varies_on_origin
from tests.filters.exchanges import read_request

APP = "https://app.example.org"
EVERYBODY = CorsRules(("*",))


def allow(rules: CorsRules, *origins: str) -> str | None:
    """Return Access-Control-Allow-Origin for these values of Origin."""
    allowed = CrossOrigin(rules).allow_origin([origin.encode("latin-1") for origin in origins])
    return None if allowed is None else allowed.decode("latin-1")


@pytest.mark.parametrize(
    ("listed", "origin", "is_allowed"),
    [
        (APP, APP, True),
        (APP, "https://app.example.org.evil.example", False),
        (APP, "https://xapp.example.org", False),
        (APP, "http://app.example.org", False),
        (APP, "https://app.example.org:8443", False),
        (APP, "https://APP.example.org", False),
        (APP, "https://app.example.org/", False),
        (APP, "null", False),
        (APP, "", False),
        ("https://*.example.org", APP, True),
        ("https://*.example.org", "https://a-b_1.example.org", True),
        ("https://*.example.org", "https://example.org", False),
        ("https://*.example.org", "https://.example.org", False),
        ("https://*.example.org", "https://a.b.example.org", False),
        ("https://*.example.org", "http://a.example.org", False),
        ("https://*.example.org", "https://a.example.org:444", False),
        ("https://*.example.org", "https://evil.example?.example.org", False),
        ("https://*.example.org", "https://evil.example/.example.org", False),
        ("https://*.example.org", "https://evil.example#.example.org", False),
        ("https://*.example.org", "https://u@.example.org", False),
        ("https://*.example.org", "https://xexample.org", False),
        ("https://*.example.org:8443", "https://a.example.org:8443", True),
        ("https://*.example.org:8443", "https://a.example.org", False),
        ("null", "null", True),
        ("null", APP, False),
    ],
)
def test_an_origin_is_allowed_when_it_is_listed(listed: str, origin: str, is_allowed: bool) -> None:
    """A page of somebody else would read what is meant for this one, or this one could not."""
    rules = CorsRules((listed,), credentials=True)
    assert allow(rules, origin) == (origin if is_allowed else None)


@pytest.mark.parametrize(
    ("pattern", "origin", "is_allowed"),
    [
        (r"https://pr-[0-9]+\.example\.org", "https://pr-7.example.org", True),
        (r"https://pr-[0-9]+\.example\.org", "https://pr-7.example.org.evil.example", False),
        (r"https://pr-[0-9]+\.example\.org", "xhttps://pr-7.example.org", False),
        (r"https://(a|b)", "https://a\n", False),
        (r".*", "null", False),
        (r".*", "", False),
    ],
)
def test_a_pattern_matches_whole_origins_and_never_null(pattern: str, origin: str, is_allowed: bool) -> None:
    """`example.org` somewhere in an origin would be enough, and a page in a sandbox has no origin to be trusted."""
    assert allow(CorsRules((), (pattern,)), origin) == (origin if is_allowed else None)


def test_two_origins_are_none() -> None:
    """Which of them a page has, nobody could say."""
    assert allow(CorsRules((APP,)), APP, APP) is None


@given(credentials=st.booleans(), origin=st.sampled_from([APP, "null", "https://evil.example"]), expose=st.booleans())
def test_a_star_never_stands_beside_credentials(credentials: bool, origin: str, expose: bool) -> None:
    """Browsers refuse the two together, so that nothing would work."""
    policy = CrossOrigin(CorsRules(("*",), credentials=credentials, expose=("X-A",) if expose else ()))
    for fields in (
        policy.response_fields([origin.encode()]),
        policy.preflight_fields(Preflight([origin.encode()], b"GET")),
    ):
        said = dict(fields or ())
        if b"Access-Control-Allow-Credentials" in said:
            assert said[b"Access-Control-Allow-Origin"] == origin.encode() != b"null"
    assert policy.answers_alike == (not credentials)


def test_everybody_is_told_the_same_where_everybody_may() -> None:
    """An answer that a cache kept of a request without Origin would be refused to the next page."""
    policy = CrossOrigin(EVERYBODY)
    assert policy.response_fields(()) == policy.response_fields([b"https://x.example"]) != ()
    assert CrossOrigin(CorsRules((APP,))).response_fields(()) == ()


def ask(rules: CorsRules, method: str = "PUT", headers: str = "", *, private: bool = False) -> dict[str, str]:
    """Return what the answer to a preflight of the application says, less the prefix that all have."""
    asked = Preflight([APP.encode()], method.encode(), [headers.encode()] if headers else [], private)
    fields = CrossOrigin(rules).preflight_fields(asked)
    return {name.decode().removeprefix("Access-Control-"): value.decode() for name, value in fields or ()}


@pytest.mark.parametrize(
    ("rules", "headers", "private", "said"),
    [
        (CorsRules((APP,), methods=("PUT",)), "", False, {"Allow-Methods": "PUT", "Max-Age": "600"}),
        (CorsRules((APP,), methods=(), max_age=0), "", False, {"Max-Age": "0"}),
        (
            CorsRules((APP,), methods=("PUT",), headers=("X-A", "X-B"), credentials=True, expose=("X-C",)),
            "x-z",
            False,
            {"Allow-Methods": "PUT", "Allow-Headers": "X-A, X-B", "Allow-Credentials": "true", "Max-Age": "600"},
        ),
        (
            CorsRules((APP,), methods=("PUT",)),
            "authorization,content-type",
            False,
            {"Allow-Methods": "PUT", "Allow-Headers": "authorization, content-type", "Max-Age": "600"},
        ),
        (CorsRules((APP,), methods=("PUT",)), "a b", False, {"Allow-Methods": "PUT", "Max-Age": "600"}),
        (
            CorsRules((APP,), methods=("PUT",), private_network=True),
            "",
            True,
            {"Allow-Methods": "PUT", "Allow-Private-Network": "true", "Max-Age": "600"},
        ),
        (
            CorsRules((APP,), methods=("PUT",), private_network=True),
            "",
            False,
            {"Allow-Methods": "PUT", "Max-Age": "600"},
        ),
        (CorsRules((APP,), methods=("PUT",)), "", True, {"Allow-Methods": "PUT", "Max-Age": "600"}),
    ],
)
def test_a_preflight_is_told_what_is_allowed(
    rules: CorsRules, headers: str, private: bool, said: dict[str, str]
) -> None:
    """The request that it asks about would be refused, or one be made that the table does not allow."""
    assert ask(rules, headers=headers, private=private) == {"Allow-Origin": APP, **said}


def test_a_preflight_of_another_origin_is_told_nothing() -> None:
    """Whoever is not listed would learn what others may."""
    assert CrossOrigin(CorsRules((APP,))).preflight_fields(Preflight([b"https://evil.example"], b"PUT")) is None


@pytest.mark.parametrize(
    ("rules", "asked", "objection"),
    [
        (CorsRules((APP,)), Preflight([APP.encode()], b"PUT", [b"x-a"]), ""),
        (CorsRules((APP,), methods=("PUT",)), Preflight([APP.encode()], b"POST"), ""),
        (CorsRules((APP,), methods=("PUT",)), Preflight([APP.encode()], b"DELETE"), "method not allowed"),
        (CorsRules((APP,), headers=("X-A",)), Preflight([APP.encode()], b"GET", [b"x-a"]), ""),
        (
            CorsRules((APP,), headers=("X-A",)),
            Preflight([APP.encode()], b"GET", [b"x-a, x-b"]),
            "field x-b not allowed",
        ),
        (CorsRules((APP,)), Preflight([b"null"], b"GET"), "origin not allowed"),
        (CorsRules((APP,)), Preflight([APP.encode()], b"GET", (), True), "private network not allowed"),
    ],
)
def test_the_log_says_why_a_browser_will_refuse(rules: CorsRules, asked: Preflight, objection: str) -> None:
    """The browser tells only the user's console; who runs the gateway would see a 204 and nothing else."""
    assert CrossOrigin(rules).find_objection(asked) == objection


@pytest.mark.parametrize(
    ("method", "lines", "expected"),
    [
        ("OPTIONS", ("Origin: https://a", "Access-Control-Request-Method: PUT"), True),
        ("OPTIONS", ("Origin: https://a",), False),
        ("OPTIONS", ("Access-Control-Request-Method: PUT",), False),
        ("GET", ("Origin: https://a", "Access-Control-Request-Method: PUT"), False),
    ],
)
def test_a_preflight_is_known_by_method_and_fields(method: str, lines: tuple[str, ...], expected: bool) -> None:
    """Another OPTIONS is for the service, and an answer of ours would take its place."""
    assert is_preflight(read_request("/", *lines, method=method)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), False),
        ((b"Accept",), False),
        ((b"accept, ORIGIN",), True),
        ((b"a", b"origin"), True),
        ((b"*",), True),
        ((b"X-Origin",), False),
    ],
)
def test_vary_is_read_as_a_list(values: tuple[bytes, ...], expected: bool) -> None:
    """It would stand there twice, or not at all because of a field that only sounds like it."""
    assert varies_on_origin(values) == expected


def test_rules_travel_to_workers() -> None:
    """They are made in the supervisor."""
    rules = CorsRules((APP,), ("x",))
    assert pickle.loads(pickle.dumps(rules)) == rules
