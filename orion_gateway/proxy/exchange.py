"""One request in flight and its response: attempts at endpoints, answers, and the end.

`forward` decides what happens to a request; this module carries it out: it asks circuit and pool, makes attempts,
writes heads and answers, keeps the marks that timeouts are judged by, and ends every exchange exactly once with one
record. `relay` moves the content, `chain` and `filtering` run the filters.

`now` is monotonic seconds, read once by the callback of the connection on which something happened.
"""

from __future__ import annotations

import math
from time import monotonic, time
from typing import TYPE_CHECKING

import structlog

from orion_gateway.breaker.gate import Entry
from orion_gateway.http1.body import ChunkedBody, Payload, encode_chunk, encode_last_chunk
from orion_gateway.http1.fields import find_client
from orion_gateway.http1.identifiers import UNKNOWN, Identifiers, choose_identifiers
from orion_gateway.http1.parsed import Framing, RequestHead, ResponseHead
from orion_gateway.http1.render import render_request, render_response

# As modules, because they import this one, too.
from orion_gateway.proxy import chain as chains
from orion_gateway.proxy import forward
from orion_gateway.proxy.affinity import render_cookie
from orion_gateway.proxy.deadline import Phase, find_overdue
from orion_gateway.proxy.filtering import Filtering
from orion_gateway.proxy.persistence import Persistence, may_hedge
from orion_gateway.proxy.reasons import STATUS_OF, UPSTREAM_FAULTS
from orion_gateway.proxy.relay import Relay, write_pieces
from orion_gateway.proxy.reply import (
    WITHOUT_CONTENT,
    begin_local,
    date_line,
    fields_of,
    proxy_status,
    render_error,
    render_local,
)
from orion_gateway.proxy.retry import IDEMPOTENT, may_repeat_on_fresh_connection
from orion_gateway.proxy.table_answer import TableAnswer
from orion_gateway.routing.cookies import find_cookie
from orion_gateway.values import CircuitState, Endpoint, Outcome, Reason, UpstreamTimeouts, Verdict

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping, Sequence

    from orion_gateway.breaker.gate import Gate
    from orion_gateway.http1.fields import Address, Peer
    from orion_gateway.proxy.chain import Chain
    from orion_gateway.proxy.downstream import Downstream
    from orion_gateway.proxy.hedge import Hedge
    from orion_gateway.proxy.plane import DataPlane, LiveRoute
    from orion_gateway.proxy.upstream import ServicePool, UpstreamConnection
    from orion_gateway.values import Reply, RetryRules

DRAINABLE = 256 * 1024
"""Bytes of an unwanted request body that are read away to keep the connection; above it the connection is closed."""

CLIENT_CLOSED_REQUEST = 499
"""The status logged for a client that left before the answer began (nginx's code; never sent)."""

# Members of enumerations are found once: compiled, a look-up costs as much as what surrounds it.
_BY_LENGTH, _CHUNKED, _UNTIL_CLOSE = Framing.LENGTH, Framing.CHUNKED, Framing.UNTIL_CLOSE
_NO_BODY, _FILTERING = Framing.NONE, Phase.FILTERING
_QUEUED, _CONNECTING, _WAITING = Phase.QUEUED, Phase.CONNECTING, Phase.WAITING
_BACKING_OFF, _RECEIVING, _ANSWERED = Phase.BACKING_OFF, Phase.RECEIVING, Phase.ANSWERED
_SUCCEEDED, _FAILED, _ABANDONED, _REFUSED = Verdict

_ATTEMPT_TIMEOUTS = frozenset([Reason.CONNECTION_TIMEOUT, Reason.HTTP_RESPONSE_TIMEOUT])
"""What ends an attempt and not yet the exchange."""

log = structlog.get_logger()

_NO_TIMEOUTS = UpstreamTimeouts(connect=None, response=None, idle=None, total=None)
_NO_PARAMS: Mapping[str, bytes] = {}


class Exchange(Relay):
    """The state of one request and its response. It ends once: `_finish` is the only way out."""

    __slots__ = (
        "_attempt_started",
        "_bound",
        "_has_interim",
        "_has_passed",
        "_is_bare",
        "_is_reusable",
        "_last_trailers",
        "_place_returned",
        "_reason",
        "_repeated",
        "_response",
        "_sent_at",
        "_shown",
        "_state",
        "_verdict",
        "_whole",
        "chain",
        "epoch",
        "params",
        "permit",
        "plane",
        "pool",
        "queue_timeout",
        "ran",
        "refreshed",
        "retries",
        "route",
        "target",
        "upstream_timeouts",
    )

    def __init__(self, downstream: Downstream, head: RequestHead, now: float) -> None:
        self._begin(downstream, head, now)
        self.plane: DataPlane = downstream.plane
        """The generation under which it began, and ends."""
        self.ids = UNKNOWN
        self.route: LiveRoute | None = None
        self.chain: Chain | None = None
        """The filters of its route."""
        self.ran = 0
        """How many of them have seen the request."""
        self.params = _NO_PARAMS
        """What the path of the route took, by name."""
        self.pool: ServicePool | None = None
        self.endpoint = None
        self.key = 0
        self.tried = None
        self.wanted = None
        self.notes = ""
        self.epoch = -1
        """The epoch of the circuit that admitted it; -1: it was not asked."""
        self.permit = 0
        """The number of its permit as a trial of a half-open circuit, or 0."""
        self.retries: RetryRules | None = None
        self.target = b""
        """The request target as sent upstream, before an endpoint's base path."""
        self.attempts = 0
        self.refreshed = 0
        """How many of the attempts only took a fresh connection instead of one that was closed: they are no retries."""
        self.upstream_timeouts = _NO_TIMEOUTS
        self.queue_timeout: float | None = None
        self.is_local = True
        self.client = downstream.peer.text
        self.status = 0
        self.upstream_duration = 0.0
        self._has_interim = False  # a 1xx has been passed on
        self._bound = b""  # the endpoint that the client's cookie names
        self._response: ResponseHead | None = None  # of the endpoint
        self._shown: ResponseHead | None = None  # what the client gets, of the endpoint or from here
        self._is_reusable = False  # the connection, behind this response
        self._last_trailers = b""
        self._whole: list[Payload] | None = None  # content that goes out only when all of it is there
        self._has_passed = False  # content of an answer from here has been through the filters
        self._is_bare = False  # an answer from here goes out past the filters
        self._verdict = _SUCCEEDED
        self._reason: Reason | None = None
        self._state: dict[object, object] | None = None
        self._attempt_started = 0.0
        self._sent_at = 0.0
        self._repeated = False  # on a fresh connection, since the endpoint was chosen
        self._place_returned = False

    def identify(self) -> Identifiers:
        """Return the ids of the request, chosen when somebody first asks."""
        if self.ids is UNKNOWN:
            plane = self.plane
            is_trusted = self.downstream.peer.is_trusted
            self.ids = choose_identifiers(self.head, plane.forwarded, plane.take_random(), is_trusted)
        return self.ids

    def start(self, pool: ServicePool, target: bytes) -> None:
        """Ask the service for a connection, now or when a place is free."""
        self.target = target
        self._turn_to(pool, self.started)

    def has_started(self) -> bool:
        """Whether it is known what becomes of the request's content."""
        return self.pool is not None or self.phase is _FILTERING

    def _turn_to(self, pool: ServicePool, now: float) -> None:
        """Go to a service, if its circuit lets it."""
        self.pool = pool
        self.queue_timeout = pool.queue_timeout
        gate = pool.gate
        if gate is not None:
            if gate.is_clean:
                self.epoch = gate.epoch
            elif not self._enter(gate, now):
                return
        self._begin_attempts(pool, now)

    def _enter(self, gate: Gate, now: float) -> bool:
        """Ask a circuit that is not simply closed; return whether the exchange may go on now."""
        entry = gate.enter(now)
        if entry is Entry.ADMITTED:
            self.epoch = gate.epoch
            return True
        if entry is Entry.ASKED:
            assert self.pool is not None
            self.pool.asking = self
            self.since = now
            if self._held and not self.request_done:
                self.block_request(now)
        else:
            self._fall_back(now)
        return False

    def take_trial(self, permit: int, now: float) -> None:
        """Go on as a trial of the half-open circuit, or be refused."""
        assert self.pool is not None
        if not permit:
            self._fall_back(now)
            return
        assert self.pool.gate is not None
        self.epoch = self.pool.gate.epoch
        self.permit = permit
        self._begin_attempts(self.pool, now)

    def _fall_back(self, now: float) -> None:
        """The circuit refuses: let the fallback answer, if there is one."""
        pool = self.pool
        assert pool is not None
        # What comes now is no verdict about this service, and not for its endpoints.
        self.epoch = -1
        self.tried = self.wanted = None
        fallback = pool.fallback
        if fallback is None:
            assert pool.gate is not None
            wait = b"%d" % pool.gate.retry_after(now)
            self.fail(Reason.CIRCUIT_OPEN, now, headers=[(b"Retry-After", wait)])
            return
        self.note(f"circuit of {pool.service.name} open")
        if isinstance(fallback, TableAnswer):
            self.respond(fallback, now)
        else:
            self.phase = _QUEUED
            self.since = now
            self._turn_to(fallback, now)

    def _begin_attempts(self, pool: ServicePool, now: float) -> None:
        """Make the first attempt."""
        head, rules = self.head, self.retries
        if rules is not None:
            pool.budget.deposit(now)
        has_content = not self.request_done or self._held
        if has_content and self.persistence is None and (rules is not None or self.method in IDEMPOTENT):
            self.persistence = Persistence(self, rules)
        if pool.key_of is not None:
            self.key = pool.key_of(head, self._find_client())
        if pool.sticky_cookie:
            self._bound = find_cookie(head.values(b"cookie"), pool.sticky_cookie)
            self.wanted = pool.chooser.find(self._bound) if self._bound else None
        refusal = pool.acquire(self, now)
        if refusal is not None:
            self.fail(refusal, now)
        elif self._held and not self.request_done:
            self.block_request(now)

    # -- what the client's side tells -------------------------------------------------------------------------------

    def abandon(self, now: float) -> None:
        """Stop: the client is gone. A tunnel ends well this way; anything else is no verdict about the endpoint."""
        if self.phase is _ANSWERED:
            return
        if self.is_tunnel:
            self._end_tunnel(now)
        else:
            self._stop_upstream(_ABANDONED, Reason.CLIENT_GONE, now)
            if not self._has_begun:  # filters may hold an answer
                self._forget_answer()
                self.status = 0
            self._finish(_ABANDONED, Reason.CLIENT_GONE, now)

    # -- what the endpoint's side tells (attempt.Attempt) -----------------------------------------------------------

    def begin_connecting(self, endpoint: Endpoint, now: float) -> None:
        """Note the endpoint of this attempt."""
        self.endpoint = endpoint
        self.attempts += 1
        self.phase = _CONNECTING
        self.since = self._attempt_started = now
        self._place_returned = False

    def take_connection(self, connection: UpstreamConnection, now: float) -> None:
        """Write the head and what was held of the content."""
        self.upstream = connection
        self.phase = _WAITING
        self.since = now
        outgoing: list[Payload] = [self.render_head(connection.endpoint, now)]
        if self._held:
            if self.persistence is not None:
                self.persistence.keep(self._held)
            outgoing += encode_chunk(self._held) if self._is_chunked_up else self._held
            self._held = []
        if self.request_done and self._is_chunked_up and not self.owes_request:
            outgoing.append(self._last_chunk())
        # Before the write, which may find at once that the endpoint takes no more.
        self.unblock_request(now)
        # Read again: what this callback took until here is the gateway's own time, not the endpoint's.
        self._sent_at = max(now, monotonic())
        write_pieces(connection.transport, outgoing)
        if self.retries is not None and self.retries.hedge is not None:
            self._plan_hedge()

    def lose_upstream(self, reason: Reason, now: float) -> None:
        """Repeat the attempt where that is safe, else answer or cut."""
        connection, self.upstream = self.upstream, None
        if may_repeat_on_fresh_connection(
            self.method,
            was_reused=connection is not None and connection.is_reused,
            answered=reason is not Reason.CONNECTION_TERMINATED,
            can_replay=self.can_replay(),
            repeated=self._repeated,
        ):
            assert self.pool is not None
            assert self.endpoint is not None
            self._repeated = True
            self.refreshed += 1
            self._take_back_content()
            self.pool.reacquire(self, self.endpoint, now)
            return
        if self.is_tunnel:
            self._end_tunnel(now)
            return
        if connection is not None:
            self.upstream_duration = max(0.0, now - self._sent_at)
        was_sent = connection is not None
        has_answer = reason is Reason.HTTP_RESPONSE_INCOMPLETE
        # Decided first: giving the place back may let others go on, who would be told what is not true any more.
        is_repeated = self._try_again(reason, now, was_sent=was_sent, has_answer=has_answer)
        self._give_place_back(self._judge(reason), reason, now, sent=was_sent)
        if not is_repeated:
            self._fail_downstream(reason, now)

    def lose_last(self, reason: Reason, now: float) -> None:
        """The hedge, on which alone the answer hung, has failed too."""
        if not self._try_again(reason, now, was_sent=True):
            self._fail_downstream(reason, now)

    def adopt(self, hedge: Hedge, head: ResponseHead, now: float) -> None:
        """The hedge has an answer: go on as if it had been this attempt."""
        self._stop_attempt(_ABANDONED, None, now)
        connection = hedge.connection
        assert connection is not None
        self.endpoint = hedge.endpoint
        self.upstream = connection
        connection.attempt = self
        self._attempt_started = hedge.started
        self._sent_at = hedge.sent_at
        self._place_returned = False
        self.phase = _WAITING
        self.take_response_head(head, now)

    def wait_for_hedge(self, hedge: Hedge, now: float) -> None:
        """This attempt has failed and the hedge goes on: it has the time of an attempt from now on."""
        self.phase = _CONNECTING if hedge.connection is None else _WAITING
        self.since = now

    def back_off(self, now: float) -> None:
        """This attempt has failed and another will be made."""
        self._repeated = False
        self.phase = _BACKING_OFF
        self.since = now
        self._take_back_content()

    def repeat(self, now: float) -> None:
        """Make another attempt, now or when a place is free, unless the circuit has opened meanwhile."""
        pool = self.pool
        assert pool is not None
        if pool.gate is not None and pool.gate.view.state is not CircuitState.CLOSED:
            self._fall_back(now)
            return
        self.phase = _QUEUED
        self.since = now
        refusal = pool.acquire(self, now)
        if refusal is not None:
            self.fail(refusal, now)

    def can_replay(self) -> bool:
        """Whether everything of the request that was sent can be sent again."""
        if not self._is_chunked_up and self.head.content_length <= 0:
            return True
        return self.persistence is not None and self.persistence.can_replay

    def remaining(self, now: float) -> float:
        """Seconds to the deadline of the exchange; infinite without one."""
        total = self.upstream_timeouts.total
        return math.inf if total is None else self.started + total - now

    def note(self, what: str) -> None:
        """Keep for the log what became of the request on its way."""
        self.notes = f"{self.notes}; {what}" if self.notes else what

    def take_interim(self, head: ResponseHead, now: float) -> None:
        """Pass a 1xx on (RFC 9110, section 15.2); HTTP/1.0 knows none."""
        self.since = now
        self._has_interim = True
        if self.awaits_continue and head.status == 100:
            # From here on the client owes content; the time in which it rightly waited is not held against it.
            self.awaits_continue = False
            self.request_progress = now
            self.unread_total = now - self.started
        if self.head.minor == 1 and not self.downstream.is_closing:
            self.downstream.transport.write(render_response(head, b"", b""))

    def take_response_head(self, head: ResponseHead, now: float) -> None:
        """Repeat the request, judge an upgrade, or let the filters see the answer."""
        if head.status >= 400 and self.retries is not None and self._repeats_instead(head, now):
            return
        if self.persistence is not None:
            self.persistence.stop(now)
        if head.status == 101 and not self._begin_tunnel(head):
            self._stop_upstream(_FAILED, Reason.HTTP_UPGRADE_FAILED, now)
            self._fail_downstream(Reason.HTTP_UPGRADE_FAILED, now)
            return
        self.phase = _RECEIVING
        self.since = now
        self._response = self._shown = head
        self._is_reusable = head.is_keep_alive and head.framing is not _UNTIL_CLOSE
        self.status = head.status
        self.is_local = False
        chain = self.chain
        if chain is None:
            self._send_head(now)
        elif chains.walk_back(self, chain, len(chain.steps), now):
            self.pass_response(now)

    def pass_response(self, now: float) -> None:
        """The filters have seen the head of the response: send it, or let its content pass them first."""
        chain, head = self.chain, self._shown
        assert chain is not None
        assert head is not None
        if self.is_local:
            self._pass_local(now)
            return
        has_content = head.framing is not _NO_BODY and head.content_length != 0 and not self.is_tunnel
        self.status = head.status
        if not chain.takes_response or not has_content or self.open_filtering(chain).open_response():
            self._send_head(now)
        else:
            self._whole = []

    def _send_head(self, now: float) -> None:
        """Send the head on with the framing that this client understands."""
        head, downstream = self._shown, self.downstream
        assert head is not None
        framing = own = b""
        if not self.is_tunnel:
            if head.framing is _CHUNKED or head.framing is _UNTIL_CLOSE:
                if self.head.minor == 1:
                    self._is_chunked_down = True
                    framing = b"Transfer-Encoding: chunked\r\n"
                else:
                    downstream.keep_alive = False
            if not self.request_done and not self._can_drain():
                downstream.keep_alive = False
            own = downstream.connection_field()
        if self.plane.says_request_id:
            if head.has_request_id:
                head.remove(b"x-request-id")
            own += b"X-Request-Id: " + self.ids.request_id + b"\r\n"
        pool = self.pool
        assert pool is not None
        if pool.sticky_cookie:
            own += self._bind_client()
        route = self.route
        assert route is not None
        if route.binding is not None:
            own += route.binding.renew(self.head.values(b"cookie"), downstream.peer.scheme)
        if not head.has_date:  # RFC 9110, section 6.6.1
            own += date_line(time())
        self._outgoing.append(render_response(head, framing, own))
        if self.is_tunnel:
            self._open_tunnel()
            if self.epoch >= 0:  # a trial that lasted as long as the tunnel would be taken for lost
                self._tell_circuit(_SUCCEEDED, now)
                self.epoch = -1

    def end_response(self, now: float) -> None:
        """End the message downstream, give the connection back, and finish."""
        if self.is_tunnel:
            self._end_tunnel(now)
            return
        connection, response = self.upstream, self._response
        assert connection is not None
        assert response is not None
        self.upstream = None
        if self._is_chunked_down:
            body = connection.body
            self._last_trailers = body.trailers if self.head.trailers and isinstance(body, ChunkedBody) else b""
        is_filtered = self.filtering is not None and self.filtering.has_response
        if not is_filtered:
            self._end_content()
        self.upstream_duration = max(0.0, now - self._sent_at)
        if response.keep_alive_timeout is not None:
            # One second less than it says: the request must arrive before the endpoint closes.
            connection.idle_limit = min(connection.idle_limit, response.keep_alive_timeout - 1)
        if is_filtered:
            assert self.filtering is not None
            if self.filtering.is_busy and not connection.transport.is_closing():
                # Not read from while a filter is at work: whoever has the connection next would wait for ever.
                connection.transport.resume_reading()
        connection.release(now, is_clean=self._has_sent_request() and self._is_reusable)
        verdict = _FAILED if response.status >= 500 else _SUCCEEDED
        self._give_place_back(verdict, None, now)
        if is_filtered:
            self._verdict, self._reason = verdict, None
            assert self.filtering is not None
            self.filtering.end_response()
        else:
            self._end_answer(verdict, None, now)

    def _end_content(self) -> None:
        """End the message towards the client."""
        if self._is_chunked_down:
            self._outgoing.append(encode_last_chunk(self._last_trailers))
        self._flush()

    # -- filters (chain, filtering) ---------------------------------------------------------------------------------

    @property
    def request(self) -> RequestHead:
        """The request's head."""
        return self.head

    @property
    def response(self) -> ResponseHead | None:
        """The head of the response that goes to the client."""
        return self._shown

    @property
    def route_name(self) -> str:
        """The name of the route, empty without one."""
        return "" if self.route is None else self.route.name

    @property
    def service_name(self) -> str:
        """The service that is asked, empty without one."""
        return "" if self.pool is None else self.pool.service.name

    @property
    def scheme(self) -> bytes:
        """How the client connected, through the proxies that are trusted."""
        peer = self.downstream.peer
        if peer.is_trusted:
            said = self.head.first(b"x-forwarded-proto")
            if said in (b"http", b"https"):
                return said
        return peer.scheme

    @property
    def state(self) -> dict[object, object]:
        """What filters keep for this exchange."""
        if self._state is None:
            self._state = {}
        return self._state

    def request_id(self) -> bytes:
        """Return the id of the request."""
        return self.identify().request_id

    def client_address(self) -> Address | None:
        """Return the client's address, through the proxies that are trusted; None on a Unix socket."""
        peer = self.downstream.peer
        if not peer.is_trusted:
            return peer.address
        return find_client(peer.address, b",".join(_claimed_clients(self.head)), peer.rules)

    def open_filtering(self, chain: Chain) -> Filtering:
        """Return what holds this exchange up for its filters."""
        if self.filtering is None:
            self.filtering = Filtering(self, chain)
        return self.filtering

    def guard(self, go_on: Callable[[asyncio.Future[object]], None]) -> Callable[[asyncio.Future[object]], None]:
        """Return a callback that ends the exchange when it raises: nobody else would."""

        def guarded(done: asyncio.Future[object]) -> None:
            try:
                go_on(done)
            except Exception:
                log.exception("an exchange could not go on", id=self.request_id().decode("ascii", "replace"))
                self.fail(Reason.PROXY_INTERNAL_ERROR, monotonic())

        return guarded

    def proceed(self, now: float) -> None:
        """All filters let the head of the request pass."""
        forward.proceed(self, now)

    def dispatch(self, now: float) -> None:
        """All filters let the content of the request pass, too."""
        forward.dispatch(self, now)

    def send_continue(self, now: float) -> None:
        """Ask for the content that somebody here wants before an endpoint does."""
        self.awaits_continue = False
        self.request_progress = now
        self.head.remove(b"expect")
        if self.head.minor == 1 and not self.downstream.is_closing:
            self.downstream.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def answer(self, reply: Reply, now: float) -> None:
        """Give the answer of a filter instead of what was under way, or cut what has begun."""
        if self.phase is _ANSWERED:
            return
        try:
            headers = fields_of(reply)
        except ValueError as error:
            log.error("a filter's answer cannot be sent", id=self.request_id().decode("ascii"), error=str(error))
            self.fail(Reason.PROXY_INTERNAL_ERROR, now)
            return
        reason: Reason | None = reply.reason if reply.status >= 400 else None
        self._stop_upstream(_ABANDONED, reason, now)
        if self._has_begun:
            self._fail_downstream(reply.reason, now)
            return
        self._forget_answer()
        verdict = _ABANDONED if self.attempts else _REFUSED
        if reply.content is None and reply.status >= 400:
            self._answer_error(reply.status, reply.reason, verdict, now, reply.message or None, headers)
        else:
            self._answer(reply.status, reply.content or b"", headers, verdict, reason, now)

    def gather(self, pieces: Sequence[Payload]) -> None:
        """Keep content of the response until all of it is there."""
        assert self._whole is not None
        self._whole += pieces

    def reframe_response(self, length: int) -> None:
        """Filters change the content: it has so many bytes, or -1: that is not known yet."""
        head = self._shown
        assert head is not None
        head.content_length = length
        head.framing = _CHUNKED if length < 0 else _BY_LENGTH

    def complete_response(self, now: float) -> None:
        """The endpoint has said everything."""
        if self.filtering is not None and self.filtering.has_response:
            self.filtering.end_response()
        else:
            self.end_answer_content(now)

    def end_answer_content(self, now: float) -> None:
        """All content of the response has passed the filters."""
        whole = self._whole
        if whole is not None:
            self.reframe_response(sum(map(len, whole)))
            if self.is_local:
                self._write_whole(now)
                return
            self._whole = None
            self._send_head(now)
            self.emit(whole)
        self._end_content()
        self._end_answer(self._verdict, self._reason, now)

    # -- answers of the gateway's own -------------------------------------------------------------------------------

    def reply(self, status: int, now: float, content: bytes = b"", headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answer without an endpoint."""
        self._answer(status, content, headers, _SUCCEEDED, None, now)

    def respond(self, answer: TableAnswer, now: float) -> None:
        """Give an answer that the table holds."""
        self.reply(answer.status, now, answer.content(self), answer.fields(self))

    def fail(
        self,
        reason: Reason,
        now: float,
        *,
        status: int | None = None,
        message: str | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        """Give up on this exchange: stop what runs upstream, then answer with an error, or cut what has begun."""
        if self.phase is _ANSWERED:  # only the rest of the request was still awaited
            self.downstream.end_exchange(now, keep=False)
            return
        if reason is Reason.REQUEST_TIMEOUT:  # what did not come in time is not waited for once more
            self.downstream.keep_alive = False
        if reason is Reason.DRAIN_CUT or (self.is_local and self._shown is not None):
            # Filters have an answer from here already, or no time for one: they would hold this one, too.
            self._is_bare = True
        self._stop_upstream(self._judge(reason), reason, now)
        self._fail_downstream(reason, now, status=status, message=message, headers=headers)

    def check(self, now: float) -> None:
        """Judge the timeouts."""
        if self.downstream.blocked_since:
            self.downstream.note_progress(now)
        reason = find_overdue(self, self.plane.client_timeouts, now)
        if reason is None:
            return
        if self.is_tunnel:
            self._end_tunnel(now, reason)
        elif (
            reason in _ATTEMPT_TIMEOUTS
            and self.remaining(now) > 0.0
            and self._try_again(reason, now, was_sent=self.upstream is not None)
        ):
            self._stop_attempt(_FAILED, reason, now)
        else:
            self.fail(reason, now)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _judge(self, reason: Reason) -> Verdict:
        """Return whose fault it is: a verdict about the service only where that is at fault."""
        # The time of an exchange may also be over because a filter has taken it.
        if reason in UPSTREAM_FAULTS and not (reason is Reason.HTTP_RESPONSE_TIMEOUT and self.phase is _FILTERING):
            return _FAILED
        return _ABANDONED if self.attempts else _REFUSED

    def render_head(self, endpoint: Endpoint, now: float) -> bytes:
        """Return the head of the request for an endpoint; with a deadline, what is left of it."""
        assert self.route is not None
        head = self.head
        is_renamed = not head.host or self.route.sends_endpoint_host
        host = endpoint.authority.encode() if is_renamed else head.host
        target = endpoint.base_path.encode() + self.target if endpoint.base_path else self.target
        own = b""
        if self.upstream_timeouts.total is not None:
            own = b"X-Orion-Timeout-Ms: %d\r\n" % max(0, int(self.remaining(now) * 1000))
        chain = self.chain
        if chain is None or not chain.has_attempts:
            return render_request(head, target, host, self.downstream.peer, self.ids, own)
        cuts, added = list(head.cuts), head.added
        chain.edit_attempt(self)
        rendered = render_request(head, target, host, self.downstream.peer, self.ids, own)
        head.cuts, head.added = cuts, added  # what was edited for this attempt is not for the next one
        return rendered

    def _end_tunnel(self, now: float, reason: Reason | None = None) -> None:
        """Let both sides have what was relayed for them, then close them."""
        self._flush()
        self.upstream_duration = max(0.0, now - self._sent_at)
        connection, self.upstream = self.upstream, None
        if connection is not None:
            connection.close(now)
        self._give_place_back(_SUCCEEDED, reason, now)
        self._finish(_SUCCEEDED, reason, now)
        self.downstream.end_exchange(now, keep=False)

    def _try_again(
        self,
        reason: Reason | None,
        now: float,
        *,
        was_sent: bool,
        has_answer: bool = False,
        head: ResponseHead | None = None,
    ) -> bool:
        """See to another attempt after one failed; return whether there is one."""
        if self.retries is None or self._has_begun or self.is_tunnel or self.phase is _QUEUED:
            return False
        if self.persistence is None:
            self.persistence = Persistence(self, self.retries)
        has_answer = has_answer or self._has_interim
        return self.persistence.try_again(reason, now, was_sent=was_sent, has_answer=has_answer, head=head)

    def _repeats_instead(self, head: ResponseHead, now: float) -> bool:
        """Drop an answer that says that it is none, when another attempt is made."""
        connection = self.upstream
        assert connection is not None
        if not self._try_again(None, now, was_sent=True, head=head):
            return False
        self.upstream = None
        self.upstream_duration = max(0.0, now - self._sent_at)
        connection.discard(now, self._has_sent_request() and head.is_keep_alive and head.framing is not _UNTIL_CLOSE)
        self._give_place_back(_FAILED if head.status >= 500 else _SUCCEEDED, None, now, True, head.status)
        return True

    def _has_sent_request(self) -> bool:
        """Whether the endpoint has been sent everything: else it takes what comes next for the rest."""
        return self.request_done and not self.owes_request

    def _plan_hedge(self) -> None:
        assert self.route is not None
        assert self.retries is not None
        assert self.retries.hedge is not None
        delay = self.retries.hedge.delay
        if delay is None and self.route.latency is not None:
            delay = self.route.latency.p95
        if delay is None or not may_hedge(self):
            return
        if self.persistence is None:
            self.persistence = Persistence(self, self.retries)
        self.persistence.plan_hedge(delay)

    def _bind_client(self) -> bytes:
        """Return the line that binds the client to the endpoint, or nothing when it is bound already."""
        assert self.pool is not None
        assert self.endpoint is not None
        if self.wanted is not None and self.wanted is not self.endpoint:
            return b""  # its endpoint was full for a moment; the session is still there
        token = self.pool.chooser.token_of(self.endpoint)
        return b"" if token == self._bound else render_cookie(self.pool.sticky_cookie, token)

    def _find_client(self) -> bytes:
        peer = self.downstream.peer
        return find_client_text(peer, _claimed_clients(self.head)) if peer.is_trusted else peer.text

    def _stop_upstream(self, verdict: Verdict, reason: Reason | None, now: float) -> None:
        """Stop every attempt."""
        if self.persistence is not None:
            self.persistence.stop(now)
        self._stop_attempt(verdict, reason, now)

    def _stop_attempt(self, verdict: Verdict, reason: Reason | None, now: float) -> None:
        connection, self.upstream = self.upstream, None
        if connection is not None:
            self.upstream_duration = max(0.0, now - self._sent_at)
            connection.abort()
        elif self.pool is not None:
            self.pool.leave(self)
        self._give_place_back(verdict, reason, now, sent=connection is not None)

    def _give_place_back(
        self, verdict: Verdict, reason: Reason | None, now: float, sent: bool = True, status: int = 0
    ) -> None:
        """Tell the pool how the attempt ended; at most once per attempt."""
        endpoint = self.endpoint
        if self.pool is not None and endpoint is not None and not self._place_returned:
            self._place_returned = True
            if self._response is not None:
                status = self._response.status
            self.pool.finish(endpoint, Outcome(verdict, reason, status, now - self._attempt_started, sent), now)

    def _fail_downstream(
        self,
        reason: Reason,
        now: float,
        *,
        status: int | None = None,
        message: str | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        """Answer with an error, or, when an answer has begun, make sure that it does not look complete."""
        verdict = self._judge(reason)
        if self._has_begun:
            response = self._response
            is_framed = self._is_chunked_down or (response is not None and response.framing is _BY_LENGTH)
            self._flush()
            self._finish(verdict, reason, now)
            # A client that takes nothing would not learn of an orderly end either.
            self.downstream.cut(now, is_framed=is_framed and reason is not Reason.CLIENT_WRITE_TIMEOUT)
            return
        self._forget_answer()
        self._answer_error(status or STATUS_OF[reason], reason, verdict, now, message, headers)

    def _forget_answer(self) -> None:
        """Nothing of the response has gone out, and nothing of it will."""
        self._outgoing.clear()
        self._response = None
        self._is_chunked_down = False
        self.bytes_out = 0

    def _answer_error(
        self,
        status: int,
        reason: Reason,
        verdict: Verdict,
        now: float,
        message: str | None,
        headers: Sequence[tuple[bytes, bytes]],
    ) -> None:
        plane = self.plane
        shown = self.endpoint if plane.settings.is_development else None
        kind, content = render_error(
            status,
            reason,
            path=self.head.path,
            request_id=self.identify().request_id,
            accept=self.head.first(b"accept"),
            now=time(),
            message=message,
            endpoint="" if shown is None else shown.url,
        )
        own = [(b"Content-Type", kind), (b"Proxy-Status", proxy_status(plane.pseudonym, reason)), *headers]
        if status == 503 and not any(name == b"Retry-After" for name, _ in headers):
            own.append((b"Retry-After", b"1"))
        self._answer(status, content, own, verdict, reason, now)

    def _answer(
        self,
        status: int,
        content: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        verdict: Verdict,
        reason: Reason | None,
        now: float,
    ) -> None:
        """Answer from here; the filters that the request has passed see it before the client does."""
        if self.filtering is not None:
            self.filtering.stop()
            self.filtering = None
            self.owes_request = False  # nobody wants what is still to come
        at = self.ran
        if at == 0:
            live = self.route
            # A route without filters has switched off what answers of no route get.
            self.chain = None if live is not None and live.chain is None else self.plane.base
            at = 0 if self.chain is None else self.chain.count
        chain = self.chain
        if chain is None or self._is_bare:
            self._write_reply(status, content, headers)
            self._end_answer(verdict, reason, now)
            return
        self.phase = Phase.FILTERING
        self.since = now
        self.is_local = True
        self._verdict, self._reason = verdict, reason
        self._shown = begin_local(status, headers, len(content))
        self._whole = [content] if content and status not in WITHOUT_CONTENT else []
        if chains.walk_back(self, chain, at, now):
            self._pass_local(now)

    def _pass_local(self, now: float) -> None:
        """Let the content of an answer from here pass the filters, once, then write it."""
        chain, content = self.chain, self._whole
        assert chain is not None
        if chain.takes_response and content and self.method != b"HEAD" and not self._has_passed:
            self._has_passed = True
            self._whole = []
            filtering = self.open_filtering(chain)
            if not filtering.open_response():
                filtering.take_response(content)
                filtering.end_response()
                return
            self._whole = content
        self._write_whole(now)

    def _write_whole(self, now: float) -> None:
        head, downstream = self._shown, self.downstream
        assert head is not None
        content = b"" if self.method == b"HEAD" else b"".join(self._whole or ())
        self.status = head.status
        self.bytes_out = len(content)
        rendered = render_response(head, b"", self._own_lines())
        if not downstream.is_closing:
            downstream.transport.write(rendered + content)
        self._end_answer(self._verdict, self._reason, now)

    def _own_lines(self) -> bytes:
        """Return the lines that an answer from here has besides its own."""
        downstream = self.downstream
        if not self._can_drain():
            downstream.keep_alive = False
        own = downstream.connection_field()
        if self.plane.says_request_id:
            own += b"X-Request-Id: " + self.ids.request_id + b"\r\n"
        return own + date_line(time())

    def _write_reply(self, status: int, content: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
        downstream = self.downstream
        self.status = status
        own = self._own_lines()
        head, content = render_local(status, headers, content, own=own, is_head=self.method == b"HEAD")
        self.bytes_out = len(content)
        if not downstream.is_closing:
            downstream.transport.write(head + content)

    def _can_drain(self) -> bool:
        """Whether the rest of the request can be read away, so that the connection may be kept."""
        if self.request_done:
            return True
        head = self.head
        return head.framing is _BY_LENGTH and head.content_length <= DRAINABLE and not head.expects_continue

    def _end_answer(self, verdict: Verdict, reason: Reason | None, now: float) -> None:
        """The answer is complete; leave, or first read the rest of the request away."""
        self._finish(verdict, reason, now)
        if self.request_done or not self._can_drain() or not self.downstream.keep_alive:
            self.downstream.end_exchange(now, keep=self.request_done)
        else:
            self._held.clear()
            self.unblock_request(now)

    def _finish(self, verdict: Verdict, reason: Reason | None, now: float) -> None:
        """Record the exchange."""
        self.phase = _ANSWERED
        if self.persistence is not None:
            self.persistence.stop(now)
            self.persistence = None  # it and the exchange hold each other
        if verdict is _ABANDONED and not self.status:
            self.status = CLIENT_CLOSED_REQUEST
        if self.filtering is not None:
            self.filtering.stop()
            self.filtering = None
        self.is_local = self._response is None
        peer = self.downstream.peer
        if peer.is_trusted:
            self.client = self._find_client()
        if self.epoch >= 0:
            self._tell_circuit(verdict, now)
        if self.chain is not None and self.chain.has_end:
            self.chain.end(self)
        self.plane.record(self, reason, now)

    def _tell_circuit(self, verdict: Verdict, now: float) -> None:
        assert self.pool is not None
        gate = self.pool.gate
        assert gate is not None
        gate.record(verdict, self.epoch, self.permit, now)


def _claimed_clients(head: RequestHead) -> list[bytes]:
    """Return the values of X-Forwarded-For as they came: whoever judges a client must not see what a filter wrote."""
    if head.claims is None:
        return []
    return [head.value_at(line) for line in head.claims.get(b"x-forwarded-for", ())]


def find_client_text(peer: Peer, chain: Sequence[bytes]) -> bytes:
    """Return the client's address; `chain` are the values of X-Forwarded-For, believed as far as peers are trusted."""
    if not chain:
        return peer.text
    return str(find_client(peer.address, b",".join(chain), peer.rules)).encode("ascii")
