"""Walk exchanges through plug-ins and filters as the gateway does: there, to a service that the test plays, and back.

Content is always at hand whole; a filter that lets it pass as a stream gets it in one piece. There is one attempt.
"""

from __future__ import annotations

from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from orion_gateway.filters.filter import Filter, Refused
from orion_gateway.filters.loop_watch import LoopWatch
from orion_gateway.filters.plugin import make_plugin_filter
from orion_gateway.filters.plugin_rules import PluginRules
from orion_gateway.http1.fields import ForwardedRules, Peer
from orion_gateway.http1.head import Identifiers, render_request, render_response
from orion_gateway.http1.parsed import Framing
from orion_gateway.plugins.plugin import Plugin
from orion_gateway.proxy.reply import render_error, render_local
from orion_gateway.testing.clock import Clock, VirtualLoop
from orion_gateway.testing.exchange import FakeExchange
from orion_gateway.testing.facilities import FakeFacilities
from orion_gateway.testing.messages import (
    Result,
    SentUpstream,
    Upstream,
    copy_fields,
    encode_content,
    list_fields,
    make_request_head,
    make_response_head,
    no_json,
    parse_response_head,
    read_sent,
)
from orion_gateway.values import Reason, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from orion_gateway.testing.facilities import Service, Warned
    from orion_gateway.testing.messages import Headers

    Member = Plugin | Filter | Callable[[FakeFacilities], Filter]
    Answering = Upstream | Callable[[SentUpstream], Upstream]

_TRACE = b"0" * 31 + b"1"


class FakeGateway:
    """One route with its filters, kept over several exchanges: `with FakeGateway(plugin) as gateway: gateway.run()`.

    A member is a plug-in, a filter, or what makes a filter of the facilities. `services` are those that `fetch` may
    ask. `rules` say how plug-ins are watched; their budget is counted on the test's clock, on which code takes no time
    unless it calls `clock.advance`.
    """

    def __init__(
        self,
        *members: Member,
        services: Mapping[str, Service] | None = None,
        rules: PluginRules | None = None,
        route: str = "test",
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.facilities = FakeFacilities(self.clock, services or {})
        self.rules = rules or PluginRules(use="test:plugin", folder="")
        self.filters: list[Filter] = [self._make(member) for member in members]
        self._route = route
        self._loop: VirtualLoop | None = None

    @property
    def warned(self) -> list[Warned]:
        """What was written to the program's log."""
        return self.facilities.warned

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the filters, and the loop."""
        for one in self.filters:
            one.close()
        if self._loop is not None:
            self._loop.close()
            self._loop = None

    def run(self, method: str = "GET", url: str = "/", **given: Any) -> Result:
        """Walk one exchange through, on a loop on the test's clock. The arguments are those of `ask`."""
        if self._loop is None:
            self._loop = VirtualLoop(self.clock)
        return self._loop.run_until_complete(self.ask(method, url, **given))

    async def ask(
        self,
        method: str = "GET",
        url: str = "/",
        *,
        headers: Headers = (),
        text: str | None = None,
        json: Any = no_json(),  # noqa: B008 (a constant)
        body: bytes = b"",
        upstream: Answering | None = None,
        remote: str | None = "192.0.2.1",
        match_info: Mapping[str, str] | None = None,
        contain: bool = False,
    ) -> Result:
        """Walk one exchange through, in the loop of the caller.

        `url` is a path, or has scheme and host too. `upstream` answers; left out, it answers 200 without content. What
        a hook raises is raised, or with `contain` it has the consequence that it has in the gateway: 503 where the
        filter decides, else it is skipped.
        """
        fields = list_fields(headers)
        content = encode_content(text, json, body, fields)
        head, scheme = make_request_head(method, url, fields, content)
        params = {name: value.encode() for name, value in (match_info or {}).items()}
        exchange = FakeExchange(head, scheme.encode(), remote, self._route, params=params, started=self.clock.now)
        return await _Walk(self.filters, exchange, self.clock, contain=contain).run(content, upstream or Upstream())

    def _make(self, member: Member) -> Filter:
        if isinstance(member, Plugin):
            return make_plugin_filter(self.rules, self.facilities, member, lambda: self.clock.now, LoopWatch(0))
        return member if isinstance(member, Filter) else member(self.facilities)


def run(*members: Member, method: str = "GET", url: str = "/", **given: Any) -> Result:
    """Walk one exchange through plug-ins and filters; the arguments are those of `FakeGateway.ask`."""
    with FakeGateway(*members) as gateway:
        return gateway.run(method, url, **given)


class _Walk:
    """One exchange on its way."""

    def __init__(self, filters: Sequence[Filter], exchange: FakeExchange, clock: Clock, *, contain: bool) -> None:
        once = [one for one in filters if one.scope == "exchange"]
        self._once = once
        self._each = [one for one in filters if one.scope == "attempt"]
        self._exchange = exchange
        self._clock = clock
        self._contain = contain
        self._ran: list[Filter] = []
        self._failures: list[Exception] = []

    async def run(self, content: bytes, upstream: Answering) -> Result:
        """Take the request there and back."""
        exchange = self._exchange
        sent: SentUpstream | None = None
        reply, content = await self._ask(content)
        if reply is None:
            exchange.attempts = 1
            for one in self._each:
                await self._call(one, one.on_request, exchange)
            sent = self._render(content)
            answer = upstream(sent) if callable(upstream) else upstream
            content = b"" if exchange.method == b"HEAD" else answer.body
            exchange.response = make_response_head(answer.status, answer.headers, content, exchange.method)
            exchange.is_local = False
        else:
            content = self._answer(reply)
        content = await self._show(content)
        for one in self._ran:
            one.on_end(exchange)
        head = exchange.response
        assert head is not None
        if content or head.framing is not Framing.NONE:
            head.content_length = len(content)
        got = parse_response_head(render_response(head, b"", b""), exchange.method)
        return Result(got.status, copy_fields(got), content, sent, exchange.notes, self._failures)

    async def _ask(self, content: bytes) -> tuple[Reply | None, bytes]:
        """Ask the filters about the request; return the answer that ends it, or its content as it goes on."""
        exchange = self._exchange
        for one in self._once:
            self._ran.append(one)
            verdict = await self._call(one, one.on_request, exchange)
            if isinstance(verdict, Reply):
                return verdict, b""
        for one in self._once:
            need = one.request_body
            if need.kind == "buffered" and one.wants_request(exchange):
                if len(content) > need.limit:
                    return Reply(413, reason=Reason.REQUEST_TOO_LARGE), b""
                changed = await self._call(one, one.on_request_body, exchange, content)
            elif need.kind == "stream":
                changed = await self._stream(one, one.open_request(exchange), content)
            else:
                continue
            if isinstance(changed, Reply):
                return changed, b""
            content = content if changed is None else changed
        return None, content

    async def _show(self, content: bytes) -> bytes:
        """Show the response to the filters that ran; return its content as it goes on."""
        exchange = self._exchange
        is_local = exchange.attempts == 0
        for one in reversed(self._ran):
            verdict = await self._call(one, one.on_response, exchange)
            if isinstance(verdict, Reply) and not is_local:
                content = self._answer(verdict)
        for one in reversed(self._ran):
            need = one.response_body
            if need.kind == "buffered" and one.wants_response(exchange):
                if len(content) > need.limit:
                    return self._answer(Reply(502, reason=Reason.PROXY_INTERNAL_ERROR))
                changed = await self._call(one, one.on_response_body, exchange, content)
            elif need.kind == "stream" and content:
                changed = await self._stream(one, one.open_response(exchange), content)
            else:
                continue
            if isinstance(changed, Reply):
                return self._answer(changed)
            content = content if changed is None else changed
        return content

    async def _call(self, one: Filter, hook: Callable[..., Any], *arguments: object) -> Any:
        """Call a hook; what it raises has the consequence that it has in the gateway, or is raised."""
        try:
            said = hook(*arguments)
            return await said if isawaitable(said) else said
        except Refused as refused:
            return refused.reply
        except Exception as error:
            if not self._contain:
                raise
            self._failures.append(error)
            if not one.decides:
                return None
            return Reply(503, message="This request cannot be judged now.", reason=Reason.PROXY_INTERNAL_ERROR)

    async def _stream(self, one: Filter, stream: Any, content: bytes) -> bytes | Reply | None:
        """Let content pass through a filter in one piece."""
        if stream is None:
            return None
        passed = b""
        for step in (lambda: stream.feed([content]), stream.end):
            pieces = await self._call(one, step)
            if isinstance(pieces, Reply):
                return pieces
            passed += b"".join(pieces or ())
        return passed

    def _answer(self, reply: Reply) -> bytes:
        """Make the response of the gateway's own; return its content."""
        exchange = self._exchange
        content, headers = reply.content, list(reply.headers)
        if content is None and reply.status >= 400:
            kind, content = render_error(
                reply.status,
                reply.reason,
                path=exchange.request.path,
                request_id=exchange.request_id(),
                accept=exchange.request.first(b"accept"),
                now=self._clock.now,
                message=reply.message or None,
            )
            headers.append((b"Content-Type", kind))
        raw, content = render_local(reply.status, headers, content or b"", own=b"", is_head=exchange.method == b"HEAD")
        exchange.response = parse_response_head(raw, exchange.method)
        exchange.is_local = True
        return content

    def _render(self, content: bytes) -> SentUpstream:
        """Render the request for the service, and read it as the service does."""
        exchange = self._exchange
        head = exchange.request
        if content or head.framing is not Framing.NONE:
            head.content_length, head.framing = len(content), Framing.LENGTH
        peer = Peer(exchange.client_address(), 80, exchange.scheme, ForwardedRules())
        ids = Identifiers(exchange.request_id(), _TRACE, None)
        return read_sent(render_request(head, head.target, head.host or b"upstream", peer, ids), content)
