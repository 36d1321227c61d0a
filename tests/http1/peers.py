"""What our codec, llhttp and h11 read in the same bytes, in the same words, so that they can be compared."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import h11
import httptools

from orion_gateway.http1.body import Body
from orion_gateway.http1.head import RequestHead, ResponseHead
from tests.http1.builds import RUNNING, Codec
from tests.http1.feeding import LIMITS, Fields, list_fields


@dataclass
class Message:
    """What a parser read of one message. `target` is empty in responses, `status` 0 in requests."""

    method: bytes = b""
    target: bytes = b""
    status: int = 0
    version: str = ""
    fields: Fields = field(default_factory=list)
    body: bytes = b""
    trailers: Fields = field(default_factory=list)
    is_complete: bool = False
    is_refused: bool = False
    """Whether its body was refused."""
    keeps_alive: bool = False
    """Whether another message may follow; not set for interim responses, which are always followed."""
    is_behind_empty_line: bool = False
    """Ours only: whether an empty line before the request line was skipped."""
    head: RequestHead | ResponseHead | None = None
    """Ours only."""


def read_requests(data: bytes, codec: Codec = RUNNING) -> list[Message]:
    """Read a client's bytes with our codec, up to the first refusal or the last request of the connection."""
    messages: list[Message] = []
    while data:
        head, used = codec.head.parse_request(data, LIMITS)
        if not isinstance(head, codec.head.RequestHead):
            break
        method, target, _ = head.raw.split(b" ", 2)
        message = Message(method, target, 0, f"1.{head.minor}", list_fields(head.raw[head.fields_start :]), head=head)
        messages.append(message)
        message.is_behind_empty_line = data.startswith(b"\r\n")
        data = _read_body(message, head.body(LIMITS.section), data[used:], codec)
        message.keeps_alive = head.is_keep_alive
        if not message.is_complete or not message.keeps_alive:
            break
    return messages


def read_responses(data: bytes, method: bytes, codec: Codec = RUNNING) -> list[Message]:
    """Read an endpoint's bytes with our codec: interim responses and one final one."""
    messages: list[Message] = []
    while data:
        head, used = codec.head.parse_response(data, LIMITS, method)
        if not isinstance(head, codec.head.ResponseHead):
            break
        fields = list_fields(head.raw[head.fields_start :])
        message = Message(b"", b"", head.status, f"1.{head.minor}", fields, head=head)
        messages.append(message)
        data = _read_body(message, head.body(LIMITS.section), data[used:], codec)
        if head.status >= 200 or head.status == 101:
            message.keeps_alive = head.is_keep_alive and head.framing is not codec.head.Framing.UNTIL_CLOSE
            break
    return messages


def _read_body(message: Message, body: Body, data: bytes, codec: Codec) -> bytes:
    """Read a body as far as it goes, byte by byte so that nothing before a fault is missed; return what follows."""
    end = 0
    try:
        while not body.done and end < len(data):
            end += 1
            pieces, _ = body.feed(data[end - 1 : end])
            message.body += b"".join(pieces)
    except codec.body.BodyRefused:
        message.is_refused = True
    message.is_complete = body.done
    if isinstance(body, codec.body.ChunkedBody):
        message.trailers = list_fields(body.trailers)
    return data[end:]


class _Collector:
    """Callbacks of llhttp."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.parser: Any = None
        self._fields: Fields = []
        self._target = b""

    def on_message_begin(self) -> None:
        self._fields, self._target = [], b""

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        parser = self.parser
        message = Message(target=self._target, version=parser.get_http_version(), fields=self._fields)
        if isinstance(parser, httptools.HttpRequestParser):
            message.method = parser.get_method()
        else:
            message.status = parser.get_status_code()
        self.messages.append(message)
        self._fields = []

    def on_body(self, body: bytes) -> None:
        self.messages[-1].body += body

    def on_message_complete(self) -> None:
        message = self.messages[-1]
        message.is_complete, message.trailers = True, self._fields
        message.keeps_alive = self.parser.should_keep_alive()


def read_with_llhttp(data: bytes, *, is_response: bool = False) -> list[Message]:
    """Read bytes with llhttp, as Node.js does, until it refuses something."""
    collector = _Collector()
    while data:
        kind = httptools.HttpResponseParser if is_response else httptools.HttpRequestParser
        collector.parser = kind(collector)
        try:
            collector.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            data = data[upgrade.args[0] :]  # nobody answered 101: HTTP goes on
        except httptools.HttpParserError:
            break
        else:
            break
    return collector.messages


_ANSWER = h11.Response(status_code=200, headers=[(b"content-length", b"0")])


@cache
def _ask(method: bytes) -> h11.Request:
    fields = [(b"host", b"a"), (b"connection", b"upgrade"), (b"upgrade", b"x")]  # lets a 101 be an answer
    return h11.Request(method=method, target=b"/", headers=fields)


def read_with_h11(data: bytes, *, method: bytes = b"") -> list[Message]:
    """Read bytes with h11 until it refuses something: a client's, or with `method` an endpoint's answer to it."""
    connection = h11.Connection(h11.CLIENT if method else h11.SERVER, max_incomplete_event_size=1 << 20)
    if method:
        connection.send(_ask(method))
        connection.send(h11.EndOfMessage())
    messages: list[Message] = []
    connection.receive_data(data)
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return messages
        if isinstance(event, h11.Request):
            version = event.http_version.decode()
            messages.append(Message(event.method, event.target, 0, version, list(event.headers)))
        elif isinstance(event, h11.Response | h11.InformationalResponse):
            version = event.http_version.decode()
            messages.append(Message(b"", b"", event.status_code, version, list(event.headers)))
            messages[-1].is_complete = isinstance(event, h11.InformationalResponse)
        elif isinstance(event, h11.Data):
            messages[-1].body += event.data
        elif isinstance(event, h11.EndOfMessage):
            messages[-1].is_complete, messages[-1].trailers = True, list(event.headers)
            if not method:
                connection.send(_ANSWER)
                if connection.our_state is h11.SWITCHED_PROTOCOL:  # that was CONNECT, which ours refuses
                    return messages
                connection.send(h11.EndOfMessage())
            messages[-1].keeps_alive = connection.their_state is connection.our_state is h11.DONE
            if method or not messages[-1].keeps_alive:
                return messages
            connection.start_next_cycle()
        else:
            return messages
