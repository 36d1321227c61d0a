"""`orion services`, `orion circuit`, `orion explain --live`: commands that ask a running gateway over its socket."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from orion_gateway.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

CIRCUIT = {
    "service": "users",
    "state": "closed",
    "forced": False,
    "since": "2026-01-01T00:00:00.000Z",
    "retry_at": None,
    "failures_in_a_row": 0,
    "window": {"seconds": 60.0, "successes": 5, "failures": 2},
    "trials": {"out": 0, "at_once": 1, "succeeded": 0, "needed": 2},
    "totals": {"successes": 9, "failures": 3, "refused": 4, "entered": {}},
    "transitions": [
        {"at": "2026-01-01T00:00:00.000Z", "from": "half_open", "to": "closed", "why": "2 trials succeeded"}
    ],
}
ENDPOINT = {
    "url": "http://10.0.0.1:80",
    "weight": 1,
    "eligible": True,
    "why_not": None,
    "health": "up",
    "last_check": {"ok": True, "why": "status 200", "at": "2026-01-01T00:00:00.000Z"},
    "suspect": False,
    "ejected_until": None,
    "ejections": 0,
    "back_since": None,
    "in_flight": 7,
}
OUT = ENDPOINT | {
    "url": "http://10.0.0.2:80",
    "eligible": False,
    "why_not": "ejected",
    "ejected_until": "2026-01-01T00:01:00.000Z",
    "ejections": 2,
}
SERVICE = {
    "name": "users",
    "status": "degraded",
    "load_balancer": "ewma",
    "panic": True,
    "endpoints": [ENDPOINT, OUT],
    "circuit": CIRCUIT,
    "retry_budget": {"1": 3.0},
}
CANDIDATE = {
    "url": "http://10.0.0.1:80",
    "is_eligible": True,
    "why": "slow start",
    "score": 0.012345,
    "in_flight": 2,
    "weight": 3,
    "share": 0.25,
}
EXPLAINED: dict[str, Any] = {
    "request": {"method": "GET", "host": "", "path": "/users", "query": "", "listener": "http"},
    "status": None,
    "message": "service users",
    "route": {"name": "users", "place": "routes.yaml:7"},
    "follows": [],
    "lost": [],
    "left_out": 0,
    "live": {
        "service": "users",
        "load_balancer": "ewma",
        "key": {"source": "header:x-user", "value": None},
        "panic": False,
        "circuit": CIRCUIT,
        "workers": [
            {
                "number": 1,
                "panic": False,
                "bound_to": "http://10.0.0.2:80",
                "home": "http://10.0.0.1:80",
                "budget": 2.5,
                "queued": 0,
                "circuit": "closed",
                "candidates": [
                    CANDIDATE,
                    CANDIDATE | {"url": "http://10.0.0.2:80", "is_eligible": False, "why": "down", "score": None},
                ],
            }
        ],
        "silent": [2],
    },
}


class Answering:
    """An admin socket that gives one prepared answer to each request and keeps what it was asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.status = 200
        self.body: object = {}
        self.asked: list[tuple[str, str, Any]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, client.makefile("rwb") as stream:
                method, target, _ = stream.readline().decode().split()
                length = 0
                while (line := stream.readline().strip()) != b"":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                content = stream.read(length)
                self.asked.append((method, target, json.loads(content) if content else None))
                answer = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
                stream.write(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (self.status, len(answer)) + answer)


@contextmanager
def answering(directory: Path) -> Iterator[Answering]:
    """Answer while the block runs."""
    server = Answering(directory / "admin.sock")
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def gateway() -> Iterator[Answering]:
    """A gateway in a directory with a path short enough for a socket, and a table that names it."""
    with tempfile.TemporaryDirectory(prefix="orion-") as name, answering(Path(name)) as server:
        (Path(name) / "routes.yaml").write_text(
            f'version: 1\ngateway: {{run_dir: "{name}"}}\nlisteners: []\nroutes: []\n'
        )
        yield server


def orion(gateway: Answering, *arguments: str) -> Result:
    """Run a command against the gateway."""
    return CliRunner().invoke(main, [arguments[0], "--socket", str(gateway.path), *arguments[1:]])


# -- services ----------------------------------------------------------------------------------------------------------


def test_services_are_a_table_for_people(gateway: Answering) -> None:
    """People would have to read JSON at three in the morning."""
    gateway.body = {"services": [SERVICE]}
    result = orion(gateway, "services")
    assert (result.exit_code, gateway.asked) == (0, [("GET", "/services", None)])
    assert result.stdout.splitlines() == [
        "users: degraded, ewma, circuit closed, panic: fewer than half are well",
        "  ENDPOINT            HEALTH  TAKES                                       WEIGHT  IN FLIGHT  CHECK"
        "       EJECTED",
        "  http://10.0.0.1:80  up      yes                                         1       7          status 200",
        "  http://10.0.0.2:80  up      no: ejected until 2026-01-01T00:01:00.000Z  1       7          status 200  2",
    ]


def test_one_service_and_json(gateway: Answering) -> None:
    """Scripts would have to cut columns."""
    gateway.body = SERVICE
    assert json.loads(orion(gateway, "services", "users", "--json").stdout) == SERVICE
    assert orion(gateway, "services", "a/b").stdout.startswith("users: degraded")
    assert [target for _, target, _ in gateway.asked] == ["/services/users", "/services/a%2Fb"]


def test_a_service_without_checks_and_circuit_shows_no_empty_columns(gateway: Answering) -> None:
    """Half the table would be empty."""
    plain = ENDPOINT | {"health": None, "last_check": None}
    gateway.body = SERVICE | {"endpoints": [plain], "circuit": None, "panic": False, "status": "healthy"}
    assert orion(gateway, "services", "users").stdout.splitlines() == [
        "users: healthy, ewma",
        "  ENDPOINT            TAKES  WEIGHT  IN FLIGHT",
        "  http://10.0.0.1:80  yes    1       7",
    ]


# -- circuit -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], ("GET", "/circuits/users", None)),
        (["open"], ("POST", "/circuits/users", {"state": "open"})),
        (["close"], ("POST", "/circuits/users", {"state": "closed"})),
        (["half-open"], ("POST", "/circuits/users", {"state": "half_open"})),
        (["auto"], ("POST", "/circuits/users", {"state": "auto"})),
        (["reset"], ("POST", "/circuits/users/reset", None)),
    ],
)
def test_a_circuit_is_shown_and_held(arguments: list[str], asked: tuple[str, str, Any], gateway: Answering) -> None:
    """A service could not be shut without writing HTTP by hand."""
    gateway.body = CIRCUIT
    result = orion(gateway, "circuit", "users", *arguments)
    assert (result.exit_code, gateway.asked) == (0, [asked])
    assert result.stdout.splitlines() == [
        "users: closed, since 2026-01-01T00:00:00.000Z",
        "  last 60 s: 5 succeeded, 2 failed",
        "  in all: 9 succeeded, 3 failed, 4 refused",
        "  2026-01-01T00:00:00.000Z  half_open -> closed: 2 trials succeeded",
    ]
    assert json.loads(orion(gateway, "circuit", "users", "--json").stdout) == CIRCUIT


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"forced": True, "state": "half_open"}, "half open, forced"),
        ({"state": "open", "retry_at": "2026-01-01T00:01:00.000Z"}, "open until 2026-01-01T00:01:00.000Z"),
        (
            {"state": "half_open", "trials": {"out": 1, "succeeded": 1, "needed": 2}},
            "half open, 1 of 2 trials succeeded, 1 under way",
        ),
        ({"failures_in_a_row": 3}, "closed, 3 failures in a row"),
    ],
)
def test_each_state_says_what_matters_in_it(changes: dict[str, object], words: str, gateway: Answering) -> None:
    """Open without an end, or trials without a count, leave people guessing."""
    gateway.body = CIRCUIT | changes
    assert orion(gateway, "circuit", "users").stdout.startswith(f"users: {words}, since ")


# -- explain -----------------------------------------------------------------------------------------------------------


def test_a_live_explanation_shows_each_candidate(gateway: Answering) -> None:
    """Nobody could see why a request goes where it goes."""
    gateway.body = EXPLAINED
    result = orion(
        gateway,
        "explain",
        "--live",
        "GET",
        "/users",
        "-H",
        "A: 1",
        "-H",
        "a: 2",
        "--client",
        "192.0.2.1",
        "--listener",
        "x",
    )
    assert gateway.asked == [
        (
            "POST",
            "/explain",
            {"method": "GET", "url": "/users", "headers": {"a": ["1", "2"]}, "client": "192.0.2.1", "listener": "x"},
        )
    ]
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "GET /users, host none, listener http",
        "taken by route users (routes.yaml:7)",
        "answered by service users",
        "service users now: ewma",
        "  circuit closed",
        "  bound by header:x-user: nothing of it in the request",
        "  worker 1: 2.5 retries left, 0 queued",
        "    its cookie binds the client to http://10.0.0.2:80",
        "    its key belongs to http://10.0.0.1:80",
        "    ENDPOINT            TAKES            SCORE    IN FLIGHT  WEIGHT  SHARE",
        "    http://10.0.0.1:80  yes: slow start  0.01235  2          3       25%",
        "    http://10.0.0.2:80  no: down                  2          3       25%",
        "  no answer in time from worker 2",
    ]


def test_what_no_service_takes_has_nothing_live(gateway: Answering) -> None:
    """A 404 would show endpoints, or end in an error."""
    gateway.body = EXPLAINED | {"status": 404, "message": "no route takes it", "route": None, "live": None}
    result = orion(gateway, "explain", "--live", "GET", "/nothing")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == ["GET /users, host none, listener http", "answered 404: no route takes it"]
    assert json.loads(orion(gateway, "explain", "--live", "--json", "GET", "/nothing").stdout)["live"] is None


# -- filters -----------------------------------------------------------------------------------------------------------

REPORTS = {
    "filters": [
        {"route": None, "filter": "limit", "report": {"would_refuse": 3, "clients": [{"client": "::1", "refused": 3}]}},
        {
            "route": "users",
            "filter": "mirror",
            "report": {
                "compared": 2,
                "equal_share": None,
                "failed": {},
                "latency": {"primary": {"p50": 0.01}},
                "examples": [{"id": "7", "differences": [{"path": "id", "mirror": "8"}]}],
                "words": ["a", "b"],
            },
        },
    ]
}


def test_reports_of_filters_are_laid_out_for_people(gateway: Answering) -> None:
    """Whoever compares two services would have to read nested JSON."""
    gateway.body = REPORTS
    result = orion(gateway, "filters")
    assert (result.exit_code, gateway.asked) == (0, [("GET", "/filters", None)])
    assert result.stdout.splitlines() == [
        "all routes: limit",
        "  would refuse: 3",
        "  clients:",
        "    CLIENT  REFUSED",
        "    ::1     3",
        "users: mirror",
        "  compared: 2",
        "  equal share: null",
        "  latency:",
        "    primary:",
        "      p50: 0.01",
        "  examples:",
        "    - id: 7",
        "      differences:",
        "        PATH  MIRROR",
        "        id    8",
        "  words:",
        "    - a",
        "    - b",
    ]


def test_the_reports_of_one_route_and_json(gateway: Answering) -> None:
    """A table with a hundred mirrors is not read as a whole."""
    gateway.body = REPORTS
    assert orion(gateway, "filters", "users").stdout.startswith("users: mirror\n")
    assert json.loads(orion(gateway, "filters", "users", "--json").stdout) == {"filters": REPORTS["filters"][1:]}
    result = orion(gateway, "filters", "user")
    assert (result.exit_code, result.stderr) == (1, "orion: no filter of the route 'user' has reported anything\n")


def test_a_gateway_without_reports_says_so(gateway: Answering) -> None:
    """Silence would look like a command that does not work."""
    gateway.body = {"filters": []}
    result = orion(gateway, "filters")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no filter has reported anything\n")


# -- finding and failing -----------------------------------------------------------------------------------------------


def test_the_socket_is_found_by_the_table(gateway: Answering) -> None:
    """Everybody would have to know where the run directory is."""
    gateway.body = {"services": []}
    table = gateway.path.with_name("routes.yaml")
    table.write_text(
        f'version: 1\ngateway: {{run_dir: "{gateway.path.parent}"}}\n'
        'listeners: [{name: http, bind: "127.0.0.1:8080"}]\nroutes: [{name: a, respond: {status: 200}}]\n'
    )
    result = CliRunner().invoke(main, ["services", "-c", str(table)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert gateway.asked


def test_a_table_that_is_broken_by_now_leads_to_the_default_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Just when a table is broken, nobody could ask the gateway that runs."""
    with tempfile.TemporaryDirectory(prefix="orion-") as name:
        monkeypatch.setenv("RUNTIME_DIRECTORY", name)
        with answering(Path(name)) as server:
            server.body = {"services": []}
            assert CliRunner().invoke(main, ["services", "-c", str(tmp_path / "missing.yaml")]).exit_code == 0
            assert server.asked


def test_without_a_gateway_the_command_says_so(tmp_path: Path) -> None:
    """A traceback would be taken for a broken installation."""
    for make in (lambda path: None, leave_behind):
        path = tmp_path / "none.sock"
        make(path)
        result = CliRunner().invoke(main, ["services", "--socket", str(path)])
        assert (result.exit_code, result.stdout) == (2, "")
        assert f"no gateway runs: nothing listens on {path}" in result.stderr


def test_with_a_broken_table_nobody_is_told_that_no_gateway_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has just broken a list that the table names would start a second gateway."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    (tmp_path / "t.yaml").write_text("version: 1\nlistener: []\n", encoding="utf-8")
    result = CliRunner().invoke(main, ["services", "-c", str(tmp_path / "t.yaml")])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is broken (`orion check`)" in result.stderr
    assert "name its --socket" in result.stderr
    assert "no gateway runs" not in result.stderr


def leave_behind(path: Path) -> None:
    """Leave a socket as a killed gateway does."""
    listener = socket.socket(socket.AF_UNIX)
    with chdir(path.parent):  # a path short enough for a socket
        listener.bind(path.name)
    listener.close()


def test_a_refusal_is_passed_on(gateway: Answering) -> None:
    """Whoever mistypes a name would see nothing, or a traceback."""
    gateway.status, gateway.body = 404, {"message": "The table has no service 'user'."}
    result = orion(gateway, "services", "user")
    assert (result.exit_code, result.stderr) == (1, "orion: The table has no service 'user'.\n")


def test_an_answer_that_is_none_is_an_error_and_no_traceback(gateway: Answering) -> None:
    """Another program on that socket would end the command with a traceback."""
    gateway.body = b"hello"
    result = orion(gateway, "services")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "does not answer" in result.stderr
