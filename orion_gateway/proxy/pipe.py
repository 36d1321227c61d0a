"""Content of one message on its way through the filters that want it: in order, waiting where one waits, or given up.

A stage is one filter: content passes through it piece by piece, or is gathered until it can see all of it. `filtering`
makes the pipes of an exchange and knows what comes before and behind them.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from orion_gateway.filters.filter import Refused
from orion_gateway.proxy import chain as chains
from orion_gateway.proxy.stepping import begin
from orion_gateway.values import Reason, Reply

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from orion_gateway.filters.filter import BodyStream, Content
    from orion_gateway.proxy.chain import Step
    from orion_gateway.proxy.exchange import Exchange

    Done = asyncio.Future[object]
    Guard = Callable[[Callable[[Done], None]], Callable[[Done], None]]
    """Makes of what goes on later something that may raise: the exchange fails then."""


class Stage:
    """One filter in a pipe. What `feed` and `end` return is given to `settle`, waited for or not."""

    def feed(self, pieces: Sequence[Content]) -> object:
        """Take content."""
        raise NotImplementedError

    def end(self) -> object:
        """Take the end of the message."""
        raise NotImplementedError

    def settle(self, result: object) -> Sequence[Content]:
        """Return the content that goes on, of what `feed` or `end` gave. Raises Refused."""
        raise NotImplementedError

    def fail(self) -> object:
        """Return the result instead of one that was raised just now."""
        raise NotImplementedError

    def close(self) -> None:
        """The message was cut: nothing more comes."""
        raise NotImplementedError


class Passing(Stage):
    """A filter through which content passes piece by piece."""

    def __init__(self, stream: BodyStream, step: Step, exchange: Exchange) -> None:
        self._stream = stream
        self._step = step
        self._exchange = exchange

    def feed(self, pieces: Sequence[Content]) -> object:
        """Let it through."""
        return self._stream.feed(pieces)

    def end(self) -> object:
        """Let the end through."""
        return self._stream.end()

    def settle(self, result: object) -> Sequence[Content]:
        """Return what came out."""
        return result  # type: ignore[return-value]

    def fail(self) -> object:
        """Give up: content is missing now, so that not even a filter that only shapes can be skipped."""
        reply = self._step.take_failure(self._exchange)
        raise Refused(reply or Reply(500, reason=Reason.PROXY_INTERNAL_ERROR))

    def close(self) -> None:
        """Tell the stream."""
        self._stream.close()


class Gathering(Stage):
    """A filter that sees all content at once."""

    def __init__(
        self,
        hook: Callable[[Exchange, bytes], object],
        step: Step,
        exchange: Exchange,
        limit: int,
        too_large: Reply,
    ) -> None:
        self._hook = hook
        self._step = step
        self._exchange = exchange
        self._room = limit
        self._too_large = too_large
        self._gathered: list[Content] = []
        self._content = b""

    def feed(self, pieces: Sequence[Content]) -> object:
        """Keep it, up to the limit."""
        for piece in pieces:
            self._room -= len(piece)
        if self._room < 0:
            raise Refused(self._too_large)
        self._gathered += pieces
        return ()

    def end(self) -> object:
        """Show all of it to the filter."""
        self._content = b"".join(self._gathered)
        self._gathered = []
        return self._hook(self._exchange, self._content)

    def fail(self) -> object:
        """Return the refusal of a filter that decides, None for one that shapes: it is skipped."""
        return self._step.take_failure(self._exchange)

    def settle(self, result: object) -> Sequence[Content]:
        """Return the content as the filter left it. Raises Refused."""
        if isinstance(result, Reply):
            reply = self._step.take_verdict(result, self._exchange)
            if reply is not None:
                raise Refused(reply)
            result = None
        if result is None:
            return (self._content,) if self._content else ()
        return result if isinstance(result, tuple) else (result,) if result else ()  # type: ignore[return-value,unused-ignore]

    def close(self) -> None:
        """Forget it."""
        self._gathered = []


class Pipe:
    """Content of one message on its way through the filters that want it, each piece through all before the next."""

    def __init__(
        self,
        stages: Sequence[Stage],
        emit: Callable[[Sequence[Content]], None],
        finish: Callable[[], None],
        refuse: Callable[[Reply], None],
        hold: Callable[[bool], None],
        guard: Guard,
    ) -> None:
        """`hold(True)` asks not to be fed while a filter waits; what comes all the same is kept."""
        self._stages = stages
        self._emit = emit
        self._finish = finish
        self._refuse = refuse
        self._hold = hold
        self._guard = guard
        self._due: deque[tuple[int, Sequence[Content] | None]] = deque()  # stage, and pieces or None for the end
        self._waited: asyncio.Future[object] | None = None
        self._is_over = False
        self._is_running = False

    @property
    def is_waiting(self) -> bool:
        """Whether a filter waits."""
        return self._waited is not None

    def feed(self, pieces: Sequence[Content]) -> None:
        """Take content."""
        self._due.append((0, pieces))
        self._run()

    def end(self) -> None:
        """Take the end of the message."""
        self._due.append((0, None))
        self._run()

    def stop(self) -> None:
        """Nothing more comes or goes."""
        if self._is_over:
            return
        self._is_over = True
        self._due.clear()
        waited, self._waited = self._waited, None
        if waited is not None:
            waited.cancel()
        for stage in self._stages:
            stage.close()

    def _run(self) -> None:
        if self._is_running:
            return
        self._is_running = True
        try:
            while self._due and self._waited is None and not self._is_over:
                self._advance(*self._due.popleft())
        finally:
            self._is_running = False

    def _advance(self, at: int, pieces: Sequence[Content] | None) -> None:
        if at == len(self._stages):
            if pieces is None:
                self._is_over = True
                self._finish()
            elif pieces:
                self._emit(pieces)
            return
        stage = self._stages[at]
        try:
            result = stage.end() if pieces is None else stage.feed(pieces)
            if hasattr(result, "__await__"):
                waited = begin(result)
                if not waited.done():
                    self._wait(waited, at, is_end=pieces is None)
                    return
                result = waited.result()
        except Refused as refused:
            self._give_up(refused)
        except chains.FAILURES:
            self._fail(at, is_end=pieces is None)
        else:
            self._settle(at, result, is_end=pieces is None)

    def _fail(self, at: int, *, is_end: bool) -> None:
        try:
            result = self._stages[at].fail()
        except Refused as refused:
            self._give_up(refused)
        else:
            self._settle(at, result, is_end=is_end)

    def _settle(self, at: int, result: object, *, is_end: bool) -> None:
        """Pass on what a stage gave."""
        try:
            pieces = self._stages[at].settle(result)
        except Refused as refused:
            self._give_up(refused)
            return
        if is_end:
            self._due.appendleft((at + 1, None))
        if pieces:
            self._due.appendleft((at + 1, pieces))

    def _give_up(self, refused: Refused) -> None:
        self.stop()
        self._refuse(refused.reply)

    def _wait(self, waited: asyncio.Future[object], at: int, *, is_end: bool) -> None:
        self._waited = waited
        self._hold(True)
        waited.add_done_callback(self._guard(partial(self._go_on, at, is_end)))

    def _go_on(self, at: int, is_end: bool, done: asyncio.Future[object]) -> None:
        if self._waited is not done:
            return
        self._waited = None
        try:
            result = done.result()
        except Refused as refused:
            self._give_up(refused)
        except chains.FAILURES:
            self._fail(at, is_end=is_end)
        else:
            self._settle(at, result, is_end=is_end)
        self._run()
        if self._waited is None and not self._is_over:
            self._hold(False)
