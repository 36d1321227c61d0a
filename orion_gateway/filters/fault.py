"""Delay requests and answer them with errors, at random: what a client does when a service fails, tried on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from orion_gateway.filters.filter import Filter
from orion_gateway.values import Reason, Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from random import Random

    from orion_gateway.filters.filter import Exchange, Facilities


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait between `least` and `most` seconds."""

    least: float
    most: float
    share: float | None = None
    """The part of the requests that it hits; None: what the rules say for both."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Answer instead of the service."""

    status: int
    body: bytes | None = None
    """None: the error body of the gateway."""
    share: float | None = None


@dataclass(frozen=True, slots=True)
class FaultRules:
    """What is done to how many requests."""

    delay: Delay | None = None
    abort: Abort | None = None
    share: float = 1.0


def draw(rules: FaultRules, rng: Random) -> tuple[float, bool]:
    """Return how many seconds a request waits, and whether it is answered here.

    Parts without a share of their own hit the same requests, those with one are drawn each by itself.
    """
    is_hit = rng.random() < rules.share
    delay, abort = rules.delay, rules.abort
    seconds = 0.0
    if delay is not None and (is_hit if delay.share is None else rng.random() < delay.share):
        seconds = rng.uniform(delay.least, delay.most)
    does_abort = abort is not None and (is_hit if abort.share is None else rng.random() < abort.share)
    return seconds, does_abort


class Fault(Filter):
    """Hits the requests that the dice choose."""

    disturbs: ClassVar[bool] = True

    def __init__(self, rules: FaultRules, facilities: Facilities) -> None:
        self._rules = rules
        self._facilities = facilities
        self._reply = None if rules.abort is None else _make_reply(rules.abort)

    def on_request(self, exchange: Exchange) -> Reply | Awaitable[Reply | None] | None:
        """Let it pass, answer it, or return what waits first."""
        seconds, does_abort = draw(self._rules, self._facilities.rng)
        if seconds:
            return self._wait(exchange, seconds, does_abort)
        return self._abort(exchange) if does_abort else None

    async def _wait(self, exchange: Exchange, seconds: float, does_abort: bool) -> Reply | None:
        # Before it, so that the log shows it also of a client that does not wait so long.
        exchange.note(f"fault: delayed {seconds * 1000:.0f} ms")
        await self._facilities.sleep(seconds)
        return self._abort(exchange) if does_abort else None

    def _abort(self, exchange: Exchange) -> Reply | None:
        assert self._reply is not None
        exchange.note(f"fault: answered {self._reply.status}")
        return self._reply


def _make_reply(abort: Abort) -> Reply:
    if abort.body is None:
        content = None if abort.status >= 400 else b""
        return Reply(abort.status, content=content, reason=Reason.FAULT_INJECTED)
    plain = ((b"Content-Type", b"text/plain; charset=utf-8"),)
    return Reply(abort.status, plain, abort.body, reason=Reason.FAULT_INJECTED)
