"""Send a copy of requests to another service; throw its answers away, or compare them with those that clients get.

The mirror stands behind all other filters of its route: it sees requests as they edited them, and answers before they
do. It edits nothing, never waits and never answers, so that the primary is as fast and as well with it as without. The
copy is made of what an endpoint gets, once the request is complete, in a task of its own. What is held is bounded: so
many copies of a route at a time, so much content of a request and of each answer, and `HELD` bytes in the process;
beyond that requests are not copied, which is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from time import time
from typing import TYPE_CHECKING, ClassVar

from orion_gateway.filters.comparison import Answer, CompareRules, compare, make_printable
from orion_gateway.filters.filter import NO_BODY, STREAM, BodyStream, Fetch, Filter
from orion_gateway.filters.mirror_report import Example, MirrorReport
from orion_gateway.values import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.filters.filter import BodyNeed, Content, Exchange, Facilities, Fetched

MARK = (b"X-Orion-Mirror", b"1")
"""What every copy has: the service may tell it from what users wait for. Clients cannot set it."""

HELD = 32 * 1024 * 1024
"""Bytes of content that all mirrors of a process hold at most."""

_QUICK = 2 * 1024
"""Bytes of two answers that are compared at once: more than a tenth of a millisecond of work belongs into a thread."""

_WARN_EVERY = 1.0
"""Seconds between two lines about copies that could not be made."""

_UNFOLDED = 4
"""How many times `max_body` content may have when its coding is undone."""

_PATH_SHOWN = 200
_READ_ALWAYS = (b"content-type", b"content-encoding")
"""Fields by which content is read."""


class Room:
    """Bytes that may still be held."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, size: int) -> bool:
        """Take so many, if they are left."""
        if size > self.left:
            return False
        self.left -= size
        return True

    def give(self, size: int) -> None:
        """Give them back."""
        self.left += size


WORKER_ROOM = Room(HELD)
"""Shared by all mirrors of this process, of every generation of the table: memory is what a process has."""


@dataclass(frozen=True, slots=True)
class MirrorRules:
    """What is copied, where to, and what of the answers is compared. `compare` None: they are thrown away."""

    service: str
    share: float = 1.0
    """Of the requests of the route."""
    methods: frozenset[bytes] | None = None
    """None: whatever the method."""
    max_body: int = 64 * 1024
    """Content of a request, in bytes, above which it is not copied; answers are compared up to as much."""
    timeout: float = 5.0
    max_in_flight: int = 100
    """Copies at a time, per worker."""
    compare: CompareRules | None = None


class Copy:
    """One request that is to be copied, and what became of it."""

    __slots__ = (
        "content",
        "ended",
        "exchange",
        "fields",
        "has_content",
        "held",
        "is_complete",
        "is_dropped",
        "is_large",
        "is_over",
        "is_whole",
        "ready",
        "received",
        "status",
    )

    def __init__(self, exchange: Exchange, held: int) -> None:
        self.exchange = exchange
        self.held = held
        """Bytes of the process's room that it has."""
        self.content = bytearray()
        """Of the request. One block: a client may send single bytes."""
        self.has_content = False
        self.is_complete = False
        """The request is; from then on it is under way."""
        self.is_dropped = False
        self.ready = 0.0
        """When it was complete."""
        self.status = 0
        """Of the primary's answer, 0 while there is none."""
        self.fields: list[tuple[bytes, bytes]] = []
        self.received = bytearray()
        """Content of the primary's answer."""
        self.is_whole = True
        """The answer has come to its end."""
        self.is_large = False
        self.is_over = False
        """Nothing more is waited for of the primary's answer."""
        self.ended: asyncio.Future[None] | None = None
        """What waits for that."""

    def end(self) -> None:
        """Nothing more of the primary's answer is waited for."""
        self.is_over = True
        if self.ended is not None and not self.ended.done():
            self.ended.set_result(None)


class Mirror(Filter):
    """Copies the requests of one route."""

    def __init__(self, rules: MirrorRules, facilities: Facilities, room: Room = WORKER_ROOM) -> None:
        self.request_body: BodyNeed = STREAM
        self.response_body: BodyNeed = NO_BODY if rules.compare is None else STREAM
        self._rules = rules
        self._facilities = facilities
        self._room = room
        self._report = MirrorReport()
        self._in_flight = 0
        self._warned = float("-inf")
        self._tasks: set[asyncio.Task[None]] = set()
        fields = () if rules.compare is None else rules.compare.fields
        self._fields = (
            *_READ_ALWAYS,
            *(name for field in fields if (name := field.encode("ascii")) not in _READ_ALWAYS),
        )

    def on_request(self, exchange: Exchange) -> None:
        """Choose whether to copy the request; a request without content is copied at once."""
        rules, request = self._rules, exchange.request
        if rules.methods is not None and request.method not in rules.methods:
            return
        if rules.share < 1.0 and self._facilities.rng.random() >= rules.share:
            return
        why = self._find_objection(exchange)
        held = 0 if rules.compare is None else 2 * rules.max_body
        if not why and not self._room.take(held):
            why = "memory"
        if why:
            self._report.skip(why)
            return
        self._in_flight += 1
        copy = exchange.state[self] = Copy(exchange, held)
        # In the next turn the exchange knows where it goes; its content, if any, has announced itself by then.
        asyncio.get_running_loop().call_soon(self._begin_without_content, copy)

    def open_request(self, exchange: Exchange) -> BodyStream | None:
        """Listen to the content."""
        copy = self._find(exchange)
        if copy is None:
            return None
        copy.has_content = True
        return _RequestTap(self, copy)

    def on_response(self, exchange: Exchange) -> None:
        """Note the answer of the primary's endpoint."""
        copy, response = self._find(exchange), exchange.response
        if copy is None or self._rules.compare is None or exchange.is_local or response is None:
            return
        copy.status = response.status
        copy.fields = [(name, value) for name in self._fields for value in response.values(name)]
        if copy.is_complete:
            self._report.primary.observe(self._facilities.now() - copy.ready)

    def open_response(self, exchange: Exchange) -> BodyStream | None:
        """Listen to the content of the answer."""
        copy = self._find(exchange)
        if copy is None or exchange.is_local:
            return None
        copy.is_whole = False
        return _ResponseTap(copy, self._rules.max_body)

    def on_end(self, exchange: Exchange) -> None:
        """Whoever compares need wait no longer for the primary."""
        copy = self._find(exchange)
        if copy is None:
            return
        copy.end()
        if copy.has_content and not copy.is_complete:
            self.drop(copy, "cut")

    def take_report(self) -> MirrorReport | None:
        """Return what happened since the last call."""
        if not self._report.outcomes:
            return None
        report, self._report = self._report, MirrorReport()
        return report

    def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()

    # -- inside -----------------------------------------------------------------------------------------------------

    def keep(self, copy: Copy, pieces: Sequence[Content]) -> None:
        """Keep content of a request, as long as there is not too much."""
        for piece in pieces:
            if copy.is_dropped:
                return
            size = len(piece)
            if len(copy.content) + size > self._rules.max_body:
                self.drop(copy, "too large")
            elif not self._room.take(size):
                self.drop(copy, "memory")
            else:
                copy.held += size
                copy.content += piece

    def complete(self, copy: Copy) -> None:
        """The request is complete: send the copy."""
        if copy.is_dropped or copy.is_complete:
            return
        copy.is_complete = True
        copy.ready = self._facilities.now()
        task = asyncio.get_running_loop().create_task(self._send(copy))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def drop(self, copy: Copy, why: str) -> None:
        """Send no copy after all."""
        if not copy.is_dropped and not copy.is_complete:
            copy.is_dropped = True
            self._report.skip(why)
            self._release(copy)

    def _find(self, exchange: Exchange) -> Copy | None:
        copy = exchange.state.get(self)
        return copy if isinstance(copy, Copy) and not copy.is_dropped else None

    def _find_objection(self, exchange: Exchange) -> str:
        """Say why this request is not copied; empty when it is."""
        request = exchange.request
        if request.first(b"upgrade") is not None:
            return "upgrade"
        if request.first(b"expect") is not None:
            return "expect"
        if request.content_length > self._rules.max_body:
            return "too large"
        return "in flight" if self._in_flight >= self._rules.max_in_flight else ""

    def _begin_without_content(self, copy: Copy) -> None:
        if not copy.has_content:
            self.complete(copy)

    async def _send(self, copy: Copy) -> None:
        try:
            rules = self._rules
            outgoing = self._facilities.outgoing(copy.exchange)
            if outgoing is None:
                self._report.skip("not forwarded")
                return
            content, copy.content = bytes(copy.content), bytearray()
            limit = 0 if rules.compare is None else rules.max_body
            headers = (*outgoing.headers, MARK)
            method = copy.exchange.request.method
            fetched = await self._facilities.fetch(
                Fetch(rules.service, method, outgoing.target, headers, content, rules.timeout, limit)
            )
            if fetched.error:
                self._report.fail(fetched.error)
                return
            self._report.mirror.observe(fetched.waited)
            if rules.compare is None:
                self._report.outcomes["answered"] += 1
            else:
                await self._compare(copy, fetched, rules.compare)
        except Exception as error:
            self._warn(error)
            self._report.fail(Reason.PROXY_INTERNAL_ERROR.value)
        finally:
            self._release(copy)

    def _warn(self, error: Exception) -> None:
        now = self._facilities.now()
        if now - self._warned > _WARN_EVERY:
            self._warned = now
            self._facilities.warn("a copy could not be made", service=self._rules.service, error=repr(error))

    async def _compare(self, copy: Copy, fetched: Fetched, rules: CompareRules) -> None:
        """Compare the two answers, once the primary's is complete too."""
        if not copy.is_over:
            copy.ended = asyncio.get_running_loop().create_future()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(copy.ended, self._rules.timeout)
        if not copy.status:
            self._report.outcomes["alone"] += 1
            return
        primary = Answer(copy.status, copy.fields, bytes(copy.received), copy.is_whole and not copy.is_large)
        mirror = Answer(fetched.status, fetched.headers, fetched.content, not fetched.is_truncated)
        work = partial(compare, primary, mirror, rules, _UNFOLDED * self._rules.max_body)
        if len(primary.content) + len(mirror.content) <= _QUICK:
            found = work()
        else:
            found = await self._facilities.run(work)
        self._report.compare(found)
        if found.is_equal:
            return
        exchange = copy.exchange
        self._report.show(
            Example(
                time(),
                exchange.request_id().decode("ascii", "replace"),
                make_printable(exchange.method.decode("latin-1"), _PATH_SHOWN),
                make_printable(exchange.request.path.decode("latin-1"), _PATH_SHOWN),
                found.differences,
                found.has_more,
            )
        )

    def _release(self, copy: Copy) -> None:
        self._in_flight -= 1
        self._room.give(copy.held)
        copy.held = 0
        copy.is_dropped = True
        copy.content = bytearray()
        copy.received = bytearray()
        copy.exchange.state.pop(self, None)


class _RequestTap(BodyStream):
    """Lets the content of a request pass, and keeps a copy."""

    keeps_length: ClassVar[bool] = True

    def __init__(self, mirror: Mirror, copy: Copy) -> None:
        self._mirror = mirror
        self._copy = copy

    def feed(self, pieces: Sequence[Content]) -> Sequence[Content]:
        self._mirror.keep(self._copy, pieces)
        return pieces

    def end(self) -> Sequence[Content]:
        self._mirror.complete(self._copy)
        return ()

    def close(self) -> None:
        self._mirror.drop(self._copy, "cut")


class _ResponseTap(BodyStream):
    """Lets the content of an answer pass, and keeps a copy of what may be compared."""

    keeps_length: ClassVar[bool] = True

    def __init__(self, copy: Copy, limit: int) -> None:
        self._copy = copy
        self._room = limit

    def feed(self, pieces: Sequence[Content]) -> Sequence[Content]:
        copy = self._copy
        for piece in pieces:
            if copy.is_large or copy.is_dropped:
                break
            self._room -= len(piece)
            if self._room < 0:
                copy.is_large = True
                copy.received = bytearray()
                copy.end()
            else:
                copy.received += piece
        return pieces

    def end(self) -> Sequence[Content]:
        self._copy.is_whole = True
        return ()
