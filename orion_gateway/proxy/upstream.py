"""Connections to endpoints: opened, used by one attempt at a time, kept for the next one, and dropped when in doubt.

A service has one pool per worker. It lets its policy choose an endpoint, hands out a kept or a new connection, and lets
exchanges wait in one bounded queue while every endpoint is at its cap. What an attempt means is `exchange`'s business.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, cast

from orion_gateway.http1.body import BodyRefused
from orion_gateway.http1.parsed import HeadLimits, Refusal
from orion_gateway.http1.response import parse_response
from orion_gateway.proxy.affinity import KeyOf, compile_key
from orion_gateway.proxy.reasons import reason_of_connect_error
from orion_gateway.values import CircuitView, Reason, Standing, Verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from random import Random

    from orion_gateway.balancer.chooser import Chooser
    from orion_gateway.breaker.gate import Gate
    from orion_gateway.http1.body import Body
    from orion_gateway.http1.parsed import ResponseHead
    from orion_gateway.proxy.attempt import Attempt
    from orion_gateway.proxy.budget import RetryBudget
    from orion_gateway.proxy.table_answer import TableAnswer
    from orion_gateway.telemetry.metrics import ServiceMetrics
    from orion_gateway.values import Endpoint, Outcome, Service

    ProtocolFactory = Callable[[], asyncio.Protocol]
    OpenTransport = Callable[[ProtocolFactory, Endpoint], Awaitable[object]]

_MAX_INTERIM = 16
"""1xx heads accepted before the final one: more is an endless answer, not information."""


_MAX_REST = 256 * 1024
"""Bytes still read from a connection that failed while writing."""

CLOSING = 2.0
"""Seconds in which an endpoint may take the last bytes of a connection that ends."""


_MAX_UNWANTED = 64 * 1024
"""Bytes of an answer that is not passed on which are read away to keep its connection."""

_FAILED, _SUCCEEDED = Verdict.FAILED, Verdict.SUCCEEDED
_TOO_LARGE = Reason.HTTP_RESPONSE_HEADER_SECTION_SIZE


class UpstreamConnection:
    """One connection to an endpoint, used by at most one attempt at a time; an `asyncio.Protocol` by its methods."""

    __slots__ = (
        "_interim",
        "_limits",
        "_seen",
        "_unparsed",
        "attempt",
        "body",
        "endpoint",
        "has_extra",
        "idle_limit",
        "idle_since",
        "is_at_end",
        "is_reused",
        "pool",
        "transport",
        "unwanted",
    )

    def __init__(self, pool: ServicePool, endpoint: Endpoint, limits: HeadLimits) -> None:
        self.pool = pool
        self.endpoint = endpoint
        self.transport = cast("asyncio.Transport", None)  # set by connection_made, before anybody sees it
        self.attempt: Attempt | None = None
        self.body: Body | None = None
        """How the response in progress is read; None until its final head has come."""
        self.is_reused = False
        self.has_extra = False
        """Bytes came behind the end of a response: nobody can say whose they are."""
        self.is_at_end = False
        self.idle_since = 0.0
        limit = pool.service.connections.idle
        self.idle_limit = math.inf if limit is None else limit
        """Seconds after which it is not used again."""
        self.unwanted = 0
        """Bytes that may still come of an answer that is read away; 0 when none is."""
        self._limits = limits
        self._unparsed = b""
        self._seen = 0
        self._interim = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read a head, then content; bytes that nobody asked for end the connection."""
        if self.attempt is None:
            if self.unwanted:
                self._drop(data, monotonic())
            else:
                self.transport.abort()
        elif self.body is None:
            self._read_head(self.attempt, data, monotonic())
        else:
            self._read_body(self.attempt, self.body, data, monotonic())

    def eof_received(self) -> bool:
        """Remember that the end was a clean one: it may be the end of a body."""
        self.is_at_end = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the attempt how it ended."""
        self.pool.forget(self)
        if exc is not None:
            self._read_rest()
        attempt, self.attempt = self.attempt, None
        if attempt is None:
            return
        now = monotonic()
        if self.body is None:
            is_answered = self._unparsed or self._interim
            reason = Reason.HTTP_RESPONSE_INCOMPLETE if is_answered else Reason.CONNECTION_TERMINATED
            attempt.lose_upstream(reason, now)
        elif self.is_at_end and exc is None and self.body.end():
            attempt.end_response(now)
        else:
            attempt.lose_upstream(Reason.HTTP_RESPONSE_INCOMPLETE, now)

    def pause_writing(self) -> None:
        """Pass the endpoint's slowness on."""
        if self.attempt is not None:
            self.attempt.block_request(monotonic())

    def resume_writing(self) -> None:
        """Let the request flow again."""
        if self.attempt is not None:
            self.attempt.unblock_request(monotonic())

    def begin(self, attempt: Attempt, now: float) -> None:
        """Serve this attempt."""
        self.attempt = attempt
        self.body = None
        self._interim = 0
        attempt.take_connection(self, now)

    def release(self, now: float, is_clean: bool) -> None:
        """Give the connection back: kept for another attempt when clean, else closed.

        One whose request has not gone out whole is never clean: the next request would stand behind the rest.
        """
        self.attempt = None
        is_clean = is_clean and not self.has_extra and not self.transport.get_write_buffer_size()
        self.pool.take_back(self, now, is_clean=is_clean)

    def discard(self, now: float, is_reusable: bool) -> None:
        """Drop the answer whose head has come; the attempt hears nothing more.

        Its content is read away so that the connection can be kept, when it is `is_reusable` and little follows.
        """
        self.attempt = None
        if is_reusable:
            self.unwanted = _MAX_UNWANTED
            self.idle_since = now
        else:
            self.transport.abort()

    def abort(self) -> None:
        """Close at once; the attempt hears nothing more."""
        self.attempt = None
        self.transport.abort()

    def close(self, now: float) -> None:
        """Close after what was written has gone; the attempt hears nothing more."""
        self.attempt = None
        self.idle_since = now
        self.transport.close()

    def _read_head(self, attempt: Attempt, data: bytes, now: float) -> None:
        data = self._unparsed + data if self._unparsed else data
        while True:
            found, used = parse_response(data, self._limits, attempt.method, self._seen)
            if found is None:
                self._unparsed, self._seen = data, len(data)
                return
            if isinstance(found, Refusal):
                self._give_up(_TOO_LARGE if found.is_too_large else Reason.HTTP_PROTOCOL_ERROR, now)
                return
            head = found
            self._unparsed, self._seen = b"", 0
            data = data[used:]
            if head.status >= 200 or head.status == 101:
                break
            self._interim += 1
            if self._interim > _MAX_INTERIM:
                self._give_up(Reason.HTTP_PROTOCOL_ERROR, now)
                return
            attempt.take_interim(head, now)
            if not data:
                return
        self._take_head(attempt, head, data, now)

    def _take_head(self, attempt: Attempt, head: ResponseHead, data: bytes, now: float) -> None:
        """Tell the attempt of its final head, and of the `data` that came behind it."""
        self.body = head.body(self.pool.max_trailers)
        attempt.take_response_head(head, now)
        follower = self.attempt  # a hedge that has won is followed by the exchange it was made for
        body = self.body  # taking a 101 replaced it by an open-ended one
        if follower is None:
            if self.unwanted and (data or body.done):
                self._drop(data, now)
        elif data or body.done:
            self._read_body(follower, body, data, now)
        else:
            follower.flush_response(now)

    def _drop(self, data: bytes, now: float) -> None:
        """Read an answer away that nobody wants."""
        body = self.body
        assert body is not None
        self.unwanted -= len(data)
        try:
            _, rest = body.feed(data)
        except BodyRefused:
            self.transport.abort()
            return
        if body.done:
            self.unwanted = 0
            self.has_extra = bool(rest)
            self.release(now, is_clean=True)
        elif self.unwanted <= 0:
            self.transport.abort()

    def _read_body(self, attempt: Attempt, body: Body, data: bytes, now: float) -> None:
        try:
            pieces, rest = body.feed(data)
        except BodyRefused:
            self._give_up(Reason.HTTP_PROTOCOL_ERROR, now)
            return
        if pieces:
            attempt.take_response(pieces)
        if body.done:
            self.has_extra = bool(rest)
            attempt.end_response(now)
        else:
            attempt.flush_response(now)

    def _read_rest(self) -> None:
        """Read what the endpoint had said before it closed.

        An endpoint may answer early and close with the rest of the request unread, which resets the connection. A write
        that runs into the reset is told first, while the answer still waits to be read.
        """
        size = 0
        sock = self.transport.get_extra_info("socket")
        while self.attempt is not None and size < _MAX_REST and sock is not None:  # in memory there is none
            try:
                data = os.read(sock.fileno(), _MAX_REST)
            except OSError:
                return
            if not data:
                return
            size += len(data)
            self.data_received(data)

    def _give_up(self, reason: Reason, now: float) -> None:
        attempt, self.attempt = self.attempt, None
        self.transport.abort()
        if attempt is not None:
            attempt.lose_upstream(reason, now)


class ServicePool:
    """The endpoints of one service as one worker sees them, their kept connections, and the queue in front of them."""

    def __init__(
        self,
        service: Service,
        chooser: Chooser,
        budget: RetryBudget,
        limits: HeadLimits,
        metrics: ServiceMetrics,
        rng: Random,
        gate: Gate | None = None,
        tell_attempt: Callable[[int, bool], None] | None = None,
        open_transport: OpenTransport | None = None,
    ) -> None:
        """`gate` is None without a circuit, `tell_attempt(endpoint, succeeded)` without ejection.

        `open_transport(factory, endpoint)` connects a protocol to an endpoint, and raises OSError when it cannot; None:
        over a socket.
        """
        self.service = service
        self.chooser = chooser
        self.budget = budget
        self.gate = gate
        self.fallback: TableAnswer | ServicePool | None = None
        """What answers while the circuit is open."""
        self.asking: Attempt | None = None
        """The attempt that waits for leave to try a half-open circuit."""
        self.metrics = metrics
        self.rng = rng
        key, cookie = service.balancing.key, service.balancing.sticky_cookie
        self.key_of: KeyOf | None = None if key is None else compile_key(key)
        self.sticky_cookie = b"" if cookie is None else cookie.encode("ascii")
        self.queue_timeout = service.connections.queue_timeout
        self._max_idle = service.connections.max_idle
        self.max_trailers = limits.section
        self._limits = limits
        self._tell_attempt = tell_attempt
        self._open_transport = open_transport or _open_socket
        self._numbers = {endpoint: number for number, endpoint in enumerate(service.endpoints)}
        self._idle: dict[Endpoint, list[UpstreamConnection]] = {endpoint: [] for endpoint in service.endpoints}
        self._open: set[UpstreamConnection] = set()
        self._opening: dict[Attempt, asyncio.Task[None]] = {}
        self._queue: deque[Attempt] = deque()
        self._queue_capacity = service.connections.queue * len(service.endpoints)

    @property
    def counts(self) -> dict[str, int]:
        """Connections by state: idle, busy, opening; and how many exchanges wait."""
        idle = sum(map(len, self._idle.values()))
        return {"idle": idle, "busy": len(self._open) - idle, "opening": len(self._opening), "queued": len(self._queue)}

    def acquire(self, attempt: Attempt, now: float) -> Reason | None:
        """Find a connection for the attempt, now or later; return why there will be none.

        The attempt hears nothing while it waits in the queue, then `begin_connecting`, then `take_connection` or
        `lose_upstream`.
        """
        endpoint = attempt.wanted
        if endpoint is None or endpoint.in_flight >= endpoint.max_in_flight:
            endpoint = self.chooser.choose(attempt.key, now, attempt.tried)
            if endpoint is None:
                return Reason.DESTINATION_UNAVAILABLE
        if endpoint.in_flight >= endpoint.max_in_flight:
            if len(self._queue) >= self._queue_capacity:
                return Reason.QUEUE_FULL
            self._queue.append(attempt)
            return None
        self._connect(attempt, endpoint, now)
        return None

    def acquire_beside(self, attempt: Attempt, now: float) -> bool:
        """Find a connection on an endpoint that was not tried yet; return whether there is one with a free place."""
        endpoint = self.chooser.choose(attempt.key, now, attempt.tried)
        if endpoint is None or endpoint.is_full or (attempt.tried is not None and endpoint in attempt.tried):
            return False
        self._connect(attempt, endpoint, now)
        return True

    def take_standings(self, standings: Sequence[Standing], now: float) -> None:
        """Take how the endpoints stand, in the order of the service."""
        self.chooser.take_standings(standings, now)
        self._serve_queue(now)

    def take_circuit(self, view: CircuitView) -> None:
        """Take how the circuit stands."""
        if self.gate is not None:
            self.gate.take_view(view)

    def take_trial_answer(self, permit: int, now: float) -> None:
        """Take the answer to the attempt that asked for a trial: the number of its permit, or 0."""
        gate, attempt = self.gate, self.asking
        if gate is None:
            return
        self.asking = None
        may_go = gate.take_answer(permit)
        if attempt is not None:
            attempt.take_trial(permit if may_go else 0, now)
        elif permit:  # its client left
            gate.record(Verdict.ABANDONED, gate.view.epoch, permit, now)

    def reacquire(self, attempt: Attempt, endpoint: Endpoint, now: float) -> None:
        """Open a fresh connection to the same endpoint, on which the attempt still holds its place."""
        self.metrics.record_retry(Reason.CONNECTION_TERMINATED.value)
        attempt.begin_connecting(endpoint, now)
        self._open_for(attempt, endpoint)

    def leave(self, attempt: Attempt) -> None:
        """Forget an attempt that is queued or connecting and is not wanted any more."""
        opening = self._opening.pop(attempt, None)
        if opening is not None:
            opening.cancel()
        elif self.asking is attempt:
            self.asking = None
        elif attempt in self._queue:
            self._queue.remove(attempt)

    def finish(self, endpoint: Endpoint, outcome: Outcome, now: float) -> None:
        """Take the outcome of an attempt and its place back; the longest waiting exchange gets the place."""
        endpoint.in_flight -= 1
        self.metrics.record(outcome)
        self.chooser.observe(endpoint, outcome, now)
        if self._tell_attempt is not None and (outcome.verdict is _FAILED or endpoint.is_suspect):
            self._tell(endpoint, outcome)
        if self._queue:
            self._serve_queue(now)

    def take_back(self, connection: UpstreamConnection, now: float, is_clean: bool) -> None:
        """Keep a connection for the next attempt, or close it."""
        idle = self._idle.get(connection.endpoint)
        if not is_clean or idle is None or connection.idle_limit <= 0:
            connection.transport.abort()
        elif len(idle) >= self._max_idle:
            connection.transport.close()
        else:
            connection.is_reused = True
            connection.idle_since = now
            idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """Drop a connection that is gone."""
        self._open.discard(connection)
        idle = self._idle.get(connection.endpoint)
        if idle is not None and connection in idle:
            idle.remove(connection)

    def sweep(self, now: float) -> None:
        """Close connections that have been idle too long, and cut short the closing of those that nobody reads."""
        for idle in self._idle.values():
            expired = [connection for connection in idle if not _is_fresh(connection, now)]
            for connection in expired:
                idle.remove(connection)
                connection.transport.close()
        for connection in [c for c in self._open if c.transport.is_closing() or c.unwanted]:
            if now - connection.idle_since > CLOSING:
                connection.transport.abort()

    def close(self) -> None:
        """Close every connection; attempts in flight, connecting or queued hear that there will be no answer."""
        waiting = [*self._queue, *self._opening]
        if self.asking is not None:
            waiting.append(self.asking)
            self.asking = None
        self._queue.clear()
        for task in self._opening.values():
            task.cancel()
        self._opening.clear()
        for connection in list(self._open):
            connection.transport.abort()
        for attempt in waiting:
            attempt.lose_upstream(Reason.DESTINATION_UNAVAILABLE, monotonic())

    def _tell(self, endpoint: Endpoint, outcome: Outcome) -> None:
        """Tell the supervisor of a failure, and of the first success after one."""
        if outcome.verdict is not _FAILED:
            if outcome.verdict is not _SUCCEEDED:
                return
            endpoint.is_suspect = False
        assert self._tell_attempt is not None
        self._tell_attempt(self._numbers[endpoint], outcome.verdict is _SUCCEEDED)

    def _serve_queue(self, now: float) -> None:
        """Let those go on that have waited longest, as far as there are places."""
        while self._queue:
            attempt = self._queue[0]
            free = self.chooser.choose(attempt.key, now, attempt.tried)
            if free is None or free.is_full:
                return
            self._queue.popleft()
            self._connect(attempt, free, now)

    def _connect(self, attempt: Attempt, endpoint: Endpoint, now: float) -> None:
        """Take a place on the endpoint and the connection that was used last, or open one."""
        endpoint.in_flight += 1
        attempt.begin_connecting(endpoint, now)
        idle = self._idle[endpoint]
        while idle:
            connection = idle.pop()
            if connection.transport.is_closing():
                continue
            if _is_fresh(connection, now):
                connection.begin(attempt, now)
                return
            connection.transport.close()
        self._open_for(attempt, endpoint)

    def _open_for(self, attempt: Attempt, endpoint: Endpoint) -> None:
        self._opening[attempt] = asyncio.get_running_loop().create_task(self._open_connection(attempt, endpoint))

    async def _open_connection(self, attempt: Attempt, endpoint: Endpoint) -> None:
        connection = UpstreamConnection(self, endpoint, self._limits)

        def factory() -> asyncio.Protocol:
            return cast("asyncio.Protocol", connection)

        try:
            await self._open_transport(factory, endpoint)
        except (OSError, UnicodeError) as error:
            del self._opening[attempt]
            attempt.lose_upstream(reason_of_connect_error(error), monotonic())
            return
        # An attempt that leaves cancels this task, in which case the connection is closed where it was being opened.
        del self._opening[attempt]
        if connection.transport.is_closing():  # closed by the other side as soon as it stood
            attempt.lose_upstream(Reason.CONNECTION_TERMINATED, monotonic())
        else:
            self._open.add(connection)
            connection.begin(attempt, monotonic())


async def _open_socket(factory: ProtocolFactory, endpoint: Endpoint) -> None:
    loop = asyncio.get_running_loop()
    if endpoint.path:
        await loop.create_unix_connection(factory, endpoint.path)
    else:
        # A name is resolved each time, off the loop; its addresses are tried in turn.
        await loop.create_connection(factory, endpoint.host, endpoint.port)


def _is_fresh(connection: UpstreamConnection, now: float) -> bool:
    """Say whether an idle connection may still be used: past its limit the endpoint may be about to close it."""
    return now - connection.idle_since <= connection.idle_limit
