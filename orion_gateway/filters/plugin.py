"""Stand between the gateway and somebody else's code: call its hooks, measure them, and leave it out when it fails.

Every step that a hook makes on the event loop is measured; a coroutine makes several. What a hook answers becomes what
filters answer, and what it raises is raised on: the chain knows what that means for one that decides or shapes.
"""

from __future__ import annotations

import asyncio
from inspect import isawaitable, iscoroutine
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from orion_gateway.filters.budget_watch import NOT_NOW, BudgetWatch, Standing
from orion_gateway.filters.filter import Filter
from orion_gateway.filters.loop_watch import LoopWatch
from orion_gateway.filters.plugin_report import PluginReport
from orion_gateway.plugins.making import PluginFault, has_hook, make
from orion_gateway.plugins.request import Request
from orion_gateway.plugins.response import PassingResponse, Response
from orion_gateway.values import Reason, Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping

    from orion_gateway.filters.filter import BodyNeed, Exchange, Facilities, Rewritten, Verdict
    from orion_gateway.filters.loop_watch import Blocked
    from orion_gateway.filters.plugin_rules import PluginRules
    from orion_gateway.plugins.plugin import Plugin

T = TypeVar("T")

_LOG_EVERY = 1.0
"""Seconds between two lines about one plug-in that blocks the loop."""
_UNSEEN: object = object()


class PluginFilter(Filter):
    """One plug-in in its place. `make_plugin_filter` gives it the hooks that the plug-in has, and no others."""

    boundary = __file__
    has_request = False
    """Whether its class has `on_request`."""
    judges_at_end = False
    """Whether it has several hooks, so that an exchange went well only when all of them have."""
    # They are the plug-in's, and so the instance's: the contract of filters allows that.
    decides: bool  # type: ignore[misc]
    authenticates: bool  # type: ignore[misc]
    authorizes: bool  # type: ignore[misc]
    stores: bool  # type: ignore[misc]
    scope: Literal["exchange", "attempt"]  # type: ignore[misc]

    def __init__(
        self,
        rules: PluginRules,
        facilities: Facilities,
        plugin: Plugin,
        clock: Callable[[], float] = perf_counter,
        watch: LoopWatch | None = None,
    ) -> None:
        """Take a plug-in. `clock` measures steps; `watch` is told of them, by default that of this thread's loop."""
        plugin.gateway = facilities
        self.plugin = plugin
        self.rules = rules
        self.decides = bool(plugin.decides)
        self.authenticates = bool(plugin.authenticates)
        self.authorizes = bool(plugin.authorizes)
        self.stores = bool(plugin.stores)
        self.scope = plugin.scope
        self.request_body: BodyNeed = plugin.request_body
        self.response_body: BodyNeed = plugin.response_body
        self.blocked = rules.blocked
        self.standing = BudgetWatch(rules.watch)
        self._facilities = facilities
        self._clock = clock
        self._budget = rules.budget if rules.budget is not None else float("inf")
        self._report = PluginReport(rules.use)
        self._counts: dict[str, list[float]] = {}
        """By route: calls, seconds on the loop, overruns, since they were taken."""
        self._running: Request | None = None
        self._logged = float("-inf")
        self._is_watched = watch is None
        self._watch = watch if watch is not None else LoopWatch.join(self)

    # -- reports -----------------------------------------------------------------------------------------------------

    def take_report(self) -> PluginReport | None:
        """Return what happened since the last call."""
        report, self._report = self._report, PluginReport(self.rules.use)
        return None if report.is_empty else report

    def take_counts(self, route: str) -> Mapping[str, float]:
        """Return by metric what was counted on a route since the last call."""
        counts = self._counts.pop(route, None)
        if counts is None:
            return {}
        calls, seconds, overruns = counts
        return {
            "orion_plugin_calls_total": calls,
            "orion_plugin_seconds_total": seconds,
            "orion_plugin_overruns_total": overruns,
        }

    def tell_blocked(self, found: Blocked) -> None:
        """Say in the log what holds the loop up; called in the thread that looks."""
        request = self._running
        self._warn_blocked(request.route if request is not None else "", found.seconds, found.stack)

    def close(self) -> None:
        """Let the plug-in close what it has open."""
        if self._is_watched:
            self._watch.leave(self)
        try:
            self.plugin.close()
        except Exception as error:
            self._facilities.warn("a plug-in failed to close", plugin=self.rules.use, error=repr(error))

    # -- whether it is asked -----------------------------------------------------------------------------------------

    def _see(self, exchange: Exchange) -> Request | None:
        """Return the view of an exchange that the plug-in sees, or None when it does not see it."""
        seen = exchange.state.get(self, _UNSEEN)
        if seen is _UNSEEN:
            return None if self.has_request else self._begin(exchange)
        return cast("Request | None", seen)

    def _begin(self, exchange: Exchange) -> Request | None:
        """Decide whether the plug-in sees this exchange."""
        ticket = self.standing.admit(self._facilities.now())
        if ticket == NOT_NOW:
            self._report.left_out += 1
            exchange.state[self] = None
            return None
        request = Request(exchange, self.request_body)
        request.ticket = ticket
        exchange.state[self] = request
        return request

    def _refuse(self) -> Reply:
        """Return the answer of one that decides and must not be asked."""
        wait = max(1, round(self.standing.until - self._facilities.now()))
        message = "This request cannot be judged now."
        return Reply(503, ((b"Retry-After", b"%d" % wait),), message=message, reason=Reason.PROXY_INTERNAL_ERROR)

    # -- calls -------------------------------------------------------------------------------------------------------

    def _call(self, request: Request, read: Callable[[Any], T], hook: Callable[..., Any], *arguments: object) -> Any:
        """Call a hook; return what `read` makes of its answer, or a coroutine that does when the hook waits."""
        watch, clock = self._watch, self._clock
        self._running = request
        began = watch.began = clock()
        watch.what = self
        try:
            answer = hook(*arguments)
        except Exception as error:
            watch.what = None
            self._end_step(request, began)
            self._settle(request, clock() - began, error)
            raise
        finally:
            watch.what = None
        seconds = clock() - began
        if seconds >= self.blocked:
            self._end_step(request, began)
        if answer is not None and isawaitable(answer):
            return self._wait(request, read, answer)
        return self._finish(request, read, answer, seconds)

    def _finish(self, request: Request, read: Callable[[Any], T], answer: object, seconds: float) -> T:
        """Take the answer of a hook that has returned."""
        try:
            result = read(answer)
        except Exception as error:
            self._settle(request, seconds, error)
            raise
        self._settle(request, seconds, None)
        return result

    async def _wait(self, request: Request, read: Callable[[Any], T], awaitable: Awaitable[object]) -> T:
        """Step through a hook that waits, for as long as it may."""
        steps = _Steps(self, request, awaitable)
        limit = asyncio.timeout(None)
        try:
            # Only a hook that really waits needs a timer.
            if not steps.is_over_at_once():
                timeout = self.rules.timeout
                async with asyncio.timeout(timeout) as limit:
                    steps.answer = await steps
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                self._leave_open(request)
            else:
                # Nobody gave the hook up: what it waited for was cancelled.
                self._settle(request, steps.seconds, error)
            raise
        except Exception as error:
            failure = error
            if isinstance(error, TimeoutError) and limit.expired():
                failure = TimeoutError(f"a hook of {self.rules.use} did not return within {self.rules.timeout:g} s")
            self._settle(request, steps.seconds, failure)
            if failure is not error:
                raise failure from None
            raise
        return self._finish(request, read, steps.answer, steps.seconds)

    def _end_step(self, request: Request, began: float) -> None:
        """Say that a step blocked the loop, unless the watching thread has said so."""
        seconds = self._clock() - began
        if seconds >= self.blocked and not self._watch.was_told(began):
            self._warn_blocked(request.route, seconds, ())

    def _settle(self, request: Request, seconds: float, error: BaseException | None) -> None:
        """Count a call, and judge it."""
        route = request.route
        counts = self._counts.get(route)
        if counts is None:
            counts = self._counts[route] = [0, 0.0, 0]
        counts[0] += 1
        counts[1] += seconds
        report = self._report
        report.calls += 1
        report.seconds += seconds
        if seconds > report.slowest:
            report.slowest = seconds
        is_good = error is None
        if error is not None:
            report.failures += 1
            # What the hook has not finished is not what the next one expects.
            request._exchange.state[self] = None
        if seconds > self._budget:
            counts[2] += 1
            report.overruns += 1
            is_good = False
        if is_good and self.judges_at_end:
            return
        self._judge(request, is_good, seconds, error)

    def _judge(self, request: Request, is_good: bool, seconds: float, error: BaseException | None) -> None:
        """Tell the watch how an exchange went; once for each."""
        if request.is_judged:
            return
        request.is_judged = True
        if self.standing.observe(request.ticket, is_good, self._facilities.now()):
            self._tell_change(request.route, seconds, error)

    def _leave_open(self, request: Request) -> None:
        """Give no verdict about an exchange whose client has left."""
        if not request.is_judged:
            request.is_judged = True
            self.standing.give_back(request.ticket)

    def _tell_change(self, route: str, seconds: float, error: BaseException | None) -> None:
        """Say in the log that it was disabled or enabled, and why."""
        use = self.rules.use
        if self.standing.standing is Standing.ENABLED:
            self._report.enabled += 1
            self._facilities.warn("a plug-in is enabled again", plugin=use, route=route)
            return
        why = f"{type(error).__name__}" if error is not None else f"{seconds * 1000:.1f} ms on the event loop"
        self._report.disabled += 1
        self._report.reason = why
        rules = self.rules.watch
        again = rules.disabled_for if rules is not None else 0.0
        consequence = "requests are refused" if self.decides else "requests go on without it"
        self._facilities.warn(
            "a plug-in was disabled", plugin=use, route=route, last=why, tried_again_in=again, meanwhile=consequence
        )

    def _warn_blocked(self, route: str, seconds: float, stack: tuple[str, ...]) -> None:
        now = self._facilities.now()
        if now - self._logged < _LOG_EVERY:
            return
        self._logged = now
        fields: dict[str, object] = {"plugin": self.rules.use, "route": route, "seconds": round(seconds, 3)}
        if stack:
            fields["frames"] = list(stack)
        self._facilities.warn("a plug-in blocks the event loop", **fields)


class _Steps:
    """A coroutine of a plug-in, each of whose steps is measured and watched."""

    __slots__ = ("_coroutine", "_first", "_owner", "_request", "answer", "seconds")

    def __init__(self, owner: PluginFilter, request: Request, awaitable: Awaitable[object]) -> None:
        self._owner = owner
        self._request = request
        self._coroutine: Coroutine[object, object, object] = awaitable if iscoroutine(awaitable) else _await(awaitable)
        self._first: object = None
        self.answer: object = None
        self.seconds = 0.0
        """On the event loop so far."""

    def is_over_at_once(self) -> bool:
        """Make the first step; return whether it was the last one, with `answer`."""
        try:
            self._first = self._step(self._coroutine.send, None)
        except StopIteration as stop:
            self.answer = stop.value
            return True
        return False

    def __await__(self) -> Generator[object, object, object]:
        awaited = self._first
        while True:
            try:
                sent = yield awaited
            except BaseException as error:
                # Cancellation is thrown in, too.
                step, argument = cast("Callable[[Any], object]", self._coroutine.throw), cast("object", error)
            else:
                step, argument = self._coroutine.send, sent
            try:
                awaited = self._step(step, argument)
            except StopIteration as stop:
                return cast("object", stop.value)

    def _step(self, step: Callable[[Any], object], argument: object) -> object:
        owner = self._owner
        watch, clock = owner._watch, owner._clock
        owner._running = self._request
        began = watch.began = clock()
        watch.what = owner
        try:
            return step(argument)
        finally:
            watch.what = None
            seconds = clock() - began
            self.seconds += seconds
            if seconds >= owner.blocked:
                owner._end_step(self._request, began)


async def _await(awaitable: Awaitable[object]) -> object:
    return await awaitable


# -- the hooks, each given to the class of a plug-in that has it -----------------------------------------------------


def _on_request(self: PluginFilter, exchange: Exchange) -> Verdict | Awaitable[Verdict]:
    """Ask the plug-in about the head of a request."""
    request = self._begin(exchange)
    if request is None:
        return self._refuse() if self.decides else None
    return cast("Verdict", self._call(request, _read_verdict, self.plugin.on_request, request))


def _on_response(self: PluginFilter, exchange: Exchange) -> Awaitable[None] | None:
    """Show the plug-in the head of a response."""
    request = self._see(exchange)
    if request is None:
        return None
    assert exchange.response is not None
    response = PassingResponse(exchange.response, self.response_body)
    return cast("None", self._call(request, _read_nothing, self.plugin.on_response, request, response))


def _on_request_body(self: PluginFilter, exchange: Exchange, content: bytes) -> Rewritten | Awaitable[Rewritten]:
    """Show the plug-in the content of a request."""
    request = self._see(exchange)
    if request is None:
        return None
    request.take_body(content)
    return cast("Rewritten", self._call(request, _read_content, self.plugin.on_request_body, request))


def _on_response_body(self: PluginFilter, exchange: Exchange, content: bytes) -> Rewritten | Awaitable[Rewritten]:
    """Show the plug-in the content of a response."""
    request = self._see(exchange)
    if request is None:
        return None
    assert exchange.response is not None
    response = PassingResponse(exchange.response, self.response_body)
    response.take_body(content)
    return cast("Rewritten", self._call(request, _read_content, self.plugin.on_response_body, request, response))


def _on_end(self: PluginFilter, exchange: Exchange) -> None:
    """Judge an exchange in which no hook was judged to be bad."""
    seen = exchange.state.get(self)
    if seen is not None:
        self._judge(cast("Request", seen), True, 0.0, None)


def _read_verdict(answer: object) -> Verdict:
    if answer is None:
        return None
    if isinstance(answer, Response):
        return answer.reply
    raise TypeError(f"on_request returned a {type(answer).__name__}, neither a Response nor None")


def _read_nothing(answer: object) -> None:
    if answer is not None:
        raise TypeError(f"on_response returned a {type(answer).__name__}; it edits the response, and returns None")


def _read_content(answer: object) -> Rewritten:
    match answer:
        case None | bytes():
            return answer
        case str():
            return answer.encode()
        case bytearray() | memoryview():
            return bytes(answer)
        case Response():
            return answer.reply
    raise TypeError(f"a hook for content returned a {type(answer).__name__}, not bytes, text, a Response or None")


def find_plugin(rules: PluginRules) -> Plugin | None:
    """Return a plug-in that says what it does, None when it cannot be made."""
    try:
        return make(rules.use, rules.folder, rules.keys)
    except PluginFault:
        return None


def make_plugin_filter(
    rules: PluginRules,
    facilities: Facilities,
    plugin: Plugin | None = None,
    clock: Callable[[], float] = perf_counter,
    watch: LoopWatch | None = None,
) -> PluginFilter:
    """Return the filter of a plug-in, which is made by the rules unless it is given.

    Raises:
        PluginFault: it cannot be made. The check of the table has seen to it that it can.
    """
    plugin = plugin if plugin is not None else make(rules.use, rules.folder, rules.keys)
    hooks: dict[str, object] = {}
    if has_hook(plugin, "on_request") or plugin.decides:
        hooks |= {"on_request": _on_request, "has_request": True}
    if has_hook(plugin, "on_response"):
        hooks["on_response"] = _on_response
    if plugin.request_body.kind == "buffered":
        hooks["on_request_body"] = _on_request_body
    if plugin.response_body.kind == "buffered":
        hooks["on_response_body"] = _on_response_body
    if sum(name.startswith("on_") for name in hooks) > 1:
        hooks |= {"on_end": _on_end, "judges_at_end": True}
    # The chain does not call what a class does not have: a plug-in without `on_response` costs nothing on the way back.
    made: type[PluginFilter] = type("PluginFilter", (PluginFilter,), hooks)
    return made(rules, facilities, plugin, clock, watch)
