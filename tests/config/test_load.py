"""Reading good tables: values, variables, includes, places, and what bounds a hostile file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orion_gateway.config.errors import TableErrors, render_full
from orion_gateway.config.load import Loaded, load_table
from orion_gateway.config.run_dir import find_run_dir
from orion_gateway.values import Place, UpstreamTimeouts

GOOD = Path(__file__).parent / "good"
HEAD = 'version: 1\nlisteners: [{name: http, bind: "127.0.0.1:8080"}]\n'
SERVICES = 'services: {users: {endpoints: [{url: "http://127.0.0.1:3002"}]}}\n'
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the table, and other files beside it by name; return the table's path."""

    def write(table: str, **others: str) -> Path:
        for name, text in others.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        path = tmp_path / "routes.yaml"
        path.write_text(table, encoding="utf-8")
        return path

    return write


def errors_of(path: Path, environ: dict[str, str] | None = None) -> list[str]:
    """Return the findings of a broken table, each as `file:line:column code`."""
    with pytest.raises(TableErrors) as caught:
        load_table(path, environ or {})
    return [f"{Path(f.file).name}:{f.line}:{f.column} {f.code}" for f in caught.value.findings]


def load(path: Path, **environ: str) -> Loaded:
    """Load a table that must be good."""
    try:
        return load_table(path, environ)
    except TableErrors as error:
        pytest.fail("\n".join(render_full(finding) for finding in error.findings))


def test_the_smallest_table_has_the_defaults_that_are_promised() -> None:
    """A user who writes nothing would get other limits and timeouts than documented."""
    config = load(GOOD / "smallest.yaml").config
    gateway = config.gateway
    assert (gateway.environment, gateway.workers, str(gateway.admin.bind)) == ("production", None, "127.0.0.1:9900")
    assert gateway.limits.model_dump() == {
        "request_line": 8192,
        "header_section": 32768,
        "header_fields": 128,
        "body": 10 << 20,
        "connections": None,
        "per_client": None,
    }
    assert gateway.timeouts.model_dump() == {
        "request_header": 10.0,
        "keep_alive": 75.0,
        "request_body_idle": 30.0,
        "request_body_min_rate": 1024.0,
        "write_idle": 60.0,
    }
    assert gateway.forwarded.model_dump() == {
        "via": True,
        "x_forwarded": True,
        "forwarded": False,
        "request_id": True,
        "traceparent": True,
    }
    assert (gateway.underscore_fields, gateway.client_eof) == ("drop", "cancel")
    assert gateway.drain.model_dump() == {"delay": 0.0, "timeout": 30.0, "spread": 5.0}
    log = gateway.access_log
    assert (log.path, log.format, log.sample, log.min_duration) == ("stdout", "json", {"default": 1.0}, None)


def test_defaults_of_services_and_routes_are_those_that_are_promised() -> None:
    """A service or route would wait longer or take more than documented."""
    config = load(GOOD / "contract.yaml").config
    service, route = config.services["users"], config.routes[0]
    assert service.timeouts.model_dump() == {"connect": 3.0, "response": 30.0, "idle": 300.0, "total": None}
    assert service.connections.model_dump() == {
        "max_idle": 128,
        "idle": 30.0,
        "max": 1024,
        "queue": 1024,
        "queue_timeout": 1.0,
    }
    assert [endpoint.weight for endpoint in service.endpoints] == [2, 1]
    assert (route.priority, route.rewrite, route.websocket) == (0, None, None)
    assert (route.allow_encoded_slash, route.allow_empty_segments) == (False, False)


def test_nothing_acts_on_failures_that_is_not_written() -> None:
    """A service would be checked, cut off or asked twice although nobody asked for that."""
    service = load(GOOD / "everything.yaml", ADMIN_TOKEN="1234567890123456").config.services["single"]
    assert (service.health_check, service.outlier_detection, service.circuit_breaker) == (None, None, None)
    assert (service.slow_start, service.panic) == (None, "passive")
    contract = load(GOOD / "contract.yaml").config
    assert contract.services["users"].outlier_detection is None
    assert contract.routes[0].retries is None


def test_every_key_is_read() -> None:
    """A key would be accepted and then mean nothing."""
    loaded = load(GOOD / "everything.yaml", ADMIN_TOKEN="1234567890123456", PORT="8090")
    config = loaded.config
    assert loaded.warnings == ()
    assert config.gateway.admin.tokens[0].token.get_secret_value() == "1234567890123456"
    assert config.gateway.access_log.sample == {"default": 1.0, "2xx": 0.005, "404": 0.1}
    assert [str(listener.bind) for listener in config.listeners] == [
        "[::1]:8080",
        "unix:/run/orion/http.sock",
        "127.0.0.1:8090",
    ]
    first, unix, upper = config.services["users"].endpoints
    assert (first.url.host, first.url.port, first.url.base_path, first.metadata) == (
        "127.0.0.1",
        3002,
        "",
        {"zone": "a"},
    )
    assert (unix.url.path, unix.url.base_path, unix.url.authority) == ("/run/users.sock", "/v1", "localhost")
    assert (upper.url.authority, upper.url.port, upper.url.base_path) == ("users.internal", 80, "/base")
    assert config.services["copies"].endpoints == config.services["users"].endpoints
    route = config.routes[0]
    assert route.match.hosts == ("api.example.org", "*.example.org", "127.0.0.1", "[::1]")
    assert route.websocket is not None
    assert route.websocket.origins == ("https://app.example.org", "http://localhost:3000")
    closed = config.routes[3].respond
    assert closed is not None
    assert closed.body == "${request.path} is closed; ${this} is as it stands.\n"
    assert [route.name for route in config.routes][-1] == "more"
    assert [path.name for path in loaded.files] == ["everything.yaml", "more.yaml"]


def test_no_secret_is_in_what_the_configuration_prints_of_itself() -> None:
    """A token would be in the log of whoever logs the configuration."""
    loaded = load(GOOD / "everything.yaml", ADMIN_TOKEN="1234567890123456")
    assert "1234567890123456" not in repr(loaded.config)


def test_the_configuration_cannot_be_changed() -> None:
    """Two parts of the gateway could see different configurations."""
    config = load(GOOD / "smallest.yaml").config
    with pytest.raises(ValueError, match="frozen"):
        config.gateway.client_eof = "answer"


def test_a_route_puts_only_what_it_writes_over_its_service() -> None:
    """`off` on a route would mean the same as nothing written."""
    timeouts = load(GOOD / "everything.yaml", ADMIN_TOKEN="1234567890123456").config.defaults.timeouts
    assert timeouts.over(UpstreamTimeouts(response=1.0)) == UpstreamTimeouts(2.0, None, 120.0, 180.0)
    unwritten = load(GOOD / "contract.yaml").config.routes[0].timeouts
    assert unwritten.over(UpstreamTimeouts(response=1.0)) == UpstreamTimeouts(response=1.0)


def test_a_setting_knows_where_it_stands(write: Write) -> None:
    """`orion explain` would point to the wrong line."""
    path = write(HEAD + SERVICES + "routes:\n  - name: a\n    service: users\n    timeouts:\n      response: 5s\n")
    places = load(path).places
    name = str(path)
    assert places.at(("routes", 0)) == Place(name, 5, 5)
    assert places.at(("routes", 0, "timeouts", "response")) == Place(name, 8, 7)
    # What is not written has the place of its nearest parent.
    assert places.at(("routes", 0, "timeouts", "connect")) == Place(name, 7, 5)
    assert places.at(("gateway", "drain")) == Place(name, 1, 1)
    assert places.is_written(("routes", 0, "timeouts", "response"))
    assert not places.is_written(("routes", 0, "timeouts", "connect"))


def test_what_is_included_knows_its_own_file(write: Write) -> None:
    """A mistake in an included file would be shown in the main one."""
    part = "services: {more: {endpoints: [{url: 'http://127.0.0.1:1'}]}}\nroutes:\n  - {name: b, service: more}\n"
    table = HEAD + SERVICES + "include: [routes.d/*.yaml]\nroutes: [{name: a, service: users}]\n"
    path = write(table, **{"routes.d__b.yaml": part})
    loaded = load(path)
    assert [route.name for route in loaded.config.routes] == ["a", "b"]
    assert loaded.places.at(("routes", 1)) == Place(str(path.parent / "routes.d/b.yaml"), 3, 5)
    assert loaded.places.at(("services", "more")).file.endswith("b.yaml")


def test_a_pattern_of_includes_may_match_nothing_and_skips_hidden_files(write: Write) -> None:
    """A fresh installation without routes, or an editor's swap file, would keep the gateway from starting."""
    path = write(HEAD + 'include: ["empty.d/*.yaml", "routes.d/*.yaml"]\n', **{"routes.d__.swap.yaml": "{"})
    assert load(path).config.routes == ()


def test_an_absolute_include_is_read_once(write: Write, tmp_path: Path) -> None:
    """A file that two patterns match would make all its names equal to themselves."""
    table = f'{HEAD}include: [part.yaml, "{tmp_path}/p*.yaml"]\n'
    path = write(table, **{"part.yaml": "routes: [{name: a, respond: {}}]\n"})
    assert [route.name for route in load(path).config.routes] == ["a"]


def test_the_process_wins_over_the_special_env_file_and_that_over_the_general_one(write: Write) -> None:
    """A deployment would run with the values of somebody's .env file."""
    table = HEAD + 'routes: [{name: a, respond: {body: "${A}${B}${C}${D:-d}"}}]\n'
    files = {".env": "ORION_ENV=staging\nA=general\nB=general\nC=general\n", ".env.staging": "A=staging\nB=staging\n"}
    path = write(table, **files)
    loaded = load(path, A="process")
    respond = loaded.config.routes[0].respond
    assert respond is not None
    assert respond.body == "processstaginggenerald"
    assert loaded.config.gateway.environment == "staging"
    assert {file.name for file in loaded.files} == {"routes.yaml", ".env", ".env.staging"}
    # With another environment its file is another one, too.
    assert load(path, A="", ORION_ENV="production", D="").config.gateway.environment == "production"


def test_a_malformed_env_file_is_reported_without_its_lines(write: Write) -> None:
    """A secret in a mistyped line of .env would be printed."""
    path = write(HEAD, **{".env": "A=1\nPASSWORD hidden\nB='open\n"})
    assert errors_of(path) == [".env:2:1 E0110", ".env:3:1 E0110"]
    with pytest.raises(TableErrors) as caught:
        load_table(path, {})
    assert "hidden" not in "".join(render_full(finding) for finding in caught.value.findings)


def test_a_strange_environment_name_reads_no_strange_file(write: Write) -> None:
    """ORION_ENV could make the gateway read a file anywhere."""
    path = write(HEAD, x__y="A=1\n")
    assert errors_of(path, {"ORION_ENV": "/../x/y"}) == ["routes.yaml:1:1 E0109"]


def test_a_file_gives_its_text_without_the_final_line_break(write: Write, tmp_path: Path) -> None:
    """Secrets from files would never match, since editors end files with a line break."""
    table = HEAD + "gateway:\n  admin: {tokens: [{token: '${file:token}', may: [read]}]}\n"
    path = write(table, token="0123456789abcdef\n")
    assert load(path).config.gateway.admin.tokens[0].token.get_secret_value() == "0123456789abcdef"
    absolute = write(table.replace("file:token", f"file:{tmp_path}/token"))
    assert load(absolute).config.gateway.admin.tokens[0].token.get_secret_value() == "0123456789abcdef"


def test_a_variable_is_typed_by_where_it_is_used(write: Write) -> None:
    """A token of digits would be refused as a number, or a number in quotes as text."""
    table = (
        'version: 1\nlisteners: [{name: http, bind: "127.0.0.1:${PORT}"}]\n'
        'gateway: {workers: "${N}", forwarded: {via: "${VIA}"}, admin: {tokens: [{token: "${T}", may: [read]}]}}\n'
    )
    gateway = load(write(table), PORT="8080", N="4", VIA="false", T="1234567890123456").config.gateway
    assert (gateway.workers, gateway.forwarded.via) == (4, False)
    assert gateway.admin.tokens[0].token.get_secret_value() == "1234567890123456"


def test_a_missing_table_is_told_from_a_broken_one(tmp_path: Path) -> None:
    """A script could not tell a wrong path from a wrong table."""
    for path in (tmp_path / "nowhere.yaml", tmp_path):
        with pytest.raises(TableErrors) as caught:
            load_table(path, {})
        assert caught.value.is_missing
        assert caught.value.findings[0].code == "E0101"


def test_a_table_with_a_byte_order_mark_and_other_line_ends_has_right_places(tmp_path: Path) -> None:
    """A table from another system would be refused, or its mistakes shown in the wrong lines."""
    path = tmp_path / "routes.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\r\nlistners: []\r\n")
    assert errors_of(path) == ["routes.yaml:2:1 E0102"]


def test_a_file_that_is_too_large_is_not_read(write: Write) -> None:
    """A wrong path to a huge file would fill the memory."""
    assert errors_of(write("#" * ((16 << 20) + 1))) == ["routes.yaml:1:1 E0101"]


def test_deep_nesting_is_refused_and_does_not_crash(write: Write) -> None:
    """A generated or hostile file would end the process without a word."""
    assert errors_of(write("[" * 200_000)) == ["routes.yaml:1:65 E0107"]
    assert errors_of(write("- " * 200_000)) == ["routes.yaml:1:129 E0107"]


def test_aliases_cannot_nest_deeper_than_brackets(write: Write) -> None:
    """A chain of aliases would get past the limit of nesting and crash what walks the tree."""
    links = [f"- &a{n + 1} [[[[[[*a{n}]]]]]]" for n in range(20)]
    assert errors_of(write("\n".join(["- &a0 [x]", *links])))[0].endswith("E0107")


def test_a_thousand_routes_take_a_number_of_steps_that_grows_with_the_table(write: Write) -> None:
    """Large tables would take minutes to load: the work per route must not depend on how many there are."""

    def count_steps(routes: int) -> int:
        lines = [f'  - {{name: r{n}, match: {{path: "/api/v{n}/**"}}, service: users}}' for n in range(routes)]
        path = write(HEAD + SERVICES + "routes:\n" + "\n".join(lines) + "\n")
        return count_calls(lambda: load(path))

    few, many = count_steps(100), count_steps(1000)
    assert many < 12 * few


def count_calls(run: Callable[[], object]) -> int:
    """Return how many Python functions `run` calls."""
    import sys

    count = 0

    def count_one(*_: object) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(count_one)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


def test_warnings_do_not_keep_a_table_from_being_loaded(write: Write) -> None:
    """A doubtful table would be refused, or its doubts never told."""
    table = (
        HEAD + "services: {users: {endpoints: [{url: 'http://a'}, {url: 'http://a'}]}}\n"
        "routes:\n"
        "  - {name: a, match: {path: '/{x}/**'}, service: users, rewrite: {strip_prefix: /a}}\n"
        "  - {name: b, respond: {}, websocket: {enabled: true}}\n"
    )
    assert [warning.code for warning in load(write(table)).warnings] == ["W0304", "W0303", "W0302"]


@pytest.mark.parametrize(
    ("setting", "environ", "uid", "found"),
    [
        ("/srv/orion", {"RUNTIME_DIRECTORY": "/run/a"}, 0, "/srv/orion"),
        ("auto", {"RUNTIME_DIRECTORY": "/run/a:/run/b", "XDG_RUNTIME_DIR": "/run/user/1"}, 1, "/run/a"),
        ("auto", {"XDG_RUNTIME_DIR": "/run/user/1"}, 1, "/run/user/1/orion"),
        ("auto", {}, 0, "/run/orion"),
        ("auto", {}, 7, "/tmp/orion-7"),
    ],
)
def test_the_run_directory_is_where_the_gateway_and_the_commands_both_look(
    setting: str, environ: dict[str, str], uid: int, found: str
) -> None:
    """The commands would look for the admin socket elsewhere than the gateway puts it."""
    assert str(find_run_dir(setting, environ, uid)) == found
