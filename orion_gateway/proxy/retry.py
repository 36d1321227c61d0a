"""Decide whether a failed attempt may be repeated.

Pure: `exchange` makes the attempt and tells what happened; this module answers "again, after so long" or "give up",
with the reason for log and metrics.

An attempt may be repeated when nothing of it reached the endpoint, whatever the method, or when the method may be and
its content can be sent again. Once a byte of an answer has gone downstream, nothing may be: whoever asks here has
written none. Without configured retries one case is left: a kept-alive connection that the endpoint closed while the
request was on its way (RFC 9112, section 9.3.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from orion_gateway.values import Reason

if TYPE_CHECKING:
    from random import Random

    from orion_gateway.values import RetryRules

# RFC 9110, section 9.2.2.
IDEMPOTENT = frozenset([b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"])

SAFE = frozenset([b"GET", b"HEAD", b"OPTIONS"])
"""What may be hedged (RFC 9110, section 9.2.1; a TRACE asks for nothing that is worth a second one)."""

_CONDITIONS = {
    Reason.CONNECTION_REFUSED: "connect_failure",
    Reason.CONNECTION_TIMEOUT: "connect_failure",
    Reason.DESTINATION_IP_UNROUTABLE: "connect_failure",
    Reason.DNS_ERROR: "connect_failure",
    Reason.TLS_CERTIFICATE_ERROR: "connect_failure",
    Reason.TLS_PROTOCOL_ERROR: "connect_failure",
    Reason.CONNECTION_TERMINATED: "reset_before_response",
    Reason.HTTP_RESPONSE_TIMEOUT: "response_timeout",
}


class Budget(Protocol):
    """What retries are paid from."""

    def withdraw(self, now: float) -> bool:
        """Take one retry if there is one left."""

    def charge(self, now: float) -> None:
        """Take more for a retry that has failed too."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A failed attempt: by a `reason`, or by the `status` of its answer (0 without one)."""

    method: bytes
    attempts: int
    """How many there were, this one included."""
    reason: Reason | None = None
    status: int = 0
    was_sent: bool = False
    """Whether any byte of the request may have reached the endpoint."""
    has_answer: bool = False
    """Whether the answer broke off after its first byte."""
    can_replay: bool = True
    """Whether the content, if there is any, can be sent again."""
    retry_after: float | None = None
    """Seconds that the answer asks to wait."""
    remaining: float = float("inf")
    """Seconds to the deadline of the exchange."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Try again after so many seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Let the failure stand. `why` is a word for log and metric; empty when retries had nothing to say about it."""

    why: str = ""


def decide(rules: RetryRules | None, failed: Failed, budget: Budget, now: float, rng: Random) -> Repeat | GiveUp:
    """Decide about a failed attempt; a retry is paid for when it is granted, and once more when it fails."""
    if rules is None or failed.has_answer or not is_listed(rules, failed):
        return GiveUp()
    if failed.attempts > 1:
        budget.charge(now)
    if failed.attempts > rules.max:
        return GiveUp("exhausted")
    if failed.was_sent and failed.method not in rules.methods:
        return GiveUp("method")
    if not failed.can_replay:
        return GiveUp("content")
    delay = draw_backoff(rules, failed.attempts, rng)
    if failed.retry_after is not None:
        if failed.retry_after > rules.retry_after:
            return GiveUp("retry_after")
        delay = max(delay, failed.retry_after)
    if delay >= failed.remaining:
        return GiveUp("deadline")
    return Repeat(delay) if budget.withdraw(now) else GiveUp("budget")


def draw_backoff(rules: RetryRules, attempts: int, rng: Random) -> float:
    """Return how long to wait after so many attempts: "full jitter" (Brooker, AWS Architecture Blog, 2015)."""
    first, longest = rules.backoff
    return rng.uniform(0.0, min(longest, first * 2.0 ** (attempts - 1)))


def may_repeat_on_fresh_connection(
    method: bytes, *, was_reused: bool, answered: bool, can_replay: bool, repeated: bool
) -> bool:
    """Say whether an attempt whose connection was lost may be made once more on a fresh connection.

    `answered`: a byte of the response has come. `can_replay`: its content, if any, can be sent again. `repeated`: it
    was repeated before.
    """
    return was_reused and not answered and can_replay and not repeated and method in IDEMPOTENT


def is_listed(rules: RetryRules, failed: Failed) -> bool:
    """Say whether the rules name this kind of failure."""
    if failed.reason is None:
        return str(failed.status) in rules.on
    condition = _CONDITIONS.get(failed.reason)
    if condition == "reset_before_response" and not failed.was_sent:
        condition = "connect_failure"
    return condition in rules.on
