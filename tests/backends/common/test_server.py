"""Programs that start, say where they listen, and stop."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import ClientConnectorError, ClientSession, web
from yarl import URL

from backends.common.server import STOP_TIMEOUT, running
from backends.common.start import CannotStartError

PROGRAMS = [("users", "USER_SERVICE", signal.SIGTERM), ("notifications", "NOTIFICATION_SERVICE", signal.SIGINT)]


@contextmanager
def program(name: str, directory: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run a backend in a directory; it is killed when the block ends and it has not."""
    known = {key: value for key, value in os.environ.items() if not key.endswith(("DATABASE_URL", "_DIR", "_FROM"))}
    environment = {**known, "PYTHONPATH": str(Path.cwd()), **variables}
    with subprocess.Popen(
        [sys.executable, "-m", f"backends.{name}"], cwd=directory, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def next_line(process: subprocess.Popen[str]) -> dict[str, str]:
    """Return the next line of the program's log."""
    assert process.stderr is not None
    line: dict[str, str] = json.loads(process.stderr.readline())
    return line


@pytest.mark.parametrize(("name", "prefix", "stop"), PROGRAMS)
async def test_a_program_says_where_it_listens_and_stops_when_asked(
    name: str, prefix: str, stop: signal.Signals, tmp_path: Path
) -> None:
    """`make run` could not tell where the backends are, or not end them."""
    with program(name, tmp_path, **{f"{prefix}_PORT": "0"}) as process:
        listening = next_line(process)
        assert (listening["event"], listening["service"], listening["level"]) == ("listening", name, "info")
        async with ClientSession(listening["url"]) as client:
            assert (await client.get("/health/ready")).status == 200
            process.send_signal(stop)
            assert next_line(process)["event"] == "stopping"
            assert process.wait(timeout=30) == 0
    assert not (tmp_path / "var" / f"{name}.db-wal").exists(), "the database was not closed"


def test_a_bad_setting_ends_the_program_with_1_and_a_sentence(tmp_path: Path) -> None:
    """The person would get a stack trace, and a supervisor would take it for a success."""
    with program("users", tmp_path, USER_SERVICE_PORT="many") as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert errors.startswith("users cannot start: USER_SERVICE_PORT is 'many': ")
    assert "Traceback" not in errors


def test_a_taken_port_ends_the_program_with_1_and_a_sentence(tmp_path: Path) -> None:
    """Who starts a backend twice would not understand what happened."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with program("users", tmp_path, USER_SERVICE_PORT=str(port)) as process:
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert errors.startswith(f"users cannot start: it cannot listen on 127.0.0.1 port {port}: ")
    assert "Traceback" not in errors


async def test_a_second_signal_ends_a_program_that_is_still_waiting_for_a_client(tmp_path: Path) -> None:
    """Who presses Ctrl-C twice would have to wait for the slowest client."""
    with program("users", tmp_path, USER_SERVICE_PORT="0") as process:
        url = URL(next_line(process)["url"])
        reader, writer = await asyncio.open_connection(url.host, url.port)
        fields = b"Host: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n"
        writer.write(b"POST /api/v1/users HTTP/1.1\r\n" + fields + b"\r\n")
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        process.send_signal(signal.SIGTERM)
        assert next_line(process)["event"] == "stopping"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=STOP_TIMEOUT / 2) == -signal.SIGTERM
        writer.close()
        await writer.wait_closed()


async def test_a_request_in_flight_is_answered_when_the_program_stops() -> None:
    """Every restart would cost the requests that were being answered."""
    entered, release = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        entered.set()
        await release.wait()
        return web.Response(text="done")

    app = web.Application()
    app.router.add_get("/", slow)
    stopping = asyncio.Event()

    async def begin_stop(app: web.Application) -> None:
        stopping.set()

    app.on_shutdown.append(begin_stop)
    async with ClientSession() as client:

        async def release_once_refused(url: str) -> None:
            await stopping.wait()
            with pytest.raises(ClientConnectorError):
                await client.get(url)
            release.set()

        async with running(app, "127.0.0.1", 0) as url:
            answer = asyncio.ensure_future(client.get(url))
            async with asyncio.timeout(20):
                await entered.wait()
            refusal = asyncio.create_task(release_once_refused(url))
        await refusal
        assert await (await answer).text() == "done"


async def test_ipv6_addresses_are_written_so_that_they_can_be_asked() -> None:
    """The URL in the log could not be pasted into curl."""
    app = web.Application()
    async with running(app, "::1", 0) as url, ClientSession() as client:
        assert url.startswith("http://[::1]:")
        assert (await client.get(url)).status == 404


async def test_an_application_that_cannot_start_is_cleaned_up() -> None:
    """A failed start would leave connections and tasks behind."""
    steps: list[str] = []

    async def opened(app: web.Application) -> AsyncIterator[None]:
        steps.append("opened")
        yield
        steps.append("closed")

    async def fail(app: web.Application) -> None:
        raise CannotStartError("no")

    app = web.Application()
    app.cleanup_ctx.append(opened)
    app.on_startup.append(fail)
    with pytest.raises(CannotStartError):
        async with running(app, "127.0.0.1", 0):
            pass
    assert steps == ["opened", "closed"]
