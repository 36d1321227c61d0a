"""The admin API as clients see it."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import aiohttp
import pytest

from orion_gateway.admin.access import AdminRules, Token
from orion_gateway.admin.app import build_admin, build_health, serving
from orion_gateway.admin.state import WorkerState
from orion_gateway.control.listeners import PRIVATE, Listener
from tests.admin.conftest import ERROR_KEYS, Admin, Gateway, running

TOKEN = "change-change-change"


async def test_status_says_what_runs(admin: Admin, state: Gateway) -> None:
    """Nobody could see which listeners and workers there are."""
    state.worker_states.append(WorkerState(2, 0, 0, is_ready=False))
    response, body = await admin.ask("GET", "/status")
    assert response.status == 200
    assert body.pop("version")
    assert body == {
        "generation": 7,
        "draining": False,
        "listeners": [{"name": "http", "address": "127.0.0.1:8080"}],
        "workers": [
            {"number": 1, "pid": 4711, "generation": 7, "ready": True},
            {"number": 2, "pid": 0, "generation": 0, "ready": False},
        ],
    }


async def test_draining_needs_the_unix_socket_or_a_token(state: Gateway, tmp_path: Path) -> None:
    """Anybody could stop the gateway, or nobody."""
    rules = AdminRules(tokens=(Token(TOKEN.encode(), frozenset(["change"])),))
    async with running(state, rules, tmp_path) as admin:
        response, _ = await admin.ask("POST", "/drain")
        assert (response.status, response.headers["WWW-Authenticate"], state.is_draining) == (401, "Bearer", False)
        response, body = await admin.ask("POST", "/drain", headers={"Authorization": f"Bearer {TOKEN}"})
        assert (response.status, body, state.is_draining) == (202, {"status": "draining"}, True)
        state.is_draining = False
        response, _ = await admin.ask("POST", "/drain", unix=True, headers={"Host": "whatever"})
        assert (response.status, state.is_draining) == (202, True)
        response, _ = await admin.ask("GET", "/status", headers={"Authorization": f"Bearer {TOKEN}"})
        assert response.status == 403


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "reason"),
    [
        ("GET", "/nothing?secret=1", {}, 404, "destination_not_found"),
        ("GET", "/", {}, 404, "destination_not_found"),
        ("POST", "/drain", {}, 403, "http_request_denied"),
        ("GET", "/status", {"Host": "evil.example"}, 421, "http_request_denied"),
        ("GET", "/status", {"Authorization": "Bearer wrong"}, 401, "http_request_denied"),
    ],
)
async def test_an_error_has_the_shape_of_the_platform(
    method: str, path: str, headers: dict[str, str], status: int, reason: str, admin: Admin
) -> None:
    """Every client would need a second way to read errors."""
    response, body = await admin.ask(method, path, headers=headers)
    assert response.status == status
    assert set(body) == ERROR_KEYS
    assert (body["statusCode"], body["path"], body["reason"]) == (status, path.partition("?")[0], reason)
    assert body["correlationId"] == response.headers["X-Request-Id"]
    assert response.headers["Cache-Control"] == "no-store"


async def test_a_wrong_method_is_told_the_right_one(admin: Admin) -> None:
    """Whoever mixes up GET and POST would get an answer that helps nobody."""
    response, body = await admin.ask("DELETE", "/status", unix=True)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")
    assert set(body) == ERROR_KEYS
    assert "GET, HEAD" in body["message"]


async def test_only_our_own_workers_choose_the_id_of_a_request(admin: Admin) -> None:
    """A health check through the gateway could not be followed in its log, or a stranger forge ids."""
    asked = {"X-Request-Id": "from-the-worker"}
    _, body = await admin.ask("GET", "/nothing", unix=True, headers=asked)
    assert body["correlationId"] == "from-the-worker"
    _, body = await admin.ask("GET", "/nothing", headers=asked)
    assert len(body["correlationId"]) == 32
    _, body = await admin.ask("GET", "/nothing", unix=True, headers={"X-Request-Id": "a b"})
    assert len(body["correlationId"]) == 32


async def test_a_failing_resource_is_a_clean_500(
    admin: Admin, state: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stack trace would go out, and nothing into the log."""
    state.addresses = None  # type: ignore[assignment]
    response, body = await admin.ask("GET", "/status")
    assert (response.status, body["reason"]) == (500, "proxy_internal_error")
    assert "NoneType" not in json.dumps(body)
    assert "an admin request failed" in capsys.readouterr().out


async def test_a_head_request_is_a_reading_one(admin: Admin) -> None:
    """Load balancers that probe with HEAD would be refused."""
    for path in ("/health/ready", "/metrics", "/status"):
        response, body = await admin.ask("HEAD", path)
        assert (response.status, body) == (200, b"")


@pytest.mark.parametrize("request_head", ["GARBAGE", "GET /status HTTP/1.1", "GET /nothing HTTP/1.0"])
async def test_no_answer_tells_which_software_runs(request_head: str, admin: Admin) -> None:
    """Scanners would know which advisories to try."""
    reader, writer = await asyncio.open_connection("127.0.0.1", admin.port)
    writer.write(request_head.encode() + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = (await asyncio.wait_for(reader.read(), 5)).lower()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"http/1.")
    assert b"aiohttp" not in answer
    assert b"python" not in answer


async def test_without_host_an_old_probe_is_answered(admin: Admin) -> None:
    """HAProxy's plain health check speaks HTTP/1.0 without Host; no browser does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", admin.port)
    writer.write(b"GET /health/ready HTTP/1.0\r\n\r\n")
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.0 200")
    writer.close()
    await writer.wait_closed()


async def test_the_public_application_has_health_and_nothing_else(
    state: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A route with `admin: health` would open the rest of the admin API to the world."""
    monkeypatch.chdir(tmp_path)
    listener = Listener("health", "unix:h.sock", PRIVATE)
    async with serving(build_health(state), [listener.socket]):
        connector = aiohttp.UnixConnector("h.sock")
        async with aiohttp.ClientSession("http://x", connector=connector) as session:
            for path, status in [("/health", 200), ("/health/live", 200), ("/status", 404), ("/metrics", 404)]:
                async with session.get(path) as response:
                    assert response.status == status
            async with session.post("/drain") as response:
                assert response.status == 404
                assert set(await response.json()) == ERROR_KEYS
    listener.close()
    assert not state.is_draining


def test_ipv6_peers_are_judged_like_others() -> None:
    """The admin API on `[::1]` would answer with errors."""

    async def ask() -> int:
        listener = Listener("admin", "[::1]:0")
        async with (
            serving(build_admin(Gateway(), AdminRules(bound_host="::1")), [listener.socket]),
            aiohttp.ClientSession() as session,
            session.get(f"http://[::1]:{listener.port}/status") as response,
        ):
            return response.status

    if not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    assert asyncio.run(ask()) == 200
