"""The kit for tests of plug-ins: that it does to an exchange what the gateway does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from orion_gateway.filters.filter import STREAM, BodyStream, Fetch, Fetched, Filter, Refused
from orion_gateway.filters.header_edits import HeaderRules, RequestHeaders, ResponseHeaders
from orion_gateway.plugins import PassingResponse, Plugin, Request, Response
from orion_gateway.testing import FakeGateway, SentUpstream, Upstream, Warned, run
from orion_gateway.values import Reply

if TYPE_CHECKING:
    from orion_gateway.filters.filter import Content, Exchange


class Trace(Plugin):
    """Says where it stands."""

    def __init__(self, name: str, answers: bool = False) -> None:
        self.name = name
        self.answers = answers

    def on_request(self, request: Request) -> Response | None:
        request.headers.add("X-There", self.name)
        return Response(418, message="me") if self.answers else None

    def on_response(self, request: Request, response: PassingResponse) -> None:
        response.headers.add("X-Back", self.name)


def test_filters_run_in_order_and_back_in_reverse() -> None:
    """A chain that works in the test would not in the gateway."""
    result = run(Trace("a"), Trace("b"))
    assert result.upstream.headers.getall("X-There") == ["a", "b"]
    assert result.headers.getall("X-Back") == ["b", "a"]


def test_an_answer_passes_only_those_that_ran() -> None:
    """A plug-in behind a guard would see what it does not see in the gateway."""
    result = run(Trace("a"), Trace("b", answers=True), Trace("c"))
    assert (result.status, result.sent) == (418, None)
    assert result.headers.getall("X-Back") == ["b", "a"]
    assert result.json()["message"] == "me"
    with pytest.raises(AssertionError, match="the service was not asked: the client got 418"):
        _ = result.upstream


def test_the_gateways_own_filters_stand_beside_plug_ins() -> None:
    """A plug-in that relies on another filter could not be tested with it."""
    result = run(
        lambda facilities: RequestHeaders(HeaderRules(remove=("X-There",)), facilities),
        Trace("a"),
        ResponseHeaders(HeaderRules(set=(("X-Host", "${request.host}"),)), None),  # type: ignore[arg-type]
        headers=[("X-There", "client"), ("X-There", "again")],
    )
    assert result.upstream.headers.getall("X-There") == ["a"]
    assert result.headers["X-Host"] == "www.example.org"


def test_the_service_gets_what_the_gateway_renders() -> None:
    """Fields of the gateway's own would be missing, or those of the connection still there."""
    result = run(
        Trace("a"),
        method="POST",
        url="https://shop.example.org/a?b=c",
        headers={"Connection": "keep-alive, x-private", "X-Private": "1"},
        json={"a": 1},
        remote="2001:db8::1",
    )
    sent = result.upstream
    assert (sent.method, sent.target, sent.json()) == ("POST", "/a?b=c", {"a": 1})
    assert sent.headers["Content-Length"] == "7"
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["X-Forwarded-For"] == "2001:db8::1"
    assert sent.headers["X-Forwarded-Proto"] == "https"
    assert "X-Private" not in sent.headers


def test_the_service_may_answer_by_what_it_is_sent() -> None:
    """A plug-in that rewrites could not be shown to reach the right thing."""

    def answer(sent: SentUpstream) -> Upstream:
        return Upstream(
            201, text=f"{sent.method} {sent.target} {sent.text}", headers=[("Set-Cookie", "a"), ("Set-Cookie", "b")]
        )

    result = run(Trace("a"), method="PUT", url="/x", text="body", upstream=answer)
    assert (result.status, result.text) == (201, "PUT /x body")
    assert result.headers.getall("Set-Cookie") == ["a", "b"]
    head = run(Trace("a"), method="HEAD", upstream=answer)
    assert (head.status, head.body) == (201, b"")


@pytest.mark.parametrize("url", ["/a b", "http://a b/"])
def test_a_request_that_the_gateway_refuses_is_no_test(url: str) -> None:
    """A plug-in would be tested with what it never gets."""
    with pytest.raises(ValueError, match=r"."):
        run(Trace("a"), url=url)
    with pytest.raises(ValueError, match="refuses this response"):
        run(Trace("a"), upstream=Upstream(headers={"X-A": "a\r\nContent-Length: 5\r\nContent-Length: 6"}))


class Asking(Plugin):
    async def on_request(self, request: Request) -> Response | None:
        found = await self.gateway.fetch(Fetch("users", b"GET", b"/me", limit=5))
        blocked = await self.gateway.run(lambda: "worked")
        self.gateway.warn("asked", status=found.status)
        request.headers["X-Found"] = f"{found.status} {found.content.decode()} {found.error} {blocked}"
        return None


@pytest.mark.parametrize(
    ("services", "found"),
    [
        ({}, "0  destination_not_found worked"),
        ({"users": Upstream(200, text="Ada")}, "200 Ada  worked"),
        ({"users": lambda fetch: Upstream(404, text=fetch.target.decode() * 9)}, "404 /me/m  worked"),
        ({"users": lambda fetch: Fetched(0, error="connection_refused")}, "0  connection_refused worked"),
    ],
)
def test_services_of_the_table_are_played(services: dict[str, Any], found: str) -> None:
    """A plug-in that asks a service could only be tested with one."""
    with FakeGateway(Asking(), services=services) as gateway:
        assert gateway.run().upstream.headers["X-Found"] == found
        assert [fetch.target for fetch in gateway.facilities.fetched] == [b"/me"]
        assert gateway.warned == [Warned("asked", {"status": int(found.split()[0])})]


class Wrapping(BodyStream):
    def feed(self, pieces: Sequence[Content]) -> Sequence[Content]:
        if b"evil" in pieces[0]:
            raise Refused(Reply(422, message="evil"))
        return [b"<", *pieces]

    def end(self) -> Sequence[Content]:
        return [b">"]


class Streams(Filter):
    request_body = response_body = STREAM

    def open_request(self, exchange: Exchange) -> BodyStream | None:
        return Wrapping() if exchange.request.first(b"x-skip") is None else None

    def open_response(self, exchange: Exchange) -> BodyStream | None:
        return Wrapping()


def test_content_passes_streams() -> None:
    """A plug-in beside one that streams would see other content than in the gateway."""
    result = run(Streams(), method="POST", text="there", upstream=Upstream(text="back"))
    assert (result.upstream.text, result.text) == ("<there>", "<back>")
    assert run(Streams(), method="POST", text="a", headers={"X-Skip": "1"}).upstream.text == "a"
    assert run(Streams(), method="POST", text="evil").status == 422
    assert run(Streams(), upstream=Upstream(text="evil")).status == 422


class Attempt(Plugin):
    scope = "attempt"

    def on_request(self, request: Request) -> Response | None:
        request.headers["X-Attempt"] = "1"
        return None


def test_a_plug_in_of_attempts_runs_for_the_attempt() -> None:
    """It would not run at all."""
    assert run(Attempt(), Trace("a")).upstream.headers["X-Attempt"] == "1"


async def test_an_async_test_asks_in_its_own_loop() -> None:
    """A test that is a coroutine could not use the kit."""
    with FakeGateway(Trace("a")) as gateway:
        result = await gateway.ask(match_info={"id": "a b"})
        assert result.status == 200


def test_a_number_of_exchanges_share_the_filters_and_the_clock() -> None:
    """Limits and caches could not be tested."""

    class Once(Plugin):
        def __init__(self) -> None:
            self.until = 0.0

        def on_request(self, request: Request) -> Response | None:
            now = self.gateway.now()
            if now < self.until:
                return Response(429, message="later")
            self.until = now + 60
            return None

    with FakeGateway(Once()) as gateway:
        statuses = [gateway.run().status, gateway.run().status]
        gateway.clock.advance(60)
        assert [*statuses, gateway.run().status] == [200, 429, 200]
