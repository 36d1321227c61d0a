"""Plug-ins in their place: called, measured, left out when they fail, and tried again."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from orion_gateway.filters.budget_watch import WatchRules
from orion_gateway.filters.filter import buffered
from orion_gateway.filters.loop_watch import Blocked, LoopWatch
from orion_gateway.filters.plugin import PluginFilter, make_plugin_filter
from orion_gateway.filters.plugin_report import PluginReport
from orion_gateway.filters.plugin_rules import PluginRules
from orion_gateway.plugins import PassingResponse, Plugin, Request, Response
from orion_gateway.testing import FakeGateway, Upstream, run

if TYPE_CHECKING:
    from collections.abc import Awaitable

RULES = PluginRules(use="test:plugin", folder="", watch=WatchRules(in_a_row=2, disabled_for=60.0))


class Greeter(Plugin):
    def on_request(self, request: Request) -> Response | None:
        if request.path == "/hello":
            return Response(text="hello")
        request.headers["X-Greeted"] = "yes"
        request["seen"] = True
        return None

    def on_response(self, request: Request, response: PassingResponse) -> None:
        if "seen" in request:
            response.headers["X-Seen"] = str(response.status)


def test_a_plug_in_edits_both_ways_and_answers() -> None:
    """The simplest plug-in of the documentation would not work."""
    result = run(Greeter(), url="/x", upstream=Upstream(201))
    assert result.upstream.headers["X-Greeted"] == "yes"
    assert (result.status, result.headers["X-Seen"]) == (201, "201")
    answered = run(Greeter(), url="/hello")
    assert (answered.status, answered.text, answered.sent) == (200, "hello", None)


class Waiter(Plugin):
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def on_request(self, request: Request) -> Response | None:
        await self.gateway.sleep(self.seconds)
        request.headers["X-Waited"] = f"{self.seconds:g}"
        return None

    async def on_response(self, request: Request, response: PassingResponse) -> None:
        await asyncio.sleep(self.seconds)
        response.headers["X-Waited"] = f"{self.seconds:g}"


def test_a_plug_in_may_wait() -> None:
    """A plug-in that asks somebody else could not be written."""
    with FakeGateway(Waiter(3)) as gateway:
        begun = gateway.clock.now
        result = gateway.run()
        assert result.upstream.headers["X-Waited"] == result.headers["X-Waited"] == "3"
        assert gateway.clock.now == pytest.approx(begun + 6)


def test_a_hook_that_waits_too_long_has_failed() -> None:
    """A service that does not answer would hold requests for ever."""
    with FakeGateway(Waiter(6), rules=RULES) as gateway:
        begun = gateway.clock.now
        with pytest.raises(TimeoutError, match="a hook of test:plugin did not return within 5 s"):
            gateway.run()
        assert gateway.clock.now == pytest.approx(begun + 5)


class Own(Plugin):
    async def on_request(self, request: Request) -> Response | None:
        try:
            async with asyncio.timeout(1):
                await asyncio.sleep(60)
        except TimeoutError:
            request.headers["X-Timeout"] = "mine"
        return None


def test_a_plug_in_may_have_timeouts_of_its_own() -> None:
    """`asyncio.timeout` would cancel something else than the hook."""
    assert run(Own()).upstream.headers["X-Timeout"] == "mine"


class Failing(Plugin):
    def __init__(self, decides: bool = False) -> None:
        self.decides = decides
        self.calls = 0
        self.is_broken = True

    def on_request(self, request: Request) -> Response | None:
        self.calls += 1
        if self.is_broken:
            raise RuntimeError("broken")
        return None


@pytest.mark.parametrize(("decides", "status"), [(True, 503), (False, 200)])
def test_a_plug_in_that_fails_is_left_out_and_tried_again(decides: bool, status: int) -> None:
    """A broken plug-in would be called by every request, or never again; a guard that is left out would let all in."""
    plugin = Failing(decides)
    with FakeGateway(plugin, rules=RULES) as gateway:
        for _ in range(2):
            assert gateway.run(contain=True).status == status
        assert [warned.event for warned in gateway.warned] == ["a plug-in was disabled"]
        assert gateway.warned[0].fields["last"] == "RuntimeError"
        left_out = gateway.run(contain=True)
        assert (left_out.status, plugin.calls, left_out.failures) == (status, 2, [])
        if decides:
            assert left_out.headers["Retry-After"] == "60"
            assert left_out.json()["message"] == "This request cannot be judged now."
        gateway.clock.advance(60)
        assert gateway.run(contain=True).status == status
        assert plugin.calls == 3
        gateway.clock.advance(60)
        plugin.is_broken = False
        for _ in range(3):
            assert gateway.run().status == 200
        assert plugin.calls == 6
        events = [warned.event for warned in gateway.warned]
        assert events == ["a plug-in was disabled", "a plug-in was disabled", "a plug-in is enabled again"]


class Slow(Plugin):
    """Takes time of the event loop in two steps."""

    def __init__(self) -> None:
        self.cost = 0.003
        self.clock: Any = None

    async def on_request(self, request: Request) -> Response | None:
        self.clock.advance(self.cost)
        await asyncio.sleep(1)
        self.clock.advance(self.cost)
        return None


def test_all_steps_of_a_call_count_against_its_budget_and_waiting_does_not() -> None:
    """A coroutine would hide its work in pieces, or be punished for waiting."""
    plugin = Slow()
    with FakeGateway(plugin, rules=RULES) as gateway:
        plugin.clock = gateway.clock
        plugin.cost = 0.002
        gateway.run()
        plugin.cost = 0.003
        gateway.run()
        (made,) = gateway.filters
        report = made.take_report()
        assert report is not None
        document = report.document()
        assert (document["calls"], document["overruns"], document["failures"]) == (2, 1, 0)
        assert document["slowest_ms"] == pytest.approx(6.0)
        assert document["mean_ms"] == pytest.approx(5.0)
        counts = made.take_counts("test")
        assert counts["orion_plugin_calls_total"] == 2
        assert counts["orion_plugin_seconds_total"] == pytest.approx(0.010)
        assert counts["orion_plugin_overruns_total"] == 1
        assert made.take_report() is None
        assert made.take_counts("test") == {}


def test_overruns_disable_a_plug_in_too() -> None:
    """A slow plug-in would go on slowing down everybody."""
    plugin = Slow()
    with FakeGateway(plugin, rules=RULES) as gateway:
        plugin.clock = gateway.clock
        for _ in range(3):
            gateway.run()
        assert gateway.warned[0].fields["last"] == "6.0 ms on the event loop"
        report = gateway.filters[0].take_report()
        assert report is not None
        assert report.document() == {
            "plugin": "test:plugin",
            "calls": 2,
            "mean_ms": pytest.approx(6.0),
            "slowest_ms": pytest.approx(6.0),
            "overruns": 2,
            "failures": 0,
            "left_out": 1,
            "disabled": 1,
            "enabled": 0,
            "reason": "6.0 ms on the event loop",
        }


def test_reports_of_workers_add_up() -> None:
    """The admin API would show one worker's numbers as everybody's."""
    one = PluginReport("a:b", calls=1, seconds=0.5, slowest=0.5, disabled=1, reason="first")
    other = PluginReport("a:b", calls=3, seconds=1.5, slowest=0.7, enabled=1, left_out=4)
    document = one.merge(other).document()
    assert (document["calls"], document["mean_ms"], document["slowest_ms"]) == (4, 500.0, 700.0)
    assert (document["disabled"], document["enabled"]) == (1, 1)
    assert (document["left_out"], document["reason"]) == (4, "first")


def test_a_step_that_blocked_unseen_is_told_at_its_end() -> None:
    """What holds the interpreter keeps the watching thread from looking: it would never be named."""
    plugin = Slow()
    plugin.cost = 0.1
    with FakeGateway(plugin) as gateway:
        plugin.clock = gateway.clock
        gateway.run()
        # The second step ended within a second of the first line.
        blocked = [warned for warned in gateway.warned if warned.event == "a plug-in blocks the event loop"]
        assert [warned.fields for warned in blocked] == [
            {"plugin": "test:plugin", "route": "test", "seconds": 0.1},
            {"plugin": "test:plugin", "route": "test", "seconds": 0.1},
        ]


def test_what_the_watching_thread_finds_is_told_with_plug_in_route_and_stack() -> None:
    """The log would say that something blocks, and not what."""
    watch = LoopWatch(0)
    looked: list[float] = []

    class Hanging(Plugin):
        def on_request(self, request: Request) -> Response | None:
            gateway.clock.advance(0.06)
            watch.look(gateway.clock.now)
            looked.append(gateway.clock.now)
            return None

    with FakeGateway(
        lambda facilities: make_plugin_filter(RULES, facilities, Hanging(), lambda: gateway.clock.now, watch)
    ) as gateway:
        gateway.run()
        assert looked
        (told,) = (warned for warned in gateway.warned if warned.event == "a plug-in blocks the event loop")
        assert told.fields["plugin"] == "test:plugin"
        assert told.fields["route"] == "test"
        (made,) = gateway.filters
        assert isinstance(made, PluginFilter)
        gateway.clock.advance(2)
        made.tell_blocked(Blocked(0.5, ("plugin.py:3 in on_request: spin()",)))
        assert gateway.warned[-1].fields["frames"] == ["plugin.py:3 in on_request: spin()"]


def test_what_failed_is_not_shown_to_the_next_hook_of_the_exchange() -> None:
    """`on_response` would fail over what `on_request` has not kept."""
    seen: list[str] = []

    class Both(Plugin):
        def on_request(self, request: Request) -> Response | None:
            seen.append("request")
            raise RuntimeError

        def on_response(self, request: Request, response: PassingResponse) -> None:
            seen.append("response")

    with FakeGateway(Both(), rules=RULES) as gateway:
        for _ in range(5):
            gateway.run(contain=True)
    assert seen == ["request", "request"]


def test_a_plug_in_that_always_fails_on_the_way_back_is_left_out() -> None:
    """Its first hook goes well each time, and would start the row of failures anew."""
    calls: list[str] = []

    class Back(Plugin):
        def on_request(self, request: Request) -> Response | None:
            calls.append("there")
            return None

        def on_response(self, request: Request, response: PassingResponse) -> None:
            calls.append("back")
            raise RuntimeError

    with FakeGateway(Back(), rules=RULES) as gateway:
        for _ in range(5):
            gateway.run(contain=True)
        assert calls == ["there", "back"] * 2
        gateway.clock.advance(60)
        gateway.run(contain=True)
        gateway.run(contain=True)
        assert calls == ["there", "back"] * 3
        assert [warned.event for warned in gateway.warned] == ["a plug-in was disabled"] * 2


class Bodies(Plugin):
    request_body = buffered(1000)
    response_body = buffered(1000)

    async def on_request_body(self, request: Request) -> bytes | str | Response | None:
        if request.body == b"refuse":
            return Response(422, message="not this")
        return (await request.text()).upper()

    def on_response_body(self, request: Request, response: PassingResponse) -> bytes | str | Response | None:
        response.headers["X-Length"] = str(len(response.body))
        return None if response.body == b"keep" else response.body[::-1]


def test_content_is_seen_whole_and_changed() -> None:
    """A plug-in could not look at what is sent."""
    result = run(Bodies(), method="POST", text="abc", upstream=Upstream(text="12345"))
    assert result.upstream.text == "ABC"
    assert result.upstream.headers["Content-Length"] == "3"
    assert (result.text, result.headers["X-Length"], result.headers["Content-Length"]) == ("54321", "5", "5")
    assert run(Bodies(), upstream=Upstream(text="keep")).text == "keep"
    refused = run(Bodies(), method="POST", text="refuse")
    assert (refused.status, refused.sent) == (422, None)
    assert run(Bodies(), method="POST", text="x" * 1001).status == 413
    assert run(Bodies(), upstream=Upstream(text="x" * 1001)).status == 502


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ({"on_request": lambda self, request: "text"}, "on_request returned a str, neither a Response nor None"),
        ({"on_response": lambda self, request, response: 5}, "on_response returned a int; it edits the response"),
        (
            {"on_response_body": lambda self, request, response: 5, "response_body": buffered(10)},
            "a hook for content returned a int",
        ),
    ],
)
def test_an_answer_that_is_none_is_told(hook: dict[str, object], message: str) -> None:
    """A forgotten `Response(...)` would let the request go on."""
    with pytest.raises(TypeError, match=message):
        run(type("Wrong", (Plugin,), hook)(), upstream=Upstream(text="a"))


def test_a_plug_in_without_a_hook_is_not_called_for_it() -> None:
    """Every plug-in would cost a call on the way back."""
    made = make_plugin_filter(RULES, FakeGateway().facilities, Failing(), lambda: 0.0, LoopWatch(0))
    assert "on_request" in vars(type(made))
    assert "on_response" not in vars(type(made))
    assert made.request_body.kind == made.response_body.kind == "none"


def test_a_client_that_leaves_is_no_verdict_about_the_plug_in() -> None:
    """Clients could switch a guard off by leaving."""
    started = asyncio.Event()

    class Long(Plugin):
        async def on_request(self, request: Request) -> Response | None:
            started.set()
            await asyncio.Event().wait()
            return None

    async def leave(gateway: FakeGateway) -> None:
        started.clear()
        asking = asyncio.ensure_future(gateway.ask())
        await started.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    async def leave_often() -> PluginReport | None:
        with FakeGateway(Long(), rules=RULES) as gateway:
            for _ in range(5):
                await leave(gateway)
            (made,) = gateway.filters
            assert isinstance(made, PluginFilter)
            return made.take_report()

    assert asyncio.run(leave_often()) is None


def test_a_hook_whose_own_work_was_cancelled_has_failed() -> None:
    """A plug-in whose connection is gone would be asked for ever, and its failures counted nowhere."""

    class Cut(Plugin):
        async def on_request(self, request: Request) -> Response | None:
            loop = asyncio.get_running_loop()
            gone: asyncio.Future[None] = loop.create_future()
            loop.call_soon(gone.cancel)
            await gone
            return None

    async def ask_once() -> PluginReport | None:
        with FakeGateway(Cut(), rules=RULES) as gateway:
            with pytest.raises(asyncio.CancelledError):
                await gateway.ask()
            (made,) = gateway.filters
            assert isinstance(made, PluginFilter)
            return made.take_report()

    report = asyncio.run(ask_once())
    assert report is not None
    assert (report.calls, report.failures) == (1, 1)


def test_a_plug_in_may_return_any_awaitable() -> None:
    """A hook that hands on the future of a library would not be waited for."""

    class Handing(Plugin):
        def on_request(self, request: Request) -> Awaitable[Response | None]:
            future: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(1, future.set_result, Response(text="later"))
            return future

    assert run(Handing()).text == "later"


def test_a_plug_in_that_fails_to_close_is_told_and_stops_nothing() -> None:
    """A reload would fail because of what is not in force any more."""

    class Sticky(Plugin):
        def on_request(self, request: Request) -> Response | None:
            return None

        def close(self) -> None:
            raise RuntimeError("stuck")

    with FakeGateway(Sticky()) as gateway:
        pass
    assert gateway.warned[0].event == "a plug-in failed to close"


def test_the_loop_is_watched_while_there_are_plug_ins() -> None:
    """Nothing would look, or a reload would leave a thread behind."""
    before = set(threading.enumerate())

    def work() -> tuple[list[str], list[str]]:
        """Make and close one on a thread of its own, as a loop has one; return who looked meanwhile and behind it."""
        known = before | {threading.current_thread()}
        made = make_plugin_filter(RULES, FakeGateway().facilities, Failing())
        looking = [thread.name for thread in set(threading.enumerate()) - known]
        made.close()
        return looking, [thread.name for thread in set(threading.enumerate()) - known]

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() == (["loop watch"], [])
