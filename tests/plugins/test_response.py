"""The answers that plug-ins give, and the responses that they see."""

from __future__ import annotations

from typing import Any

import pytest

from orion_gateway.filters.filter import buffered
from orion_gateway.plugins.content import NoContentError
from orion_gateway.plugins.response import PassingResponse, Response
from orion_gateway.testing.messages import make_response_head
from orion_gateway.values import Reply


@pytest.mark.parametrize(
    ("response", "reply"),
    [
        (Response(text="é"), Reply(200, ((b"Content-Type", b"text/plain; charset=utf-8"),), "é".encode())),
        (Response(201, json={"a": 1}), Reply(201, ((b"Content-Type", b"application/json"),), b'{"a":1}')),
        (Response(json=None), Reply(200, ((b"Content-Type", b"application/json"),), b"null")),
        (Response(body=b"\x00"), Reply(200, ((b"Content-Type", b"application/octet-stream"),), b"\x00")),
        (Response(text="<p>", content_type="text/html"), Reply(200, ((b"Content-Type", b"text/html"),), b"<p>")),
        (Response(text="", headers={"X-A": "1"}), Reply(200, ((b"X-A", b"1"),), b"")),
        (
            Response(body=b"{}", headers=[("content-type", "application/problem+json"), ("X", "é")]),
            Reply(200, ((b"content-type", b"application/problem+json"), (b"X", "é".encode())), b"{}"),
        ),
        (Response(204), Reply(204, (), b"")),
        (Response(403, message="no"), Reply(403, (), None, "no")),
        (Response(403, text="no"), Reply(403, ((b"Content-Type", b"text/plain; charset=utf-8"),), b"no")),
    ],
)
def test_an_answer_has_the_content_and_the_type_that_were_given(response: Response, reply: Reply) -> None:
    """The client would not know what it got."""
    assert response.reply == reply
    assert response.status == reply.status
    assert repr(response) == f"<Response {reply.status}>"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"text": "a", "body": b"b"}, "one of text, json and body"),
        ({"status": 100}, "no status of an answer"),
        ({"status": 600}, "no status of an answer"),
        ({"headers": {"Content-Length": "5"}}, "cannot be edited"),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "control character"),
    ],
)
def test_an_answer_that_http_does_not_allow_is_refused_where_it_is_made(given: dict[str, Any], message: str) -> None:
    """The client would get a broken message, or the author an error far from the mistake."""
    with pytest.raises(ValueError, match=message):
        Response(**given)


async def test_a_passing_response_shows_its_head_and_what_was_declared_of_its_content() -> None:
    """A plug-in could not see what it edits."""
    head = make_response_head(404, [("X-A", "1")], b'{"a":1}', b"GET")
    response = PassingResponse(head)
    assert (response.status, response.headers["x-a"], response.content_length) == (404, "1", 7)
    assert repr(response) == "<PassingResponse 404>"
    with pytest.raises(NoContentError, match="response_body = buffered"):
        await response.read()
    declared = PassingResponse(head, buffered(10))
    with pytest.raises(NoContentError, match="from on_response_body on"):
        await declared.text()
    declared.take_body(b'{"a":1}')
    assert (await declared.json(), await declared.text(), await declared.read()) == ({"a": 1}, '{"a":1}', b'{"a":1}')
    assert PassingResponse(make_response_head(200, [], b"", b"GET")).content_length is None
