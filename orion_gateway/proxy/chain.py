"""The filters of a route in their order, made once per worker, and the walk of an exchange through them.

What needs no waiting is done here, in one loop each way; what waits, and content, is `filtering`'s. A filter that
raises is counted and logged: one that decides refuses then, one that shapes is skipped.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, cast

import structlog

from orion_gateway.filters.affected import Affected
from orion_gateway.filters.filter import Filter
from orion_gateway.proxy.stepping import begin
from orion_gateway.values import Reason, Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from orion_gateway.filters.filter import BodyNeed, Report
    from orion_gateway.proxy.exchange import Exchange
    from orion_gateway.telemetry.metrics import Delta
    from orion_gateway.values import FilterUse

_LOG_EVERY = 1.0
"""Seconds between two lines about failures of one filter."""

FAILURES = (Exception, asyncio.CancelledError)
"""What a hook fails with. Whoever waits for something that was cancelled is cancelled too, by nobody here."""

log = structlog.get_logger()


class Step:
    """A filter in its place on a route, and what it decided there."""

    __slots__ = (
        "_hook",
        "_hook_back",
        "_logged",
        "affected",
        "allowed",
        "decides",
        "enforces",
        "failed",
        "filter",
        "has_end",
        "has_request",
        "has_response",
        "name",
        "refused",
    )

    def __init__(self, use: FilterUse, made: Filter) -> None:
        self.name = use.name
        self.filter = made
        self.decides = bool(made.decides)
        self.enforces = use.enforce or not made.decides
        self.has_request = _has(made, "on_request")
        self.has_response = _has(made, "on_response")
        self.has_end = _has(made, "on_end")
        self.allowed = 0
        self.refused = 0
        self.failed = 0
        self.affected = Affected()
        self._hook = made.on_request
        self._hook_back = made.on_response
        self._logged = 0.0

    def ask(self, exchange: Exchange) -> object:
        """Return what `on_request` says: None, a Reply, or something to wait for."""
        try:
            return self._hook(exchange)
        except FAILURES:
            return self.take_failure(exchange)

    def show(self, exchange: Exchange) -> object:
        """Return what `on_response` says: None, a Reply when it failed and must not, or something to wait for."""
        try:
            return self._hook_back(exchange)
        except FAILURES:
            return self.take_failure(exchange)

    def result_of(self, waited: asyncio.Future[object], exchange: Exchange) -> object:
        """Return what a hook that waited says."""
        try:
            return waited.result()
        except FAILURES:
            return self.take_failure(exchange)

    def answer_preflight(self, exchange: Exchange) -> Reply:
        """Return the answer to a CORS preflight, and count it."""
        try:
            reply = self.filter.answer_preflight(exchange)
        except Exception:
            return self.take_failure(exchange) or Reply(500, reason=Reason.PROXY_INTERNAL_ERROR)
        if reply.status >= 400:
            self.refused += 1
        else:
            self.allowed += 1
        return reply

    def take_verdict(self, verdict: object, exchange: Exchange) -> Reply | None:
        """Count a verdict about a request; return the answer that ends it, if it is enforced."""
        if not isinstance(verdict, Reply):
            self.allowed += 1
            return None
        if not self.decides:
            return verdict
        self.refused += 1
        if self.enforces:
            return verdict
        request = exchange.head
        latest = f"{request.method.decode('latin-1')} {request.path.decode('latin-1')}"
        self.affected.note(str(exchange.client_address() or "unknown"), verdict.status, latest)
        exchange.note(f"{self.name} would have answered {verdict.status}")
        return None

    def refusal_of(self, shown: object, exchange: Exchange) -> Reply | None:
        """Return the answer to give instead of a response, when the hook that was shown it failed and must not."""
        if not isinstance(shown, Reply) or exchange.is_local:
            return None
        return self.take_verdict(shown, exchange)

    def take_failure(self, exchange: Exchange) -> Reply | None:
        """A hook has raised: say so, and return the refusal where the filter decides."""
        self.failed += 1
        now = monotonic()
        if now - self._logged > _LOG_EVERY:
            self._logged = now
            request_id = exchange.request_id().decode("ascii", "replace")
            log.exception("a filter failed", filter=self.name, route=exchange.route_name, id=request_id)
        exchange.note(f"{self.name} failed")
        if not self.decides:
            return None
        return Reply(503, message="This request cannot be judged now.", reason=Reason.PROXY_INTERNAL_ERROR)

    def take(self, route: str, delta: Delta) -> None:
        """Move what was counted into a delta."""
        enforced = "true" if self.enforces else "false"
        for decision, count in (("allowed", self.allowed), ("refused", self.refused), ("failed", self.failed)):
            if count and (self.decides or decision == "failed"):
                labels = (route, self.name, decision, enforced)
                delta.counters["orion_filter_decisions_total", labels] = count
        self.allowed = self.refused = self.failed = 0
        for metric, increase in self.filter.take_counts(route).items():
            delta.counters[metric, (route, self.name)] = increase

    def take_reports(self, route: str) -> Iterable[tuple[str, str, Report]]:
        """Yield what the admin API is to show of this filter on this route."""
        if self.affected.refused:
            affected, self.affected = self.affected, Affected()
            yield route, self.name, affected


class Chain:
    """The filters of one route: those that run once per exchange, behind them those that run for every attempt."""

    def __init__(self, steps: Iterable[Step]) -> None:
        ordered = list(steps)
        once = [step for step in ordered if step.filter.scope == "exchange"]
        self.steps = tuple(once + [step for step in ordered if step.filter.scope == "attempt"])
        self.count = len(once)
        """How many run once per exchange."""
        self.has_attempts = self.count < len(self.steps)
        self.request_needs = _find_needs(self.steps, is_request=True)
        """Each filter that needs the content of requests and what it needs, in the order in which content passes."""
        self.response_needs = _find_needs(self.steps, is_request=False)
        self.takes_request = bool(self.request_needs)
        self.takes_response = bool(self.response_needs)
        self.has_end = any(step.has_end for step in self.steps)
        preflights = [step for step in self.steps if step.filter.answers_preflight and step.enforces]
        self.preflight: Step | None = preflights[0] if preflights else None
        """The filter that answers CORS preflights, ahead of all others."""

    def end(self, exchange: Exchange) -> None:
        """Tell the filters that ran that the exchange has ended."""
        for step in self.steps[: exchange.ran]:
            if step.has_end:
                try:
                    step.filter.on_end(exchange)
                except Exception:
                    step.take_failure(exchange)

    def edit_attempt(self, exchange: Exchange) -> None:
        """Let the filters that run for every attempt see the request."""
        for step in self.steps[self.count :]:
            if step.has_request:
                step.ask(exchange)


def walk(exchange: Exchange, chain: Chain, at: int, now: float) -> bool:
    """Ask the filters from number `at` on; return whether the request may go on now.

    Otherwise it was answered, or goes on by itself when what a filter waits for has come.
    """
    steps = chain.steps
    while at < chain.count:
        step = steps[at]
        at += 1
        if not step.has_request:
            continue
        verdict = step.ask(exchange)
        if verdict is None:
            step.allowed += 1
            continue
        exchange.ran = at
        if not isinstance(verdict, Reply):
            waited = begin(cast("Awaitable[object]", verdict))
            if not waited.done():
                exchange.open_filtering(chain).wait_request(waited, step, at, now)
                return False
            verdict = step.result_of(waited, exchange)
        reply = step.take_verdict(verdict, exchange)
        if reply is not None:
            exchange.answer(reply, now)
            return False
    exchange.ran = at
    return True


def walk_back(exchange: Exchange, chain: Chain, at: int, now: float) -> bool:
    """Show the response to the filters below number `at`, the last one first; return whether it may go on now."""
    steps = chain.steps
    while at > 0:
        at -= 1
        step = steps[at]
        if not step.has_response:
            continue
        verdict = step.show(exchange)
        if verdict is None:
            continue
        if not isinstance(verdict, Reply):
            waited = begin(cast("Awaitable[object]", verdict))
            if not waited.done():
                exchange.open_filtering(chain).wait_response(waited, step, at, now)
                return False
            verdict = step.result_of(waited, exchange)
        refusal = step.refusal_of(verdict, exchange)
        if refusal is not None:
            exchange.answer(refusal, now)
            return False
    return True


def _find_needs(steps: tuple[Step, ...], *, is_request: bool) -> tuple[tuple[Step, BodyNeed], ...]:
    found = []
    for step in steps if is_request else reversed(steps):
        need = step.filter.request_body if is_request else step.filter.response_body
        if need.kind != "none":
            found.append((step, need))
    return tuple(found)


def _has(made: Filter, hook: str) -> bool:
    """Whether a filter has a hook of its own: the others are not called."""
    return getattr(type(made), hook) is not getattr(Filter, hook)
