"""From the keys of filters to their rules: what is written arrives, and closer keys win."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orion_gateway.assembly import build_routes
from orion_gateway.config.load import load_table
from orion_gateway.filter_assembly import build_base_filters, build_filters
from orion_gateway.filters import FILTERS
from orion_gateway.filters.cross_origin import CorsRules
from orion_gateway.filters.fault import Abort, Delay, FaultRules
from orion_gateway.filters.security_headers import SecurityRules
from tests.filters.exchanges import Worker

if TYPE_CHECKING:
    from orion_gateway.config.load import Loaded

GOOD = Path(__file__).parent / "config" / "good"
HEAD = 'version: 1\nlisteners: [{name: http, bind: "127.0.0.1:8080"}]\n'
DEFAULTS = SecurityRules(
    (
        ("X-Frame-Options", "SAMEORIGIN"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ),
    "max-age=31536000",
)


def load(folder: Path, gateway: str, route: str) -> Loaded:
    """Load a table whose gateway and only route say this of `security_headers`; empty: nothing."""
    path = folder / "routes.yaml"
    path.write_text(
        HEAD
        + (f"gateway: {{security_headers: {gateway}}}\n" if gateway else "")
        + "routes:\n  - name: a\n    respond: {}\n"
        + (f"    security_headers: {route}\n" if route else "")
    )
    return load_table(path, {})


@pytest.mark.parametrize(
    ("gateway", "route", "rules"),
    [
        ("", "", None),
        ("off", "", None),
        ("{}", "", DEFAULTS),
        ("{}", "off", None),
        ("", "{}", DEFAULTS),
        (
            "{frame_options: DENY}",
            "{}",
            SecurityRules((("X-Frame-Options", "DENY"), *DEFAULTS.fields[1:]), DEFAULTS.hsts),
        ),
        (
            "{frame_options: DENY, hsts: off, referrer_policy: off}",
            "{frame_options: off, csp: x}",
            SecurityRules((("X-Content-Type-Options", "nosniff"), ("Content-Security-Policy", "x"))),
        ),
        ("{hsts: off, frame_options: off, content_type_options: off, referrer_policy: off}", "", None),
    ],
)
def test_the_closest_key_of_security_headers_wins(
    tmp_path: Path, gateway: str, route: str, rules: SecurityRules | None
) -> None:
    """A route that needs another policy would lose all the others, or could not switch one off."""
    uses = build_filters(load(tmp_path, gateway, route), 0)
    assert [use.rules for use in uses] == ([] if rules is None else [rules])


def test_answers_of_no_route_are_as_the_gateway_says(tmp_path: Path) -> None:
    """A 404 could be framed although nothing else can."""
    assert [use.rules for use in build_base_filters(load(tmp_path, "{}", "off"))] == [DEFAULTS]
    assert build_base_filters(load(tmp_path, "", "{}")) == ()


def test_security_headers_come_before_every_filter_of_the_list() -> None:
    """On the way back they would not see what the filters of the list have said."""
    routes = build_routes(load_table(GOOD / "shaping_filters.yaml", {}))
    kinds = [use.kind for use in routes[0].filters]
    assert kinds == ["security_headers", "cors", "fault", "request_headers", "response_headers"]
    assert [use.kind for use in routes[1].filters] == ["cors", "fault"]
    place = routes[0].filters[0].place
    assert place is not None
    assert (GOOD / "shaping_filters.yaml").read_text().splitlines()[place.line - 1].startswith("    security_headers")


def test_what_is_written_arrives() -> None:
    """A key would be accepted and do nothing."""
    users, plain, _ = build_routes(load_table(GOOD / "shaping_filters.yaml", {}))
    assert users.filters[1].rules == CorsRules(
        ("https://app.example.org", "https://*.example.org:8443", "null", "capacitor://localhost"),
        (r"https://pr-\d+\.example\.org",),
        ("GET", "PUT"),
        ("Content-Type", "Authorization"),
        ("X-Request-Id",),
        credentials=True,
        max_age=7200.0,
        private_network=True,
        enforce=False,
    )
    assert not users.filters[1].enforce
    assert plain.filters[0].rules == CorsRules(("*",), expose=("*",), max_age=0.0)
    assert users.filters[2].rules == FaultRules(Delay(0.1, 2.0), Abort(503), 0.1)
    assert plain.filters[1].rules == FaultRules(Delay(1.0, 1.0, 0.5), Abort(200, b"Broken.", 0.005))


def test_every_filter_of_a_table_can_be_made_in_a_worker() -> None:
    """Rules that cannot be shipped, or that their filter does not take, would end the worker."""
    for route in build_routes(load_table(GOOD / "shaping_filters.yaml", {})):
        for use in pickle.loads(pickle.dumps(route.filters)):
            FILTERS[use.kind](use.rules, Worker()).close()
