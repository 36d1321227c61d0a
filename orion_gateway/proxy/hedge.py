"""A second attempt beside the first one of an exchange, for an answer that is slow to come (Dean and Barroso, 2013).

The first good answer wins and the other attempt is cancelled. A hedge sends only requests without content, so it never
waits for the client.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from orion_gateway.proxy.attempt import Attempt
from orion_gateway.values import Outcome, Reason, Verdict

if TYPE_CHECKING:
    from orion_gateway.http1.parsed import ResponseHead
    from orion_gateway.proxy.exchange import Exchange
    from orion_gateway.proxy.persistence import Persistence
    from orion_gateway.proxy.upstream import UpstreamConnection
    from orion_gateway.values import Endpoint


class Hedge(Attempt):
    """One second attempt. It never has the content of an answer: by then its connection is the exchange's."""

    def __init__(self, persistence: Persistence, exchange: Exchange, tried: list[Endpoint]) -> None:
        self.method = exchange.method
        self.key = exchange.key
        self.tried = tried
        self.wanted = None
        self.endpoint = None
        self.started = 0.0
        self.sent_at = 0.0
        self.connection: UpstreamConnection | None = None
        self._persistence = persistence
        self._exchange = exchange

    def cancel(self, now: float, verdict: Verdict = Verdict.ABANDONED, reason: Reason | None = None) -> None:
        """Stop; without a `reason` there is no verdict about the endpoint."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.abort()
        else:
            assert self._exchange.pool is not None
            self._exchange.pool.leave(self)
        self._finish(verdict, reason, now, was_sent=connection is not None)

    def begin_connecting(self, endpoint: Endpoint, now: float) -> None:
        """Note the endpoint."""
        self.endpoint = endpoint
        self.started = now

    def take_connection(self, connection: UpstreamConnection, now: float) -> None:
        """Write the request."""
        self.connection = connection
        self.sent_at = max(now, monotonic())
        connection.transport.write(self._exchange.render_head(connection.endpoint, now))
        self._persistence.note_connected(self, now)

    def lose_upstream(self, reason: Reason, now: float) -> None:
        """Let the first attempt go on alone."""
        was_sent = self.connection is not None
        self.connection = None
        self._finish(Verdict.FAILED, reason, now, was_sent=was_sent)
        self._persistence.end_hedge(self, reason, now)

    def take_interim(self, head: ResponseHead, now: float) -> None:
        """What does not end the wait is the first attempt's business."""

    def take_response_head(self, head: ResponseHead, now: float) -> None:
        """Win, unless the answer is none that a client wants while another may come."""
        connection = self.connection
        assert connection is not None
        if self._persistence.take_answer(self, head, now):
            return
        connection.discard(now, is_reusable=head.is_keep_alive)
        self.connection = None
        self._finish(Verdict.FAILED, None, now, status=head.status)
        self._persistence.end_hedge(self, Reason.HTTP_RESPONSE_INCOMPLETE, now)

    def block_request(self, now: float) -> None:
        """There is no content that could wait."""

    def unblock_request(self, now: float) -> None:
        """There is no content that could wait."""

    def _finish(
        self, verdict: Verdict, reason: Reason | None, now: float, *, status: int = 0, was_sent: bool = True
    ) -> None:
        pool, endpoint = self._exchange.pool, self.endpoint
        assert pool is not None
        if endpoint is not None:
            pool.finish(endpoint, Outcome(verdict, reason, status, now - self.started, was_sent), now)
