"""What an exchange keeps to make its request again, and what it does meanwhile: the wait, and the hedge.

Made only when it is needed: for a request with content that may be sent again, and when an attempt has failed. What may
be repeated is decided by `retry`; `exchange` carries the attempts out.
"""

from __future__ import annotations

import asyncio
import math
from time import monotonic
from typing import TYPE_CHECKING

from orion_gateway.http1.parsed import Framing
from orion_gateway.proxy.hedge import Hedge
from orion_gateway.proxy.retry import SAFE, Failed, GiveUp, decide, is_listed
from orion_gateway.values import CircuitState, RetryRules, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.http1.body import Payload
    from orion_gateway.http1.parsed import ResponseHead
    from orion_gateway.proxy.exchange import Exchange
    from orion_gateway.values import Endpoint, Reason

_BUFFER = RetryRules().buffer
"""Bytes of content kept for the one repeat on a fresh connection that needs no configuration."""


class Persistence:
    """The second tries of one exchange."""

    def __init__(self, exchange: Exchange, rules: RetryRules | None) -> None:
        self._exchange = exchange
        self._rules = rules
        self._room = _BUFFER if rules is None else rules.buffer
        self._kept: list[Payload] | None = []
        self._timer: asyncio.TimerHandle | None = None
        self._hedge: Hedge | None = None
        self._is_alone = False  # the first attempt has failed and the hedge goes on

    @property
    def can_replay(self) -> bool:
        """Whether all content that went out so far can be sent again."""
        return self._kept is not None

    def keep(self, pieces: Sequence[Payload]) -> None:
        """Keep content that goes out now, as far as there is room for all of it."""
        if self._kept is None:
            return
        self._room -= sum(map(len, pieces))
        if self._room < 0:
            self._kept = None
        else:
            # Joined: a view costs ten times a short piece, and keeps all alive that was received with it.
            self._kept.append(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def take_kept(self) -> list[Payload]:
        """Return the content that went out, to be sent and kept once more."""
        kept = self._kept or []
        self._room += sum(map(len, kept))
        self._kept = []
        return kept

    def try_again(
        self,
        reason: Reason | None,
        now: float,
        *,
        was_sent: bool,
        has_answer: bool = False,
        head: ResponseHead | None = None,
    ) -> bool:
        """See to another attempt after one failed by `reason` or the status of `head`; return whether there is."""
        exchange, pool = self._exchange, self._exchange.pool
        assert pool is not None
        assert exchange.endpoint is not None
        assert self._rules is not None
        if self._is_alone:
            self._end_late_hedge(reason, now)
        status = 0 if head is None else head.status
        what = f"{exchange.endpoint.url} {status if reason is None else reason.value}"
        failed = Failed(
            method=exchange.method,
            attempts=exchange.attempts - exchange.refreshed,
            reason=reason,
            status=status,
            was_sent=was_sent,
            has_answer=has_answer,
            can_replay=exchange.can_replay(),
            retry_after=None if head is None else read_retry_after(head),
            remaining=exchange.remaining(now),
        )
        is_named = is_listed(self._rules, failed)
        # An answer that is no failure is the answer, whatever the hedge would say.
        if self._hedge is not None and (reason is not None or status >= 500 or is_named):
            exchange.note(what)
            self._avoid(exchange.endpoint)
            self._is_alone = True
            exchange.wait_for_hedge(self._hedge, now)
            return True
        self.stop(now)
        if is_named and (
            exchange.permit or (pool.gate is not None and pool.gate.view.state is not CircuitState.CLOSED)
        ):
            decision: object = GiveUp("circuit")
        else:
            decision = decide(self._rules, failed, pool.budget, now, pool.rng)
        if isinstance(decision, GiveUp):
            if decision.why:
                pool.metrics.record_refused_retry(decision.why)
                exchange.note(f"{what}, not repeated: {decision.why}")
            return False
        pool.metrics.record_retry(str(status) if reason is None else reason.value)
        exchange.note(what)
        self._avoid(exchange.endpoint)
        exchange.back_off(now)
        self._timer = asyncio.get_running_loop().call_later(decision.delay, self._repeat)  # type: ignore[attr-defined]
        return True

    def plan_hedge(self, delay: float) -> None:
        """Make a second attempt when no answer has come by then; one is enough while a first one is made again."""
        if self._hedge is not None or self._timer is not None:
            return
        self._timer = asyncio.get_running_loop().call_later(delay, self._hedge_now)

    def note_connected(self, hedge: Hedge, now: float) -> None:
        """The hedge has its connection: from now on it is an answer that is waited for."""
        if self._is_alone:
            self._exchange.wait_for_hedge(hedge, now)

    def end_hedge(self, hedge: Hedge, reason: Reason, now: float) -> None:
        """The hedge has failed."""
        exchange = self._exchange
        assert exchange.pool is not None
        assert hedge.endpoint is not None
        self._hedge = None
        exchange.pool.metrics.record_hedge("failed")
        if self._is_alone:
            self._is_alone = False
            exchange.endpoint = hedge.endpoint
            exchange.lose_last(reason, now)
        else:
            self._avoid(hedge.endpoint)

    def take_answer(self, hedge: Hedge, head: ResponseHead, now: float) -> bool:
        """The hedge has an answer: take it for the exchange's unless it is a failure; return whether."""
        exchange = self._exchange
        assert exchange.pool is not None
        if not self._is_alone and head.status >= 500:
            return False
        self._hedge = None
        self._is_alone = False
        exchange.pool.metrics.record_hedge("won")
        exchange.note("hedged")
        exchange.adopt(hedge, head, now)
        return True

    def stop(self, now: float) -> None:
        """Wait for nothing more: the exchange has its answer, or wants none."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._is_alone = False
        hedge, self._hedge = self._hedge, None
        if hedge is not None:
            assert self._exchange.pool is not None
            self._exchange.pool.metrics.record_hedge("lost")
            hedge.cancel(now)

    def _repeat(self) -> None:
        self._timer = None
        self._exchange.repeat(monotonic())

    def _avoid(self, endpoint: Endpoint) -> None:
        """Try another endpoint next, also for a client that is bound to this one."""
        exchange = self._exchange
        exchange.tried = [*(exchange.tried or ()), endpoint]
        exchange.wanted = None

    def _end_late_hedge(self, reason: Reason | None, now: float) -> None:
        """The hedge, on which alone the answer hung, has not answered in time."""
        exchange, hedge = self._exchange, self._hedge
        assert exchange.pool is not None
        assert hedge is not None
        self._hedge = None
        self._is_alone = False
        exchange.endpoint = hedge.endpoint
        exchange.pool.metrics.record_hedge("failed")
        hedge.cancel(now, Verdict.FAILED, reason)

    def _hedge_now(self) -> None:
        self._timer = None
        exchange, now = self._exchange, monotonic()
        pool, first = exchange.pool, exchange.endpoint
        assert pool is not None
        assert first is not None
        if pool.gate is not None and pool.gate.view.state is not CircuitState.CLOSED:
            return
        if pool.budget.left(now) < 1:
            pool.metrics.record_refused_retry("budget")
            return
        hedge = Hedge(self, exchange, [*(exchange.tried or ()), first])
        self._hedge = hedge
        if pool.acquire_beside(hedge, now):
            pool.budget.withdraw(now)
            exchange.attempts += 1
        elif self._hedge is hedge:
            self._hedge = None


def may_hedge(exchange: Exchange) -> bool:
    """Say whether a second attempt beside the first could do no harm.

    A hedge sends a head only, so that even content of no bytes must not need an end. Another endpoint does not know the
    session of a client that is bound to one, and would answer first with a login page.
    """
    rules = exchange.retries
    if rules is None or exchange.method not in rules.methods or exchange.method not in SAFE:
        return False
    if exchange.expects_upgrade or exchange.wanted is not None:
        return False
    has_content = exchange.request_bytes > 0 or exchange.head.framing is Framing.CHUNKED
    return exchange.request_done and not has_content and not exchange.permit


def read_retry_after(head: ResponseHead) -> float | None:
    """Return the seconds that an answer asks to wait (RFC 9110, section 10.2.3); a date is taken for a long time."""
    value = head.first(b"retry-after")
    if not value:
        return None
    return float(value) if value.isdigit() and len(value) < 10 else math.inf
