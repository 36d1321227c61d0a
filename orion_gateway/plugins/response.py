"""The two responses that plug-ins know: the one that they give, and the one that passes by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from orion_gateway.filters.filter import NO_BODY
from orion_gateway.plugins.content import WithContent
from orion_gateway.plugins.fields import Fields, encode_field
from orion_gateway.values import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orion_gateway.filters.filter import BodyNeed, ResponseHead

_NONE: Any = object()


class Response:
    """An answer of the plug-in's own: `Response(text="hello")`, `Response(json={...}, status=201)`.

    Without content and with a status from 400 it is an error of the gateway: the client gets the error body, in the
    format that it accepts, with `message`.
    """

    __slots__ = ("reply",)

    def __init__(
        self,
        status: int = 200,
        *,
        text: str | None = None,
        json: Any = _NONE,
        body: bytes | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        content_type: str | None = None,
        message: str = "",
    ) -> None:
        """Make it, with at most one of `text`, `json` and `body`. Raises ValueError for what HTTP does not allow."""
        if (text is not None) + (json is not _NONE) + (body is not None) > 1:
            raise ValueError("an answer has one of text, json and body")
        if not 200 <= status <= 599:
            raise ValueError(f"{status} is no status of an answer: 200 to 599")
        content, kind = body, "application/octet-stream"
        if text is not None:
            content, kind = text.encode(), "text/plain; charset=utf-8"
        elif json is not _NONE:
            content, kind = orjson.dumps(json), "application/json"
        if content is None and status < 400:
            content = b""
        listed = headers.items() if hasattr(headers, "items") else headers
        fields = [encode_field(name, value) for name, value in listed]
        has_type = any(name.lower() == b"content-type" for name, _ in fields)
        if content and (content_type is not None or not has_type):
            fields = [(name, value) for name, value in fields if name.lower() != b"content-type"]
            fields.append(encode_field("Content-Type", content_type or kind))
        self.reply = Reply(status, tuple(fields), content, message)

    @property
    def status(self) -> int:
        """The status."""
        return self.reply.status

    def __repr__(self) -> str:
        return f"<Response {self.status}>"


class PassingResponse(WithContent):
    """The response on its way to the client: of an endpoint, or the gateway's own."""

    __slots__ = ("_head", "_headers")

    direction: ClassVar[str] = "response"

    def __init__(self, head: ResponseHead, need: BodyNeed = NO_BODY) -> None:
        self._head = head
        super().__init__(need)
        self._headers: Fields | None = None

    @property
    def status(self) -> int:
        """The status."""
        return self._head.status

    @property
    def headers(self) -> Fields:
        """The fields; edits of them go to the client."""
        if self._headers is None:
            self._headers = Fields(self._head)
        return self._headers

    @property
    def content_length(self) -> int | None:
        """Content-Length, or None while it is not known."""
        return self._head.content_length if self._head.content_length >= 0 else None

    def __repr__(self) -> str:
        return f"<PassingResponse {self.status}>"
