"""Say which timeout of an exchange has passed. Pure: the sweep gives the time, `exchange` keeps the marks.

The two directions are judged apart, because a client may still be sending while the answer already flows back. Time in
which the gateway itself did not read (back-pressure) is never counted against the side that was made to wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from orion_gateway.values import Reason, UpstreamTimeouts

_RATE_GRACE = 10.0
"""Seconds of reading before the minimum rate of a body is judged (route-table.md, `request_body_min_rate`)."""


class Phase(Enum):
    """Where the way to the answer stands."""

    FILTERING = auto()
    """A filter waits for something, before or behind the attempts."""
    QUEUED = auto()
    CONNECTING = auto()
    WAITING = auto()
    """Connected; the response head has not come."""
    BACKING_OFF = auto()
    """An attempt has failed; the next one is due soon."""
    RECEIVING = auto()
    ANSWERED = auto()
    """The answer is complete; at most the rest of the request is still read."""


@dataclass(frozen=True, slots=True)
class ClientTimeouts:
    """Timeouts towards the client; `body_min_rate` in bytes per second."""

    request_header: float | None = 10.0
    keep_alive: float | None = 75.0
    body_idle: float | None = 30.0
    body_min_rate: float | None = 1024.0
    write_idle: float | None = 60.0


class Marks(Protocol):
    """What is kept of an exchange in flight. Times are monotonic seconds; 0 means "not so"."""

    started: float
    phase: Phase
    since: float
    """When the phase began, or its last progress."""
    request_done: bool
    request_bytes: int
    request_progress: float
    """When the last byte of the request came, or the gateway began to read again."""
    unread_since: float
    """Since when the gateway has not been reading the request because nobody takes it."""
    unread_total: float
    awaits_continue: bool
    """The client waits for a 100 before it sends content, so it is the endpoint that owes something."""
    upstream_timeouts: UpstreamTimeouts
    queue_timeout: float | None
    tunnel_idle: float | None
    is_tunnel: bool

    @property
    def client_blocked_since(self) -> float:
        """Since when the client has taken nothing although bytes wait for it."""


def find_overdue(marks: Marks, client: ClientTimeouts, now: float) -> Reason | None:
    """Return the reason of the first timeout that has passed, or None."""
    timeouts = marks.upstream_timeouts
    moved = max(marks.since, marks.request_progress)
    if marks.is_tunnel:
        return Reason.CONNECTION_READ_TIMEOUT if _passed(moved, marks.tunnel_idle, now) else None
    if marks.client_blocked_since:
        if _passed(marks.client_blocked_since, client.write_idle, now):
            return Reason.CLIENT_WRITE_TIMEOUT
    elif not marks.request_done and not marks.awaits_continue:
        reason = _judge_request(marks, client, now)
        if reason is not None:
            return reason
    match marks.phase:
        case Phase.QUEUED if _passed(marks.since, marks.queue_timeout, now):
            return Reason.QUEUE_TIMEOUT
        case Phase.CONNECTING if _passed(marks.since, timeouts.connect, now):
            return Reason.CONNECTION_TIMEOUT
        case Phase.WAITING if _is_endpoints_turn(marks) and _passed(marks.since, timeouts.response, now):
            return Reason.HTTP_RESPONSE_TIMEOUT
        case Phase.RECEIVING if not marks.client_blocked_since and _passed(moved, timeouts.idle, now):
            return Reason.CONNECTION_READ_TIMEOUT
    return Reason.HTTP_RESPONSE_TIMEOUT if _passed(marks.started, timeouts.total, now) else None


def _is_endpoints_turn(marks: Marks) -> bool:
    return marks.request_done or marks.awaits_continue


def _judge_request(marks: Marks, client: ClientTimeouts, now: float) -> Reason | None:
    if marks.unread_since:
        # Before the connection stands, its own timeout speaks; behind it, the endpoint has stopped reading.
        if marks.phase in (Phase.WAITING, Phase.RECEIVING) and _passed(
            marks.unread_since, marks.upstream_timeouts.idle, now
        ):
            return Reason.CONNECTION_WRITE_TIMEOUT
        return None
    if _passed(marks.request_progress, client.body_idle, now):
        return Reason.REQUEST_TIMEOUT
    reading = now - marks.started - marks.unread_total
    if client.body_min_rate and reading > _RATE_GRACE and marks.request_bytes < client.body_min_rate * reading:
        return Reason.REQUEST_TIMEOUT
    return None


def _passed(since: float, timeout: float | None, now: float) -> bool:
    return timeout is not None and now - since > timeout
