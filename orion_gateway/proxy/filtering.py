"""What filters hold up of one exchange: a hook that waits, and content that passes through them.

Made only where a filter waits or wants content. The walk goes on where it stopped when what was waited for has come;
content that comes meanwhile is kept in order, and its sender is not read from. `chain` decides who is asked.
"""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from orion_gateway.filters.filter import BodyStream
from orion_gateway.proxy import chain as chains
from orion_gateway.proxy.deadline import Phase
from orion_gateway.proxy.pipe import Gathering, Passing, Pipe
from orion_gateway.values import Reason, Reply

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from orion_gateway.filters.filter import Content
    from orion_gateway.proxy.chain import Chain, Step
    from orion_gateway.proxy.exchange import Exchange
    from orion_gateway.proxy.pipe import Stage


class Filtering:
    """One exchange in its chain."""

    def __init__(self, exchange: Exchange, chain: Chain) -> None:
        self._exchange = exchange
        self._chain = chain
        self._waited: asyncio.Future[object] | None = None
        self._request: Pipe | None = None
        self._response: Pipe | None = None
        self._early: list[Content] = []  # content of the response that came before its head had passed
        self._is_early_over = False
        self._gathers = False  # the request's content must be complete before an endpoint is chosen
        self.has_response = False
        """Content of the response comes here first."""
        self.is_busy = False
        """The endpoint is not to be read from."""
        self.holds_request = False
        """The client is not to be read from."""

    # -- hooks that wait --------------------------------------------------------------------------------------------

    def wait_request(self, waited: asyncio.Future[object], step: Step, at: int, now: float) -> None:
        """Hold the request until a filter knows; then go on with number `at`."""
        exchange = self._exchange
        exchange.phase = Phase.FILTERING
        exchange.since = now
        exchange.block_request(now)

        def go_on(done: asyncio.Future[object]) -> None:
            if self._waited is not done:
                return
            self._waited = None
            now = monotonic()
            exchange.phase = Phase.QUEUED
            exchange.since = now
            exchange.unblock_request(now)
            reply = step.take_verdict(step.result_of(done, exchange), exchange)
            if reply is not None:
                exchange.answer(reply, now)
            elif chains.walk(exchange, self._chain, at, now):
                exchange.proceed(now)

        self._wait(waited, go_on)

    def wait_response(self, waited: asyncio.Future[object], step: Step, at: int, now: float) -> None:
        """Hold the response until a filter knows; then go on with the filters below number `at`."""
        exchange = self._exchange
        self.has_response = True
        self._hold(now)

        def go_on(done: asyncio.Future[object]) -> None:
            if self._waited is not done:
                return
            self._waited = None
            now = monotonic()
            refusal = step.refusal_of(step.result_of(done, exchange), exchange)
            if refusal is not None:
                exchange.answer(refusal, now)
            elif chains.walk_back(exchange, self._chain, at, now):
                self.has_response = False
                exchange.pass_response(now)
                self._let_early_go(now)

        self._wait(waited, go_on)

    # -- content of the request -------------------------------------------------------------------------------------

    def open_request(self, now: float) -> bool:
        """Let the content of the request pass the filters that want it; return whether the request may go on now."""
        exchange = self._exchange
        stages: list[Stage] = []
        keeps_length = True
        for step, need in self._chain.request_needs:
            made = step.filter
            is_stream = need.kind == "stream"
            try:
                wanted = made.open_request(exchange) if is_stream else made.wants_request(exchange)
            except Exception:
                refusal, wanted = step.take_failure(exchange), None
                if refusal is not None and step.enforces:
                    for stage in stages:
                        stage.close()
                    exchange.answer(refusal, now)
                    return False
            if isinstance(wanted, BodyStream):
                stages.append(Passing(wanted, step, exchange))
                keeps_length = keeps_length and wanted.keeps_length
            elif wanted:
                too_large = Reply(413, reason=Reason.REQUEST_TOO_LARGE)
                stages.append(Gathering(made.on_request_body, step, exchange, need.limit, too_large))
                self._gathers = True
        if not stages:
            return True
        if not keeps_length and not self._gathers:
            exchange.reframe_request(-1)
        self._request = Pipe(stages, self._send, self._end_request, self._refuse, self._hold_request, exchange.guard)
        exchange.owes_request = True
        held = exchange.take_held()
        if held:
            self._request.feed(held)
        if exchange.filtering is not self:  # refused
            return False
        if exchange.request_done:
            self.end_request(now)
        elif self._gathers and exchange.awaits_continue:
            exchange.send_continue(now)
        return exchange.filtering is self and not self._gathers

    def take_request(self, pieces: Sequence[Content], now: float) -> None:  # noqa: ARG002
        """Take content of the request."""
        assert self._request is not None
        self._request.feed(pieces)

    def end_request(self, now: float) -> None:  # noqa: ARG002
        """Take the end of the request."""
        assert self._request is not None
        self._request.end()

    def _send(self, pieces: Sequence[Content]) -> None:
        self._exchange.send_request(pieces, monotonic())

    def _end_request(self) -> None:
        exchange, now = self._exchange, monotonic()
        exchange.owes_request = False
        if self._gathers:
            held = exchange.take_held()
            exchange.reframe_request(sum(map(len, held)))
            if held:
                exchange.send_request(held, now)
            exchange.dispatch(now)
        else:
            exchange.complete_request(now)

    def _hold_request(self, is_held: bool) -> None:
        now = monotonic()
        self.holds_request = is_held
        if is_held:
            self._exchange.block_request(now)
        else:
            self._exchange.resume_request(now)

    # -- content of the response ------------------------------------------------------------------------------------

    def open_response(self) -> bool:
        """Let the content of the response pass the filters that want it; return whether its head may go out now."""
        exchange = self._exchange
        response = exchange.response
        assert response is not None
        stages: list[Stage] = []
        keeps_length, gathers = True, False
        steps = self._chain.steps
        if exchange.is_local and exchange.ran:
            steps = steps[: exchange.ran]  # the others have not seen the request
        for step, need in self._chain.response_needs:
            if step not in steps:
                continue
            made = step.filter
            is_stream = need.kind == "stream"
            try:
                wanted = made.open_response(exchange) if is_stream else made.wants_response(exchange)
            except Exception:
                refusal, wanted = step.take_failure(exchange), None
                if refusal is not None and step.enforces and not exchange.is_local:
                    # Said where content would be refused: nothing of it, nor the head, has gone out there.
                    stages.append(Gathering(partial(_refuse_with, refusal), step, exchange, -1, refusal))
                    gathers = True
            if isinstance(wanted, BodyStream):
                stages.append(Passing(wanted, step, exchange))
                keeps_length = keeps_length and wanted.keeps_length
            elif wanted:
                too_large = Reply(
                    502, message="The answer is larger than a filter takes.", reason=Reason.HTTP_RESPONSE_INCOMPLETE
                )
                stages.append(Gathering(made.on_response_body, step, exchange, need.limit, too_large))
                gathers = True
        if not stages:
            return True
        is_whole = gathers or exchange.is_local
        emit: Callable[[Sequence[Content]], None] = exchange.gather if is_whole else self._emit
        self._response = Pipe(stages, emit, self._end_response, self._refuse, self._hold_response, exchange.guard)
        self.has_response = True
        if not is_whole and not keeps_length:
            exchange.reframe_response(-1)
        return not is_whole

    def take_response(self, pieces: Sequence[Content]) -> None:
        """Take content of the response."""
        if self._response is None:
            self._early += pieces
        else:
            self._response.feed(pieces)

    def end_response(self) -> None:
        """Take the end of the response."""
        if self._response is None:
            self._is_early_over = True
        else:
            self._response.end()

    def _let_early_go(self, now: float) -> None:
        """Pass on what came while the head was held, and read on."""
        exchange = self._exchange
        early, self._early = self._early, []
        if early and exchange.filtering is self:
            exchange.take_response(early)
        if exchange.filtering is not self:  # it has ended, or another answer has taken the place of this one
            return
        if self._is_early_over:
            self._is_early_over = False
            exchange.complete_response(now)
        else:
            exchange.flush_response(now)
            if self._response is None or not self._response.is_waiting:
                self._release(now)

    def _emit(self, pieces: Sequence[Content]) -> None:
        exchange = self._exchange
        exchange.emit(pieces)
        if self.is_busy:  # nobody else will flush
            exchange.flush_response(monotonic())

    def _end_response(self) -> None:
        self.has_response = False
        self._exchange.end_answer_content(monotonic())

    def _hold_response(self, is_held: bool) -> None:
        if is_held:
            self._hold(monotonic())
        else:
            self._release(monotonic())

    def _hold(self, now: float) -> None:
        exchange = self._exchange
        if not self.is_busy:
            self.is_busy = True
            exchange.phase = Phase.FILTERING
            exchange.since = now
            exchange.block_response()

    def _release(self, now: float) -> None:
        exchange = self._exchange
        if self.is_busy:
            self.is_busy = False
            exchange.phase = Phase.RECEIVING
            exchange.since = now
            if not exchange.downstream.blocked_since:
                exchange.unblock_response(now)

    # -- both -------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """The exchange ends: nothing is waited for any more, and cut content is told."""
        waited, self._waited = self._waited, None
        if waited is not None:
            waited.cancel()
        pipes = self._request, self._response
        self._request = self._response = None  # they hold this, and content, which may be large
        for pipe in pipes:
            if pipe is not None:
                pipe.stop()

    def _refuse(self, reply: Reply) -> None:
        self._exchange.answer(reply, monotonic())

    def _wait(self, waited: asyncio.Future[object], go_on: Callable[[asyncio.Future[object]], None]) -> None:
        self._waited = waited
        waited.add_done_callback(self._exchange.guard(go_on))


def _refuse_with(reply: Reply, exchange: Exchange, content: bytes) -> Reply:  # noqa: ARG001 (as a filter's hook)
    return reply
