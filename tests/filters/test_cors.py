"""The filter `cors`: preflights answered, answers marked, and nothing doubled."""

from __future__ import annotations

import pytest

from orion_gateway.filters.cors import Cors
from orion_gateway.filters.cross_origin import CorsRules
from tests.filters.exchanges import Passing, Worker, fields_of, read_request, read_response

APP = "https://app.example.org"
SAID = ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers", "Vary")
PREFLIGHT = ("Access-Control-Request-Method: PUT",)


def pass_through(rules: CorsRules, origin: str | None, *lines: str) -> dict[str, list[str]]:
    """Return what an answer with these fields says behind the filter."""
    exchange = Passing(read_request("/", *(() if origin is None else (f"Origin: {origin}",))))
    cors = Cors(rules, Worker())
    assert cors.on_request(exchange) is None
    exchange.request.remove(b"origin")  # another filter may have edits
    exchange.response = read_response(*lines)
    cors.on_response(exchange)
    return fields_of(exchange.response, *SAID)


@pytest.mark.parametrize(
    ("origin", "lines", "said"),
    [
        (APP, (), {"Access-Control-Allow-Origin": [APP], "Vary": ["Origin"]}),
        ("https://evil.example", (), {"Vary": ["Origin"]}),
        (None, (), {"Vary": ["Origin"]}),
        (None, ("Vary: Accept, origin",), {"Vary": ["Accept, origin"]}),
        (APP, ("Vary: Accept",), {"Access-Control-Allow-Origin": [APP], "Vary": ["Accept", "Origin"]}),
        (APP, ("Vary: *",), {"Access-Control-Allow-Origin": [APP], "Vary": ["*"]}),
        (
            "https://evil.example",
            ("Access-Control-Allow-Origin: *", "access-control-allow-credentials: true"),
            {"Vary": ["Origin"]},
        ),
        (
            APP,
            ("Access-Control-Allow-Origin: *", "Access-Control-Allow-Origin: x", "Access-Control-Expose-Headers: y"),
            {"Access-Control-Allow-Origin": [APP], "Vary": ["Origin"]},
        ),
    ],
)
def test_an_answer_says_who_may_read_it(origin: str | None, lines: tuple[str, ...], said: dict[str, list[str]]) -> None:
    """Two Allow-Origin are refused by browsers, and without Vary a cache gives one page's answer to another."""
    assert pass_through(CorsRules((APP,)), origin, *lines) == said


@pytest.mark.parametrize("origin", [APP, "null", None])
def test_where_everybody_may_caches_keep_one_answer(origin: str | None) -> None:
    """A cache in front would hold a copy for every origin, or one that the next page cannot read."""
    rules = CorsRules(("*",), expose=("X-A",))
    said = {"Access-Control-Allow-Origin": ["*"], "Access-Control-Expose-Headers": ["X-A"]}
    assert pass_through(rules, origin) == said


def test_credentials_come_with_the_exact_origin() -> None:
    """Browsers take no other."""
    said = pass_through(CorsRules(("*",), credentials=True), APP)
    assert said["Access-Control-Allow-Origin"] == [APP]
    assert said["Access-Control-Allow-Credentials"] == ["true"]
    assert said["Vary"] == ["Origin"]


def test_a_preflight_is_answered_whole() -> None:
    """It would go to the service, which knows nothing of the table."""
    exchange = Passing(read_request("/", f"Origin: {APP}", *PREFLIGHT, method="OPTIONS"))
    cors = Cors(CorsRules((APP,), methods=("GET",)), Worker())
    reply = cors.on_request(exchange)
    assert reply is not None
    assert reply == cors.answer_preflight(exchange)
    assert (reply.status, reply.content) == (204, b"")
    said = dict(reply.headers)
    assert said[b"Access-Control-Allow-Origin"] == APP.encode()
    assert said[b"Vary"] == b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    assert exchange.notes[0] == "cors: method not allowed"


def test_a_preflight_of_another_origin_is_refused_in_words() -> None:
    """Who tries with curl would see an empty 204 and look for the mistake elsewhere."""
    exchange = Passing(read_request("/", "Origin: https://evil.example", *PREFLIGHT, method="OPTIONS"))
    reply = Cors(CorsRules((APP,), private_network=True), Worker()).answer_preflight(exchange)
    assert (reply.status, reply.content) == (403, None)
    assert [name for name, _ in reply.headers] == [b"Vary"]
    assert b"Private-Network" in reply.headers[0][1]
    assert exchange.notes == ["cors: origin not allowed"]


def test_what_is_not_enforced_changes_nothing() -> None:
    """Whoever moves CORS from the services to the gateway looks first; both would answer at once."""
    cors = Cors(CorsRules((APP,), enforce=False), Worker())
    assert cors.on_request(Passing(read_request("/", f"Origin: {APP}", *PREFLIGHT, method="OPTIONS"))) is None
    refused = cors.on_request(Passing(read_request("/", "Origin: https://x.example", *PREFLIGHT, method="OPTIONS")))
    assert refused is not None
    assert refused.status == 403  # counted, and not given to the client
    said = pass_through(CorsRules((APP,), enforce=False), APP, "Access-Control-Allow-Origin: *")
    assert said == {"Access-Control-Allow-Origin": ["*"]}
