"""Requests that the gateway itself makes to a service of the table, over the pools of its worker: one attempt each.

A fetch is an exchange without a client, so services see it as they see exchanges:

- Its endpoint is chosen by the balancer, it waits in the same queue for a place, and what comes of it counts for
  ejection and among the attempts.
- An open circuit refuses it at once, a half-open one may make a trial of it, and what comes of it is a verdict. The
  fallback of a circuit is not asked: whoever fetches wants this service.
- It is never repeated, so that it takes nothing from the retry budget and gives nothing to it. One case is left, as for
  every exchange: an idempotent method on a kept connection that turns out to be closed takes a fresh one.
- One timeout holds for all of it. Whoever awaits it and is cancelled cancels it, which is no verdict about anybody.
"""

from __future__ import annotations

import asyncio
import re
from time import monotonic
from typing import TYPE_CHECKING

from orion_gateway.breaker.gate import Entry
from orion_gateway.filters.filter import Fetched, Outgoing
from orion_gateway.http1.fields import HOP_BY_HOP, TOKEN
from orion_gateway.http1.parsed import Framing
from orion_gateway.proxy.attempt import Attempt
from orion_gateway.proxy.reasons import UPSTREAM_FAULTS
from orion_gateway.proxy.retry import may_repeat_on_fresh_connection
from orion_gateway.values import Endpoint, Outcome, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orion_gateway.filters.filter import Fetch
    from orion_gateway.http1.body import Payload
    from orion_gateway.http1.parsed import ResponseHead
    from orion_gateway.proxy.exchange import Exchange
    from orion_gateway.proxy.upstream import ServicePool, UpstreamConnection

_OWN = HOP_BY_HOP | {b"content-length", b"expect", b"host"}
"""Fields that are not passed on as given."""

_WITH_LENGTH = (b"POST", b"PUT", b"PATCH")
"""Methods that say Content-Length also when it is 0 (RFC 9110, section 8.6)."""

_TOKEN = re.compile(TOKEN + rb"+")
_TARGET = re.compile(rb"/[\x21-\x7e]*|\*")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


class Fetcher:
    """Makes the requests of one worker under one generation of the table."""

    def __init__(self, pools: Mapping[str, ServicePool], via: bytes = b"") -> None:
        """`via` is what the gateway says of itself in Via, empty for nothing."""
        self._pools = pools
        self._via = via

    async def fetch(self, request: Fetch) -> Fetched:
        """Ask a service. Nothing is raised: why there is no answer is in what is returned."""
        pool = self._pools.get(request.service)
        if pool is None:
            return Fetched(0, error=Reason.DESTINATION_NOT_FOUND.value)
        if not is_sendable(request):
            return Fetched(0, error=Reason.HTTP_REQUEST_ERROR.value)
        attempt = FetchAttempt(pool, request, self._via, monotonic())
        attempt.start()
        try:
            return await attempt.answer
        finally:
            attempt.cancel(monotonic())


def is_sendable(request: Fetch) -> bool:
    """Say whether a request can be written without becoming another one: no line ends where there must be none."""
    return (
        _TOKEN.fullmatch(request.method) is not None
        and _TARGET.fullmatch(request.target) is not None
        and all(_TOKEN.fullmatch(name) and _VALUE.fullmatch(value) for name, value in request.headers)
    )


def render_fetch(request: Fetch, endpoint: Endpoint, via: bytes) -> bytes:
    """Return the head. Host is the endpoint's and Via the gateway's, unless they are given."""
    host, fields, has_via = endpoint.authority.encode(), [], False
    for name, value in request.headers:
        lower = name.lower()
        if lower == b"host":
            host = value
        elif lower not in _OWN:
            has_via = has_via or lower == b"via"
            fields.append(b"%b: %b\r\n" % (name, value))
    if via and not has_via:
        fields.append(b"Via: 1.1 %b\r\n" % via)
    if request.content or request.method in _WITH_LENGTH:
        fields.append(b"Content-Length: %d\r\n" % len(request.content))
    target = endpoint.base_path.encode() + request.target
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (request.method, target, host, b"".join(fields))


def describe_outgoing(exchange: Exchange, now: float) -> Outgoing | None:
    """Return the request of an exchange as an endpoint gets it, the edits for single attempts included.

    None while it is not known where it goes. What it has left of its deadline is left out: it is about its own attempt.
    """
    if exchange.route is None or not exchange.target:
        return None
    exchange.identify()
    # An endpoint without a name: where its Host would be sent, there is none.
    head = exchange.render_head(Endpoint(url="", authority=""), now)
    request_line, *lines = head[:-4].split(b"\r\n")
    fields = []
    for line in lines:
        name, _, value = line.partition(b":")
        value, lower = value.strip(b" \t"), name.lower()
        if lower != b"x-orion-timeout-ms" and (value or lower != b"host"):
            fields.append((name, value))
    return Outgoing(request_line.split(b" ", 2)[1], fields)


class FetchAttempt(Attempt):
    """One fetch under way. It ends once: `_end` is the only way out."""

    def __init__(self, pool: ServicePool, request: Fetch, via: bytes, now: float) -> None:
        self.method = request.method
        self.key = 0
        self.tried = None
        self.wanted = None
        self.endpoint = None
        self.answer: asyncio.Future[Fetched] = asyncio.get_running_loop().create_future()
        self._pool = pool
        self._request = request
        self._via = via
        self._started = self._attempted = now
        self._connection: UpstreamConnection | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._overdue = Reason.QUEUE_TIMEOUT  # what it has waited for when the time is over
        self._epoch = -1
        self._permit = 0
        self._is_repeated = False
        self._is_over = False
        self._head: ResponseHead | None = None
        self._waited = 0.0
        self._pieces: list[bytes] = []
        self._room = request.limit
        self._is_truncated = False

    def start(self) -> None:
        """Ask the circuit, then for a connection."""
        pool, now = self._pool, self._started
        self._timer = asyncio.get_running_loop().call_later(self._request.timeout, self._expire)
        gate = pool.gate
        if gate is not None:
            entry = gate.enter(now)
            if entry is Entry.REFUSED:
                self._end(Verdict.REFUSED, Reason.CIRCUIT_OPEN, now)
                return
            if entry is Entry.ASKED:
                pool.asking = self
                self._overdue = Reason.CIRCUIT_OPEN
                return
            self._epoch = gate.epoch
        self._acquire(now)

    def cancel(self, now: float) -> None:
        """Stop, if it is still under way; there is no verdict about anybody."""
        if not self._is_over:
            self._stop()
            self._end(Verdict.ABANDONED, Reason.CLIENT_GONE, now)

    # -- what the pool and the connection tell (attempt.Attempt) ----------------------------------------------------

    def take_trial(self, permit: int, now: float) -> None:
        """Go on as a trial of the half-open circuit, or be refused."""
        if not permit:
            self._end(Verdict.REFUSED, Reason.CIRCUIT_OPEN, now)
            return
        assert self._pool.gate is not None
        self._epoch = self._pool.gate.epoch
        self._permit = permit
        self._overdue = Reason.QUEUE_TIMEOUT
        self._acquire(now)

    def begin_connecting(self, endpoint: Endpoint, now: float) -> None:
        """Note the endpoint."""
        self.endpoint = endpoint
        self._attempted = now
        self._overdue = Reason.CONNECTION_TIMEOUT

    def take_connection(self, connection: UpstreamConnection, now: float) -> None:  # noqa: ARG002 (the contract's)
        """Write the request, which is there as a whole."""
        self._connection = connection
        self._overdue = Reason.HTTP_RESPONSE_TIMEOUT
        connection.transport.write(render_fetch(self._request, connection.endpoint, self._via) + self._request.content)

    def lose_upstream(self, reason: Reason, now: float) -> None:
        """Take a fresh connection where the kept one was closed, else end."""
        connection, self._connection = self._connection, None
        if may_repeat_on_fresh_connection(
            self.method,
            was_reused=connection is not None and connection.is_reused,
            answered=reason is not Reason.CONNECTION_TERMINATED,
            can_replay=True,
            repeated=self._is_repeated,
        ):
            assert self.endpoint is not None
            self._is_repeated = True
            self._pool.reacquire(self, self.endpoint, now)
            return
        self._end(self._judge(reason), reason, now, was_sent=connection is not None)

    def take_interim(self, head: ResponseHead, now: float) -> None:
        """Nobody here wants hints."""

    def take_response_head(self, head: ResponseHead, now: float) -> None:
        """Keep the head. Nobody has asked for another protocol."""
        if head.status == 101:
            self._stop()
            self._end(Verdict.FAILED, Reason.HTTP_UPGRADE_FAILED, now)
            return
        self._head = head
        self._waited = now - self._started
        self._overdue = Reason.CONNECTION_READ_TIMEOUT

    def take_response(self, pieces: Sequence[Payload]) -> None:
        """Keep content up to the limit."""
        for piece in pieces:
            if len(piece) > self._room:
                self._is_truncated = True
            if self._room:
                self._pieces.append(bytes(piece[: self._room]))
                self._room -= len(self._pieces[-1])

    def flush_response(self, now: float) -> None:
        """End as soon as the limit is passed: the connection is kept if little follows."""
        head, connection = self._head, self._connection
        if not self._is_truncated or connection is None or head is None:
            return
        self._connection = None
        connection.discard(now, is_reusable=_is_reusable(head))
        self._end(_judge_status(head.status), None, now)

    def end_response(self, now: float) -> None:
        """The answer is complete."""
        head, connection = self._head, self._connection
        assert connection is not None
        assert head is not None
        self._connection = None
        if head.keep_alive_timeout is not None:
            # One second less than it says: the request must arrive before the endpoint closes.
            connection.idle_limit = min(connection.idle_limit, head.keep_alive_timeout - 1)
        connection.release(now, is_clean=_is_reusable(head))
        self._end(_judge_status(head.status), None, now)

    def block_request(self, now: float) -> None:
        """All of it is written: there is nobody to hold back."""

    def unblock_request(self, now: float) -> None:
        """All of it is written."""

    # -- inside -----------------------------------------------------------------------------------------------------

    def _acquire(self, now: float) -> None:
        refusal = self._pool.acquire(self, now)
        if refusal is not None:
            self._end(self._judge(refusal), refusal, now)

    def _expire(self) -> None:
        now, reason, was_sent = monotonic(), self._overdue, self._connection is not None
        self._stop()
        self._end(self._judge(reason), reason, now, was_sent=was_sent)

    def _judge(self, reason: Reason) -> Verdict:
        """Return whose fault it is."""
        if reason in UPSTREAM_FAULTS:
            return Verdict.FAILED
        return Verdict.REFUSED if self.endpoint is None else Verdict.ABANDONED

    def _stop(self) -> None:
        """Leave the connection, or the wait for one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abort()
        else:
            self._pool.leave(self)

    def _end(self, verdict: Verdict, reason: Reason | None, now: float, *, was_sent: bool = True) -> None:
        """Tell the endpoint's judges, the circuit's, and whoever waits."""
        if self._is_over:
            return
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        head, endpoint = self._head, self.endpoint
        if endpoint is not None:
            status = 0 if head is None else head.status
            self._pool.finish(endpoint, Outcome(verdict, reason, status, now - self._attempted, was_sent), now)
        if self._epoch >= 0:
            assert self._pool.gate is not None
            self._pool.gate.record(verdict, self._epoch, self._permit, now)
        if self.answer.done():  # whoever waited has been cancelled
            return
        duration = now - self._started
        if reason is not None or head is None:
            error = Reason.PROXY_INTERNAL_ERROR if reason is None else reason
            self.answer.set_result(Fetched(0, error=error.value, duration=duration))
            return
        content = b"".join(self._pieces)
        self.answer.set_result(
            Fetched(head.status, list_fields(head), content, self._is_truncated, "", duration, self._waited)
        )


def list_fields(head: ResponseHead) -> list[tuple[bytes, bytes]]:
    """Return the fields of an answer in order, names in lower case, without those of the connection."""
    left_out = {*HOP_BY_HOP, *head.connection_tokens}
    fields = []
    for line in head.raw[head.fields_start : -4].split(b"\r\n"):
        name, _, value = line.partition(b":")
        lower = name.lower()
        if lower and lower not in left_out:
            fields.append((lower, value.strip(b" \t")))
    return fields


def _is_reusable(head: ResponseHead) -> bool:
    return head.is_keep_alive and head.framing is not Framing.UNTIL_CLOSE


def _judge_status(status: int) -> Verdict:
    return Verdict.FAILED if status >= 500 else Verdict.SUCCEEDED
