"""Which timeout has passed, as a table over the marks of an exchange."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from orion_gateway.proxy.deadline import ClientTimeouts, Phase, find_overdue
from orion_gateway.values import Reason, UpstreamTimeouts

CLIENT = ClientTimeouts(body_idle=30.0, body_min_rate=1000.0, write_idle=60.0)


@dataclass
class Marks:
    """An exchange as the sweep sees it: a GET that began at 100 and waits in the queue."""

    started: float = 100.0
    phase: Phase = Phase.QUEUED
    since: float = 100.0
    request_done: bool = True
    request_bytes: int = 0
    request_progress: float = 100.0
    unread_since: float = 0.0
    unread_total: float = 0.0
    awaits_continue: bool = False
    client_blocked_since: float = 0.0
    upstream_timeouts: UpstreamTimeouts = field(
        default_factory=lambda: UpstreamTimeouts(connect=3.0, response=30.0, idle=300.0)
    )
    queue_timeout: float | None = 1.0
    tunnel_idle: float | None = 600.0
    is_tunnel: bool = False


QUEUED = Marks()
CONNECTING = Marks(phase=Phase.CONNECTING)
WAITING = Marks(phase=Phase.WAITING)
RECEIVING = Marks(phase=Phase.RECEIVING)
UPLOADING = Marks(phase=Phase.WAITING, request_done=False)
TUNNEL = Marks(phase=Phase.RECEIVING, is_tunnel=True, request_done=False)

TABLE = {
    "queue": (QUEUED, 1.0, Reason.QUEUE_TIMEOUT),
    "connect": (CONNECTING, 3.0, Reason.CONNECTION_TIMEOUT),
    "response": (WAITING, 30.0, Reason.HTTP_RESPONSE_TIMEOUT),
    "idle answer": (RECEIVING, 300.0, Reason.CONNECTION_READ_TIMEOUT),
    "idle content": (replace(UPLOADING, request_bytes=10**9), 30.0, Reason.REQUEST_TIMEOUT),
    "slow content": (replace(UPLOADING, request_progress=109.0, request_bytes=9999), 10.0, Reason.REQUEST_TIMEOUT),
    "awaited 100": (replace(UPLOADING, awaits_continue=True), 30.0, Reason.HTTP_RESPONSE_TIMEOUT),
    "endpoint reads nothing": (replace(UPLOADING, unread_since=100.0), 300.0, Reason.CONNECTION_WRITE_TIMEOUT),
    "client reads nothing": (replace(RECEIVING, client_blocked_since=100.0), 60.0, Reason.CLIENT_WRITE_TIMEOUT),
    "idle tunnel": (TUNNEL, 600.0, Reason.CONNECTION_READ_TIMEOUT),
    "total": (
        replace(RECEIVING, since=190.0, upstream_timeouts=UpstreamTimeouts(idle=None, total=100.0)),
        100.0,
        Reason.HTTP_RESPONSE_TIMEOUT,
    ),
    "rest that is read away": (
        Marks(phase=Phase.ANSWERED, request_done=False, request_bytes=10**9),
        30.0,
        Reason.REQUEST_TIMEOUT,
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_each_timeout_has_its_own_reason_and_moment(case: str) -> None:
    """Who looks for a slow part reads it off the reason; a timeout that comes early breaks slow but honest clients."""
    marks, after, reason = TABLE[case]
    assert find_overdue(marks, CLIENT, 100.0 + after) is None
    assert find_overdue(marks, CLIENT, 100.01 + after) is reason


@pytest.mark.parametrize(
    "marks",
    [
        replace(QUEUED, queue_timeout=None),
        replace(CONNECTING, upstream_timeouts=UpstreamTimeouts(connect=None)),
        replace(WAITING, upstream_timeouts=UpstreamTimeouts(response=None)),
        replace(RECEIVING, upstream_timeouts=UpstreamTimeouts(idle=None)),
        replace(TUNNEL, tunnel_idle=None),
    ],
)
def test_off_is_off(marks: Marks) -> None:
    """`off` in the table must never time out."""
    assert find_overdue(marks, ClientTimeouts(body_idle=None, body_min_rate=None, write_idle=None), 1e9) is None


@pytest.mark.parametrize(
    ("marks", "now"),
    [
        (replace(UPLOADING, request_progress=159.0, unread_total=55.0), 161.0),
        (replace(UPLOADING, unread_since=101.0), 160.0),
        (replace(UPLOADING, phase=Phase.CONNECTING, since=160.0, unread_since=101.0), 161.0),
        (replace(RECEIVING, client_blocked_since=395.0), 405.0),
        (replace(RECEIVING, request_done=False, request_progress=405.0, request_bytes=10**9), 406.0),
        (replace(TUNNEL, request_progress=600.0), 1100.0),
        (replace(TUNNEL, since=600.0), 1100.0),
        (replace(UPLOADING, awaits_continue=True), 120.0),
    ],
    ids=[
        "the rate counts only while the gateway reads",
        "a client that is not read from is not late",
        "nor while the connection is not there",
        "an endpoint that is not read from is not late",
        "nor one that listens to a long upload",
        "a tunnel lives while the client talks",
        "a tunnel lives while the endpoint talks",
        "a client that waits for 100 owes nothing",
    ],
)
def test_nobody_is_blamed_for_the_other_side(marks: Marks, now: float) -> None:
    """Back-pressure works only if who is made to wait is not punished for it."""
    assert find_overdue(marks, CLIENT, now) is None


def test_a_fast_body_is_not_judged_by_its_first_seconds() -> None:
    """The minimum rate speaks after ten seconds of reading: slow starts are normal."""
    assert find_overdue(replace(UPLOADING, request_progress=109.9), CLIENT, 109.9) is None
    assert find_overdue(replace(UPLOADING, request_progress=119.0, request_bytes=20_000), CLIENT, 119.0) is None
