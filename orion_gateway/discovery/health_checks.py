"""Ask endpoints whether they are well, and tell what they answered. What follows from it is decided elsewhere.

A check is one GET on a connection of its own, with the path as it is configured (not below the endpoint's base path).
It is good when the status is one of those configured, whatever the content says: that is read to its end, so that the
endpoint sees an ordinary client, but no further than a few KiB. A redirect is an answer and is not followed. The
timeout covers everything, from looking up the name to the content. Which check is made when stands in `schedule`.

A check costs the supervisor about half a millisecond of a processor.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from math import inf
from typing import TYPE_CHECKING, NamedTuple, Self

import aiohttp
import structlog
from yarl import URL

from orion_gateway.discovery.schedule import Limits, Schedule, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random
    from types import TracebackType

    from orion_gateway.values import Endpoint, HealthCheck, Service

log = structlog.get_logger()

_CONTENT_READ = 4096

_TICK = 0.005
"""The closest two looks at the schedule, in seconds, when no check ends: what came due meanwhile begins together."""

_WARNING_EVERY = 60.0


class _Answer(NamedTuple):
    is_good: bool
    why: str
    has_timed_out: bool = False


class HealthChecks:
    """The active checks of all services that have them.

    `tell(service, endpoint, ok, why)` gets every answer: `endpoint` is its place in the service, `why` is for people
    ("status 503", "connection refused", "timeout after 5s").
    """

    def __init__(
        self,
        services: Sequence[Service],
        tell: Callable[[str, int, bool, str], None],
        rng: Random,
        limits: Limits | None = None,
    ) -> None:
        self._checked = [(service, service.health_check) for service in services if service.health_check is not None]
        self._tell = tell
        self._rng = rng
        self._limits = limits or Limits()
        self._ended = asyncio.Event()
        self._quiet_until = -inf

    async def run(self) -> None:
        """Check until cancelled; then nothing is being checked and every connection is closed."""
        loop = asyncio.get_running_loop()
        sizes = [(len(service.endpoints), check.interval) for service, check in self._checked]
        schedule = Schedule(sizes, self._limits, loop.time())
        async with _Client() as client, asyncio.TaskGroup() as group:
            while True:
                self._ended.clear()
                now = loop.time()
                while (turn := schedule.begin_next(now, self._rng)) is not None:
                    self._warn_when_late(turn)
                    group.create_task(self._check(turn, schedule, client))
                await self._wait_until(max(schedule.next_due, now + _TICK))

    async def _wait_until(self, due: float) -> None:
        """Wait for a time, or for the end of a check."""
        timer = asyncio.get_running_loop().call_at(due, self._ended.set) if due < inf else None
        try:
            await self._ended.wait()
        finally:
            if timer is not None:
                timer.cancel()

    async def _check(self, turn: Turn, schedule: Schedule, client: _Client) -> None:
        """Make one check and tell of it. Nothing that goes wrong here may end the checks of others."""
        service, check = self._checked[turn.service]
        endpoint = service.endpoints[turn.endpoint]
        answer = await _ask(client, endpoint, check)
        schedule.end(turn, answer.has_timed_out, asyncio.get_running_loop().time(), self._rng)
        self._ended.set()
        try:
            self._tell(service.name, turn.endpoint, answer.is_good, answer.why)
        except Exception:
            log.exception("the answer of a health check could not be used", service=service.name, endpoint=endpoint.url)

    def _warn_when_late(self, turn: Turn) -> None:
        """Say it when there are more checks, or more of them hang, than can be made in time."""
        service, check = self._checked[turn.service]
        late = turn.began - turn.due
        if late > check.interval and turn.began >= self._quiet_until:
            self._quiet_until = turn.began + _WARNING_EVERY
            log.warning("health checks are late", service=service.name, seconds=round(late, 1))


class _Client:
    """HTTP sessions for checks: one for TCP, and one for each Unix socket, because a connector knows only one."""

    def __init__(self) -> None:
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def get(self, endpoint: Endpoint, check: HealthCheck) -> aiohttp.ClientResponse:
        """Return the head of the answer to a check."""
        session = self._sessions.get(endpoint.path)
        if session is None:
            session = await self._stack.enter_async_context(_open_session(endpoint.path))
            self._sessions[endpoint.path] = session
        # As written: aiohttp would write the path anew.
        url = URL(f"http://{_name_peer(endpoint, check)}{check.path}", encoded=True)
        return await session.get(url, headers={"Host": check.host or endpoint.authority}, allow_redirects=False)


def _open_session(socket_path: str) -> aiohttp.ClientSession:
    connector: aiohttp.BaseConnector
    # The schedule limits them: a second, hidden queue would let checks run into their timeout while they wait.
    if socket_path:
        connector = aiohttp.UnixConnector(socket_path, limit=0, force_close=True)
    else:
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "orion-health-check"},
        skip_auto_headers=["Accept-Encoding"],
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        auto_decompress=False,
        trust_env=False,
        read_bufsize=_CONTENT_READ,
    )
    # aiohttp sends a GET again when the connection closes without an answer; who flaps would pass for well. There is no
    # public way to say so (aiohttp's own test client does the same).
    session._retry_connection = False
    return session


def _name_peer(endpoint: Endpoint, check: HealthCheck) -> str:
    if endpoint.path:
        return "localhost"
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{host}:{check.port or endpoint.port}"


async def _ask(client: _Client, endpoint: Endpoint, check: HealthCheck) -> _Answer:
    try:
        async with asyncio.timeout(check.timeout), await client.get(endpoint, check) as response:
            if not any(low <= response.status <= high for low, high in check.statuses):
                return _Answer(False, f"status {response.status}")
            await _read_content(response)
            return _Answer(True, f"status {response.status}")
    except TimeoutError:
        return _Answer(False, f"timeout after {check.timeout:g}s", has_timed_out=True)
    except (aiohttp.ClientError, OSError) as error:
        return _Answer(False, _describe(error))
    except Exception as error:
        # Told as a bad answer: else the endpoint would keep its last verdict for ever.
        log.exception("a health check crashed", endpoint=endpoint.url)
        return _Answer(False, f"the check crashed: {type(error).__name__}")


async def _read_content(response: aiohttp.ClientResponse) -> None:
    left = _CONTENT_READ
    while left > 0 and (part := await response.content.read(left)):
        left -= len(part)


def _describe(error: Exception) -> str:
    """Say in a few words why there was no answer."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "name not resolved"
        case aiohttp.ClientPayloadError():
            return "content cut off"
        case aiohttp.ServerDisconnectedError():
            return "connection closed without an answer"
        case aiohttp.ClientResponseError():
            return "no HTTP answer"
        case OSError(errno=int(number)):
            return os.strerror(number).lower()
    return str(error) or type(error).__name__
