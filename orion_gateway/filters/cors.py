"""Tell browsers what pages of other origins may do: preflights are answered here, and answers say who may read them.

A preflight is answered ahead of every other filter (`answers_preflight`): it never carries credentials, so that one
that authenticates would refuse it, and with it the request that it asks about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from orion_gateway.filters.cross_origin import (
    RESPONSE_FIELDS,
    CorsRules,
    CrossOrigin,
    is_preflight,
    read_preflight,
    varies_on_origin,
)
from orion_gateway.filters.filter import Filter
from orion_gateway.values import Reply

if TYPE_CHECKING:
    from orion_gateway.filters.cross_origin import Fields
    from orion_gateway.filters.filter import Exchange, Facilities


class Cors(Filter):
    """The CORS protocol at the gateway; what services say of it is replaced."""

    decides = True
    answers_preflight = True

    def __init__(self, rules: CorsRules, facilities: Facilities) -> None:
        self._policy = CrossOrigin(rules)
        self._enforces = rules.enforce
        self._without_origin = self._policy.response_fields(())

    def on_request(self, exchange: Exchange) -> Reply | None:
        """Answer a preflight; of another request keep its Origin, which a later filter may change."""
        head = exchange.request
        if is_preflight(head):
            reply = self.answer_preflight(exchange)
            return reply if self._enforces or reply.status >= 400 else None
        if self._enforces and (origins := head.values(b"origin")):
            exchange.state[self] = self._policy.response_fields(origins)
        return None

    def answer_preflight(self, exchange: Exchange) -> Reply:
        """Return the whole answer to a preflight."""
        asked = read_preflight(exchange.request)
        fields = self._policy.preflight_fields(asked)
        if objection := self._policy.find_objection(asked):
            exchange.note(f"cors: {objection}")
        vary = (b"Vary", self._policy.preflight_vary)
        if fields is None:
            return Reply(403, (vary,), message="Pages of this origin may not use what is here.")
        return Reply(204, (*fields, vary), b"")

    def on_response(self, exchange: Exchange) -> None:
        """Say who may read this answer, in place of what the service said."""
        response = exchange.response
        if not self._enforces or response is None or is_preflight(exchange.request):
            return
        for name in RESPONSE_FIELDS:
            response.remove(name)
        for name, value in cast("Fields", exchange.state.get(self, self._without_origin)):
            response.add(name, value)
        if not self._policy.answers_alike and not varies_on_origin(response.values(b"vary")):
            response.add(b"Vary", b"Origin")
