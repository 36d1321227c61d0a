"""What the tests of the admin API share."""

from __future__ import annotations

import json
import time
from contextlib import asynccontextmanager, chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio

from orion_gateway.admin.access import AdminRules
from orion_gateway.admin.app import build_admin, serving
from orion_gateway.admin.state import WorkerState
from orion_gateway.control.judge import Judge
from orion_gateway.control.listeners import PRIVATE, Listener
from orion_gateway.control.reports import FilterReports
from orion_gateway.explanation.answer import Answer
from orion_gateway.telemetry.totals import Totals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from orion_gateway.control.messages import Explained
    from orion_gateway.explanation.answer import Asked
    from orion_gateway.values import CircuitState, Service


ERROR_KEYS = {"statusCode", "message", "error", "timestamp", "path", "correlationId", "reason"}


class Gateway:
    """A gateway whose state the test sets (`admin.state.GatewayState`). Its judge is a real one."""

    def __init__(self) -> None:
        self.totals = Totals()
        self.reports = FilterReports()
        self.is_draining = False
        self.generation = 7
        self.worker_states = [WorkerState(1, 4711, 7, is_ready=True)]
        self.addresses = [("http", "127.0.0.1:8080")]
        self.collected = 0
        self.answer = Answer(404, "no route takes it", None, None)
        self.explained: dict[int, Explained] = {}
        self.asked: list[Asked] = []
        self.questions: list[tuple[str, bytes, bytes]] = []
        self.services = ()

    @property
    def services(self) -> Sequence[Service]:
        """Its services; setting them begins to judge them anew."""
        return self._services

    @services.setter
    def services(self, services: Sequence[Service]) -> None:
        self._services = services
        self.judge = Judge(services, time.monotonic())

    async def collect(self) -> None:
        self.collected += 1

    def begin_drain(self) -> None:
        self.is_draining = True

    def force_circuit(self, service: str, state: CircuitState | None) -> None:
        self.judge.force_circuit(service, state, time.monotonic())

    def reset_circuit(self, service: str) -> None:
        self.judge.reset_circuit(service, time.monotonic())

    def find_answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return self.answer

    async def explain(self, service: str, key: bytes, token: bytes) -> dict[int, Explained]:
        self.questions.append((service, key, token))
        return self.explained


@pytest.fixture
def state() -> Gateway:
    """A gateway that is fine."""
    return Gateway()


class Admin:
    """The admin API on a TCP and a Unix socket."""

    def __init__(self, tcp: Listener, unix: Path) -> None:
        self.port = tcp.port
        self._unix = unix
        self._url = f"http://127.0.0.1:{tcp.port}"

    async def ask(
        self, method: str, path: str, *, unix: bool = False, headers: dict[str, str] | None = None, body: object = None
    ) -> tuple[aiohttp.ClientResponse, Any]:
        """Make a request; return the response and its content, JSON decoded."""
        connector = aiohttp.UnixConnector(str(self._unix)) if unix else aiohttp.TCPConnector()
        async with (
            aiohttp.ClientSession(self._url, connector=connector) as session,
            session.request(method, path, headers=headers, data=_encode(body)) as response,
        ):
            content = await response.read()
            is_json = response.content_type == "application/json" and content
            return response, json.loads(content) if is_json else content


@asynccontextmanager
async def running(state: Gateway, rules: AdminRules, directory: Path) -> AsyncIterator[Admin]:
    """Run the admin API while the block runs."""
    with chdir(directory):  # a path short enough for a socket
        tcp, unix = Listener("admin", "127.0.0.1:0"), Listener("admin", "unix:a.sock", PRIVATE)
        async with serving(build_admin(state, rules), [tcp.socket, unix.socket]):
            yield Admin(tcp, Path("a.sock"))
        tcp.close()
        unix.close()


@pytest_asyncio.fixture
async def admin(state: Gateway, tmp_path: Path) -> AsyncIterator[Admin]:
    """An admin API without tokens."""
    async with running(state, AdminRules(), tmp_path) as admin:
        yield admin


def _encode(body: object) -> bytes | None:
    """Bytes are sent as they are, everything else as JSON."""
    return body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
