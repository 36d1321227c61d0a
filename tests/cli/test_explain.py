"""`orion explain`: which route takes a request, why the others lost, and what follows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from orion_gateway.assembly import build_routes
from orion_gateway.cli.explain import command
from orion_gateway.config.load import load_table
from orion_gateway.explanation.answer import ask, find_answer
from orion_gateway.routing.split import make_token
from orion_gateway.routing.table import RouteTable

if TYPE_CHECKING:
    from pathlib import Path

TABLE = """\
version: 1
gateway:
  limits: {body: 1MiB}
listeners:
  - {name: http, bind: "127.0.0.1:8080"}
  - {name: internal, bind: "127.0.0.1:8081"}
services:
  users:
    endpoints:
      - url: "http://127.0.0.1:3002/base"
        weight: 2
      - url: "http://127.0.0.1:3012"
    load_balancer: least_connections
    timeouts: {connect: 500ms, idle: off}
defaults:
  timeouts: {total: 1m}
routes:
  - name: users
    match: {path: "/api/users/**", methods: [GET, POST]}
    service: users
    rewrite: {strip_prefix: /api, host: upstream, query: {set: {via: orion}}}
    timeouts: {response: 2s}
    websocket: {enabled: true, origins: ["https://app.example.org"]}
  - name: beta
    match: {path: "/api/users/me", headers: {X-Beta: "1"}, listeners: [internal]}
    respond: {status: 404, body: "no", headers: {X-A: b}}
    limits: {body: 100}
  - name: old
    match: {hosts: [old.example.org], path_regex: "/(a|b)"}
    redirect: {location: "https://example.org/"}
  - name: health
    match: {path: /health}
    admin: health
    limits: {body: off}
  - name: risky
    match: {path: "/risky/**"}
    service: users
    rewrite: {regex: {pattern: "x", to: ".."}}
    limits: {body: 2KiB}
  - name: plain
    match: {path: /plain}
    service: users
  - name: shop
    match: {path: "/shop/**"}
    app: shop:make_app
    rewrite: {strip_prefix: /shop}
    timeouts: {response: 5s}
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text(TABLE)
    return path


def run(table: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["-c", str(table), *arguments])


def run_json(table: Path, *arguments: str) -> dict[str, Any]:
    document = json.loads(run(table, "--json", *arguments).stdout)
    assert isinstance(document, dict)
    return document


def test_what_follows_is_told_with_the_place_of_every_setting(table: Path) -> None:
    """One would search the table for where a timeout comes from."""
    result = run(table, "GET", "/api/users/7?x=1")
    assert result.exit_code == 0
    at = f"{table}:"
    assert [line.replace(at, "@").split() for line in result.stdout.splitlines()] == [
        ["GET", "/api/users/7?x=1,", "host", "none,", "listener", "http"],
        ["taken", "by", "route", "users", "(@18)"],
        ["answered", "by", "service", "users"],
        ["service", "users", "@20"],
        ["endpoint", "http://127.0.0.1:3002/base", "weight", "2", "@10"],
        ["endpoint", "http://127.0.0.1:3012", "weight", "1", "@12"],
        ["load_balancer", "least_connections", "@13"],
        ["target", "/users/7?x=1&via=orion", "@21"],
        ["host", "the", "endpoint's", "@21"],
        ["timeouts.connect", "500ms", "@14"],
        ["timeouts.response", "2s", "@22"],
        ["timeouts.idle", "off", "@14"],
        ["timeouts.total", "60s", "@16"],
        ["limits.body", "1MiB", "@3"],
        ["websocket", "tunnel,", "idle", "600s,", "origins", "https://app.example.org", "@23"],
        ["near", "candidates:"],
        ["beta", "(@24):", "path:", "segment", "3", "is", "'7',", "not", "'me'"],
    ]


RESILIENT = """\
version: 1
listeners: [{name: http, bind: "127.0.0.1:8080"}]
services:
  users:
    endpoints: [{url: "http://127.0.0.1:3002"}]
    load_balancer:
      {policy: maglev, key: header:X-Session, bounded_load: 1.25, sticky: {cookie: lb}}
    slow_start: 30s
    health_check: {path: /health/ready, status: "200,204,300-399", host: users.internal, port: 9000}
    outlier_detection: {ejection: 500ms}
    panic: use_all
    circuit_breaker: {fallback: {service: archive}}
    retries:
      hedge: p95
      budget: {min: 1}
  archive:
    endpoints: [{url: "http://127.0.0.1:3003"}]
    circuit_breaker: {trip: error_rate, threshold: 30%, fallback: {respond: {status: 200}}}
    retries: off
  ids:
    endpoints: [{url: "http://127.0.0.1:3004"}]
    load_balancer: {policy: consistent_hash, key: ip}
    circuit_breaker: {open_for: 5s}
defaults:
  retries: {max: 2}
routes:
  - {name: users, match: {path: "/users/**"}, service: users, retries: {on: [503, connect_failure]}}
  - {name: archive, match: {path: /archive}, service: archive}
  - {name: ids, match: {path: /ids}, service: ids, retries: {hedge: 50ms}}
  - {name: never, match: {path: /never}, service: ids, retries: off}
"""


def test_how_failures_are_dealt_with_is_told_in_one_line_for_each_group(table: Path) -> None:
    """One would have to read the service, the defaults and the route to know what a failure leads to."""
    table.write_text(RESILIENT)

    def told(method: str, path: str) -> list[tuple[str, str, str]]:
        result = run_json(table, method, path)
        names = ("slow_start", "panic", "load_balancer", "retries", "retries.hedge", "retries.budget")
        return [
            (setting["name"], setting["value"], setting["where"].replace(f"{table}:", "@"))
            for setting in result["follows"]
            if setting["name"] in names or setting["name"].endswith(("_check", "_detection", "_breaker"))
        ]

    assert told("GET", "/users/7") == [
        ("load_balancer", "maglev by header x-session, bounded_load 1.25, sticky cookie lb", "@6"),
        ("slow_start", "30s", "@8"),
        (
            "health_check",
            "GET /health/ready every 10s, timeout 5s, rise 2, fall 3, status 200,204,300-399, host users.internal, "
            "port 9000",
            "@9",
        ),
        ("outlier_detection", "5 failures, out 500ms to 300s, at most 50%", "@10"),
        ("panic", "use_all", "@11"),
        ("circuit_breaker", "consecutive, 5 failures, open 60s, then service archive", "@12"),
        ("retries", "max 2, on connect_failure 503, backoff 25ms..250ms", "@27"),
        ("retries.hedge", "a second attempt after the live p95", "@14"),
        ("retries.budget", "20% of requests, at least 1/s", "@15"),
    ]
    assert told("POST", "/users/7")[-2:] == [
        (
            "retries",
            "max 2, on connect_failure 503, backoff 25ms..250ms; POST only when nothing of it was sent",
            "@27",
        ),
        ("retries.budget", "20% of requests, at least 1/s", "@15"),
    ]
    assert told("GET", "/archive")[1:] == [
        ("circuit_breaker", "error_rate, 30% of 10 or more in 60s, open 60s, then respond 200", "@18"),
        ("retries", "off", "@19"),
    ]
    assert told("GET", "/ids") == [
        ("load_balancer", "consistent_hash by ip", "@22"),
        ("circuit_breaker", "consecutive, 5 failures, open 5s", "@23"),
        ("retries", "max 2, on connect_failure reset_before_response 502 503 504, backoff 25ms..250ms", "@29"),
        ("retries.hedge", "a second attempt after 50ms", "@29"),
        ("retries.budget", "20% of requests, at least 3/s", "default"),
    ]
    assert told("GET", "/never")[-1] == ("retries", "off", "@30")


def test_the_filters_are_told_in_their_order_with_their_places(table: Path) -> None:
    """One would have to resolve names and defaults by hand to know what a request passes."""
    filters = "filters:\n  tidy: {response_headers: {remove: [Server]}}\ndefaults:\n  filters: [tidy]\n"
    own = "    filters: [defaults, {request_headers: {remove: [A]}}]\n"
    table.write_text(SPLIT.replace("routes:\n", f"{filters}routes:\n") + own)
    document = run_json(table, "GET", "/a")
    told = [(each["name"], each["value"], each["where"].replace(f"{table}:", "@")) for each in document["follows"]]
    assert told[:2] == [
        ("filter", "tidy (response_headers): shapes", "@9"),
        ("filter", "request_headers: shapes", "@18"),
    ]
    assert [each["name"] for each in document["filters"]] == ["tidy", "request_headers"]


SPLIT = """\
version: 1
listeners: [{name: http, bind: "127.0.0.1:8080"}]
services:
  old: {endpoints: [{url: "http://127.0.0.1:3002"}], timeouts: {response: 5s}}
  new:
    endpoints: [{url: "http://127.0.0.1:3003"}]
    retries: {max: 1, on: [503]}
routes:
  - name: canary
    split:
      to: [{service: old, weight: 190}, {service: new, weight: 10}]
      sticky: release
    timeouts: {total: 9s}
"""


def test_each_service_of_a_split_is_told_with_its_share_and_its_own_settings(table: Path) -> None:
    """One would take the timeouts and retries of one release for those of the other."""
    table.write_text(SPLIT)
    document = run_json(table, "GET", "/a")
    told = [
        (setting["name"], setting["value"], setting["where"].replace(f"{table}:", "@"))
        for setting in document["follows"]
    ]
    assert document["message"] == "split old 190, new 10 by cookie release"
    assert told == [
        ("split", "old weight 190: 95% of the requests", "@11"),
        ("split", "new weight 10: 5% of the requests", "@11"),
        ("split.sticky", "cookie release", "@12"),
        ("target", "/a", "default"),
        ("host", "the client's", "default"),
        ("service", "old", "@11"),
        ("endpoint", "http://127.0.0.1:3002 weight 1", "@4"),
        ("load_balancer", "round_robin", "default"),
        ("timeouts.connect", "3s", "default"),
        ("timeouts.response", "5s", "@4"),
        ("timeouts.idle", "300s", "default"),
        ("timeouts.total", "9s", "@13"),
        ("service", "new", "@11"),
        ("endpoint", "http://127.0.0.1:3003 weight 1", "@6"),
        ("load_balancer", "round_robin", "default"),
        ("timeouts.connect", "3s", "default"),
        ("timeouts.response", "30s", "default"),
        ("timeouts.idle", "300s", "default"),
        ("timeouts.total", "9s", "@13"),
        ("retries", "max 1, on 503, backoff 25ms..250ms", "@7"),
        ("retries.budget", "20% of requests, at least 3/s", "default"),
        ("limits.body", "10MiB", "default"),
        ("websocket", "off", "default"),
    ]


@pytest.mark.parametrize(("cookie", "service"), [("", "old"), (make_token("new").decode(), "new"), ("x", "old")])
def test_the_service_of_a_split_is_that_of_the_cookie_else_the_heaviest(table: Path, cookie: str, service: str) -> None:
    """`--live` would show how the other release stands."""
    table.write_text(SPLIT)
    loaded = load_table(table, {})
    fields = ((b"cookie", f"release={cookie}".encode()),)
    asked = ask("GET", "/", fields, None, ["http"])
    assert find_answer(loaded, RouteTable(build_routes(loaded)), asked).service == service


def test_what_nobody_wrote_is_a_default(table: Path) -> None:
    """A default would look like a setting that one could find in the table."""
    follows = {setting["name"]: setting for setting in run_json(table, "GET", "/plain?a=%20")["follows"]}
    assert follows["target"] == {"name": "target", "value": "/plain?a=%20", "where": "default"}
    assert follows["host"] == {"name": "host", "value": "the client's", "where": "default"}
    assert follows["timeouts.response"] == {"name": "timeouts.response", "value": "30s", "where": "default"}
    assert follows["websocket"] == {"name": "websocket", "value": "off", "where": "default"}


@pytest.mark.parametrize(
    ("arguments", "route", "follows"),
    [
        (
            ("GET", "/api/users/me", "-H", "x-beta: 1", "--listener", "internal"),
            "beta",
            [
                ("respond.status", "404", 26),
                ("respond.headers", "X-A: b", 26),
                ("respond.body", "2 bytes", 26),
                ("limits.body", "100 bytes", 27),
            ],
        ),
        (
            ("GET", "http://old.example.org:8080/a?b"),
            "old",
            [
                ("redirect.location", "https://example.org/", 30),
                ("redirect.status", "308", 0),
                ("limits.body", "1MiB", 3),
            ],
        ),
        (("GET", "/b", "-H", "Host:OLD.example.org"), "old", []),
        (("HEAD", "/health"), "health", [("admin", "health", 33), ("limits.body", "off", 34)]),
        (("GET", "https://any.example.org/health"), "health", []),
        (("GET", "/risky/y"), "risky", [("target", "/risky/y", 38), ("limits.body", "2KiB", 39)]),
        (
            ("GET", "/shop/a?b"),
            "shop",
            [
                ("app", "shop:make_app", 45),
                ("target", "/a?b", 46),
                ("timeouts.response", "5s", 47),
                ("timeouts.idle", "300s", 0),
                ("timeouts.total", "60s", 16),
                ("limits.body", "1MiB", 3),
            ],
        ),
    ],
)
def test_every_kind_of_answer_is_explained(
    table: Path, arguments: tuple[str, ...], route: str, follows: list[tuple[str, str, int]]
) -> None:
    """What a route that is not a service does would stay unsaid."""
    assert run(table, *arguments).exit_code == 0
    document = run_json(table, *arguments)
    assert document["route"]["name"] == route
    told = [(setting["name"], setting["value"], setting["where"]) for setting in document["follows"]]
    for name, value, line in follows:
        assert (name, value, f"{table}:{line}" if line else "default") in told


@pytest.mark.parametrize(
    ("arguments", "status", "message", "lost"),
    [
        (("GET", "/none"), 404, "no route takes it", []),
        (
            ("DELETE", "/api/users/7"),
            405,
            "no route takes this method; Allow: GET, HEAD, OPTIONS, POST",
            ["methods: DELETE is not in GET, POST", "path: segment 3 is '7', not 'me'"],
        ),
        (
            ("OPTIONS", "/api/users/7"),
            204,
            "the gateway answers OPTIONS itself; Allow: GET, HEAD, OPTIONS, POST",
            ["methods: OPTIONS is not in GET, POST", "path: segment 3 is '7', not 'me'"],
        ),
        (("GET", "/a/../b"), 400, "the path contains a dot segment", []),
        (("GET", "/é"), 400, "the path contains the byte 0xc3", []),
        (
            ("GET", "/plain%2F"),
            400,
            "the path contains an encoded slash",
            [],
        ),
        (
            ("GET", "/risky/x"),
            400,
            "the rewrite of the route makes a path that is refused: the path contains a dot segment",
            [],
        ),
        (("GET", "http://old.example.org"), 404, "no route takes it", ["path_regex: / does not match /(a|b)"]),
        (("GET", "/a"), 404, "no route takes it", ["hosts: no host is not in old.example.org"]),
    ],
)
def test_a_refusal_exits_1_and_says_why(
    table: Path, arguments: tuple[str, ...], status: int, message: str, lost: list[str]
) -> None:
    """A script would take a 404 for an answer, and a person would not learn what to change."""
    result = run(table, *arguments)
    assert result.exit_code == 1
    assert f"answered {status}: {message}" in result.stdout
    document = run_json(table, *arguments)
    assert (document["status"], document["message"]) == (status, message)
    assert [loss["why"] for loss in document["lost"]] == lost


def test_candidates_that_are_left_out_are_counted(tmp_path: Path) -> None:
    """A table with a thousand routes would fill the screen, or hide that there is more."""
    path = tmp_path / "routes.yaml"
    routes = "".join(
        f"  - {{name: r{number}, match: {{path: '/a/{number}'}}, admin: health}}\n" for number in range(30)
    )
    path.write_text(f'version: 1\nlisteners: [{{name: http, bind: "127.0.0.1:8080"}}]\nroutes:\n{routes}')
    assert run(path, "GET", "/a/x").stdout.splitlines()[-1] == "  and 10 more"
    assert run_json(path, "GET", "/a/x")["left_out"] == 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("GET", "plain"), "neither a path"),
        (("GET", "ftp://a/b"), "neither a path"),
        (("GET", "/plain", "-H", "x"), "not NAME:VALUE"),
        (("GET", "/plain", "--listener", "none"), "the table has http, internal"),
        (("GET", "/plain", "-c", "/none.yaml"), "error[E0101]"),
    ],
)
def test_what_cannot_be_asked_exits_2(table: Path, arguments: tuple[str, ...], said: str) -> None:
    """A mistake in the question would look like an answer."""
    result = run(table, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_broken_table_exits_1(table: Path) -> None:
    """The answer would come from a table that the gateway refuses."""
    table.write_text(TABLE.replace("service: users", "service: usrs"))
    result = run(table, "GET", "/plain")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error[E0301]" in result.stderr
