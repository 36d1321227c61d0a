"""Edit the JSON content of requests and responses.

`json_edits` says what becomes of a document; here it is decided which messages are meant, what happens to those that
cannot be edited, and how their heads stay true. Content that was edited is always written anew: whoever reads it next
reads what was judged here, and not, say, the first of two members of one name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orion_gateway.filters.filter import Filter, buffered
from orion_gateway.filters.json_edits import Editor, JsonEdits, read_json, write_json
from orion_gateway.filters.media_type import is_json, media_type_of
from orion_gateway.filters.recoded import forget_digests, list_words, mark_changed, revalidate
from orion_gateway.values import Reason, Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from orion_gateway.filters.filter import Exchange, Facilities, Head, ResponseHead, Rewritten

AT_ONCE = 16 * 1024
"""Bytes of content that are edited in the event loop: at most about 0.3 ms. More goes to a thread."""

NOT_TO_PASS = (b"accept-encoding", b"range", b"if-range")
"""What is taken off a request whose response is to be edited: a coded or a partial one could not be."""

WITHOUT_CONTENT = frozenset((204, 205, 304))


@dataclass(frozen=True, slots=True)
class TransformRules:
    """The edits of each direction; None where nothing is edited."""

    request: JsonEdits | None = None
    response: JsonEdits | None = None
    max_size: int = 1024 * 1024
    """Bytes of content that are edited at most."""
    passes_on_error: bool = False
    """What says that it is JSON and cannot be edited goes on as it is; else it is refused."""


class Transform(Filter):
    """Edits JSON content."""

    def __init__(self, rules: TransformRules, facilities: Facilities) -> None:
        self._request = Editor(rules.request) if rules.request else None
        self._response = Editor(rules.response) if rules.response else None
        if rules.request:
            self.request_body = buffered(rules.max_size)
        if rules.response:
            self.response_body = buffered(rules.max_size)
        self._passes = rules.passes_on_error
        self._facilities = facilities

    # -- requests ---------------------------------------------------------------------------------------------------

    def on_request(self, exchange: Exchange) -> Reply | None:
        """Refuse coded content, and see to it that the response can be edited."""
        request = exchange.request
        if self._response is not None:
            for name in NOT_TO_PASS:
                request.remove(name)
        if not self._passes and self._is_meant(exchange) and is_coded(request):
            return Reply(
                415,
                headers=((b"Accept-Encoding", b"identity"),),
                message="JSON is taken here without a content coding.",
                reason=Reason.HTTP_REQUEST_ERROR,
            )
        return None

    def wants_request(self, exchange: Exchange) -> bool:
        """Take JSON that is not coded."""
        return self._is_meant(exchange) and not is_coded(exchange.request)

    def on_request_body(self, exchange: Exchange, content: bytes) -> Rewritten | Awaitable[Rewritten]:
        """Edit it."""
        assert self._request is not None
        if not content:
            return None
        # The head goes out behind this, and its checksums are of the former content whatever comes of it.
        forget_digests(exchange.request)
        return self._rewrite(self._request, content, self._refuse_request)

    def _is_meant(self, exchange: Exchange) -> bool:
        request = exchange.request
        return self._request is not None and request.content_length != 0 and is_json(media_type_of(request))

    def _refuse_request(self, error: ValueError) -> Reply:
        message = f"The request says that its content is JSON, and it is not: {error}."
        return Reply(400, message=message, reason=Reason.HTTP_REQUEST_ERROR)

    # -- responses --------------------------------------------------------------------------------------------------

    def on_response(self, exchange: Exchange) -> None:
        """Decide what becomes of it, and make the head say what the content will be.

        It is decided now: a filter in front of this one may write its own Content-Encoding into the head before the
        content comes. HEAD gets the head that GET would get.
        """
        response = exchange.response
        assert response is not None
        exchange.state.pop(self, None)
        if self._response is None:
            return
        if response.status in WITHOUT_CONTENT or not is_json(media_type_of(response)):
            revalidate(exchange)
        elif not is_coded(response) and not is_partial(response):
            mark_changed(exchange)
            exchange.state[self] = True
        elif not self._passes:
            exchange.state[self] = False

    def wants_response(self, exchange: Exchange) -> bool:
        """Take JSON. What cannot be edited is taken too when it must be refused."""
        return self in exchange.state

    def on_response_body(self, exchange: Exchange, content: bytes) -> Rewritten | Awaitable[Rewritten]:
        """Edit it."""
        assert self._response is not None
        if not exchange.state[self]:
            return self._refuse_response(ValueError("it is coded or partial"))
        if not content:
            return None
        return self._rewrite(self._response, content, self._refuse_response)

    def _refuse_response(self, error: ValueError) -> Reply:
        message = f"The answer says that it is JSON, and cannot be read as such: {error}."
        return Reply(502, message=message, reason=Reason.HTTP_PROTOCOL_ERROR)

    # -- both -------------------------------------------------------------------------------------------------------

    def _rewrite(
        self, editor: Editor, content: bytes, refuse: Callable[[ValueError], Reply]
    ) -> Rewritten | Awaitable[Rewritten]:
        def work() -> Rewritten:
            try:
                return write_json(editor.apply(read_json(content)))
            except ValueError as error:
                return None if self._passes else refuse(error)

        return work() if len(content) <= AT_ONCE else self._facilities.run(work)


def is_coded(head: Head) -> bool:
    """Say whether content is compressed, or coded in some other way."""
    return any(coding not in (b"identity", b"") for coding in list_words(head.values(b"content-encoding")))


def is_partial(response: ResponseHead) -> bool:
    """Say whether content is only a part (RFC 9110, section 14)."""
    return response.status == 206 or response.first(b"content-range") is not None
