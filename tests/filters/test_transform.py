"""Which messages are edited, what happens to the others, and that heads stay true."""

from __future__ import annotations

from typing import Any

import pytest

from orion_gateway.filters.filter import NO_BODY, buffered
from orion_gateway.filters.json_edits import JsonEdits
from orion_gateway.filters.transform import AT_ONCE, Transform, TransformRules
from orion_gateway.values import Reply
from tests.filters.messages import Talk, ThreadedWorker, settled

DROP = JsonEdits(drop=(("secret",),))
JSON = "Content-Type: application/json\nContent-Length: 20"


def make(
    *, request: bool = False, response: bool = False, passes: bool = False, worker: ThreadedWorker | None = None
) -> Transform:
    rules = TransformRules(DROP if request else None, DROP if response else None, 5000, passes)
    return Transform(rules, worker or ThreadedWorker())


async def edit_response(made: Transform, talk: Talk, content: bytes) -> Any:
    """Show a response to the filter as the exchange does; return what becomes of its content."""
    made.on_response(talk)
    assert made.wants_response(talk)
    # A `compress` in front of it has its turn between the head and the content.
    talk.answer.set(b"Content-Encoding", b"gzip")
    return await settled(made.on_response_body(talk, content))


def test_content_is_only_wanted_where_it_is_edited() -> None:
    """A route that edits requests would hold back responses, too."""
    assert (make(request=True).request_body, make(request=True).response_body) == (buffered(5000), NO_BODY)
    assert (make(response=True).request_body, make(response=True).response_body) == (NO_BODY, buffered(5000))


@pytest.mark.parametrize(
    ("fields", "is_wanted"),
    [
        (JSON, True),
        ("Content-Type: Application/JSON; charset=utf-8\nTransfer-Encoding: chunked", True),
        ("Content-Type: application/merge-patch+json\nContent-Length: 9", True),
        ("Content-Type: application/json\nContent-Length: 9\nContent-Encoding: identity", True),
        ("Content-Type: application/json\nContent-Length: 0", False),
        ("Content-Type: application/jsonlines\nContent-Length: 9", False),
        ("Content-Type: application/x-ndjson\nContent-Length: 9", False),
        ("Content-Type: text/json\nContent-Length: 9", False),
        ("Content-Type: text/plain\nContent-Length: 9", False),
        ("Content-Length: 9", False),
    ],
)
async def test_only_json_is_edited(fields: str, is_wanted: bool) -> None:
    """Uploads would be held in memory, or refused for not being JSON."""
    talk = Talk(fields, method="POST")
    made = make(request=True)
    assert made.on_request(talk) is None
    assert made.wants_request(talk) is is_wanted
    answer = Talk("", fields.replace("Content-Length: 0", "Content-Length: 1"))
    if "Content-Length: 0" not in fields:
        made = make(response=True)
        made.on_response(answer)
        assert made.wants_response(answer) is is_wanted


async def test_a_request_is_edited_and_its_checksums_are_gone() -> None:
    """The endpoint would refuse content that does not fit its checksum, or get what it must not."""
    talk = Talk(f"{JSON}\nContent-Digest: x\nDigest: y", method="POST")
    made = make(request=True)
    made.on_request(talk)
    assert await settled(made.on_request_body(talk, b'{"secret": 1, "b": [2]}')) == b'{"b":[2]}'
    assert talk.request.values(b"content-digest") == talk.request.values(b"digest") == []


async def test_content_is_written_anew_even_where_there_is_nothing_to_edit() -> None:
    """Of two members of one name the endpoint might take the first, and the gateway has judged the last."""
    content = b'{"x": {"secret": 1}, "a": 1, "a": 2}'
    assert await settled(make(request=True).on_request_body(Talk(JSON), content)) == b'{"x":{"secret":1},"a":2}'


@pytest.mark.parametrize("content", [b"{", b"secret=1", b'"\xff"', b"[" * 2000])
async def test_what_is_no_json_is_refused_with_a_sentence(content: bytes) -> None:
    """A client would not know what is wrong, or content would pass that nobody has judged."""
    reply = await settled(make(request=True).on_request_body(Talk(JSON), content))
    assert isinstance(reply, Reply)
    assert reply.status == 400
    assert reply.message.startswith("The request says that its content is JSON, and it is not: ")
    reply = await edit_response(make(response=True), Talk("", JSON), content)
    assert isinstance(reply, Reply)
    assert reply.status == 502
    assert await settled(make(request=True, passes=True).on_request_body(Talk(JSON), content)) is None
    assert await edit_response(make(response=True, passes=True), Talk("", JSON), content) is None


async def test_empty_content_is_no_mistake() -> None:
    """A DELETE whose library always says JSON would be refused."""
    chunked = "Content-Type: application/json\nTransfer-Encoding: chunked"
    assert make(request=True).on_request_body(Talk(chunked, method="DELETE"), b"") is None
    assert await edit_response(make(response=True), Talk("", chunked), b"") is None


def test_a_coded_request_is_refused_unless_it_may_pass() -> None:
    """Whoever compresses would get past the edits."""
    coded = f"{JSON}\nContent-Encoding: gzip"
    reply = make(request=True).on_request(Talk(coded, method="POST"))
    assert isinstance(reply, Reply)
    assert (reply.status, reply.headers) == (415, ((b"Accept-Encoding", b"identity"),))
    passing = make(request=True, passes=True)
    talk = Talk(coded, method="POST")
    assert (passing.on_request(talk), passing.wants_request(talk)) == (None, False)
    # Others are none of our business.
    assert make(request=True).on_request(Talk("Content-Type: text/css\nContent-Encoding: gzip", method="PUT")) is None
    assert make(response=True).on_request(Talk(coded, method="POST")) is None


def test_the_endpoint_is_asked_for_a_whole_answer_without_a_coding() -> None:
    """The answer could not be edited, and what it must not show would be read part by part."""
    ask = 'Accept-Encoding: gzip\nRange: bytes=0-9\nIf-Range: "v1"\nIf-None-Match: W/"v1"'
    talk = Talk(ask)
    make(response=True).on_request(talk)
    for name in (b"accept-encoding", b"range", b"if-range"):
        assert talk.request.values(name) == []
    assert talk.request.values(b"if-none-match") == [b'W/"v1"']
    untouched = Talk(ask)
    make(request=True).on_request(untouched)
    assert untouched.request.values(b"range") == [b"bytes=0-9"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (f"{JSON}\nContent-Encoding: gzip", 200),
        (JSON, 206),
        (f"{JSON}\nContent-Range: bytes 0-19/100", 200),
    ],
)
async def test_an_answer_that_cannot_be_edited_is_refused_unless_it_may_pass(fields: str, status: int) -> None:
    """What must not go out would go out compressed, or in part."""
    talk = Talk("", fields, status=status)
    reply = await edit_response(make(response=True), talk, b"{}")
    assert isinstance(reply, Reply)
    assert reply.status == 502
    passing = make(response=True, passes=True)
    passing.on_response(talk)
    assert not passing.wants_response(talk)


async def test_an_edited_answer_has_a_head_that_is_true() -> None:
    """A cache would take two different contents for the same."""
    talk = Talk("", f'{JSON}\nETag: "v1"\nAccept-Ranges: bytes\nContent-MD5: x\nRepr-Digest: y')
    assert await edit_response(make(response=True), talk, b'{"secret":1}') == b"{}"
    assert talk.fields("etag") == ['W/"v1"']
    for name in ("accept-ranges", "content-md5", "repr-digest"):
        assert talk.fields(name) == []


def test_other_answers_keep_their_heads() -> None:
    """Pictures on the same route could not be loaded in parts any more."""
    for fields in (
        'Content-Type: image/png\nETag: "v1"\nContent-Length: 1',
        f'{JSON}\nContent-Encoding: br\nETag: "v1"',
    ):
        talk = Talk("", fields)
        make(response=True).on_response(talk)
        assert talk.fields("etag") == ['"v1"']
    talk = Talk("", f'{JSON}\nETag: "v1"')
    make(request=True).on_response(talk)
    assert talk.fields("etag") == ['"v1"']


def test_head_and_304_speak_of_what_get_would_get() -> None:
    """A client that asks whether it is still current would load everything again, or be told a wrong length."""
    head = Talk("", f'{JSON}\nETag: "v1"', method="HEAD")
    make(response=True).on_response(head)
    assert (head.fields("etag"), head.answer.content_length) == (['W/"v1"'], -1)
    current = Talk('If-None-Match: W/"v1"', 'ETag: "v1"', status=304)
    make(response=True).on_response(current)
    assert current.fields("etag") == ['W/"v1"']


@pytest.mark.parametrize(("size", "runs"), [(AT_ONCE, 0), (AT_ONCE + 1, 1)])
async def test_large_content_is_edited_in_a_thread(size: int, runs: int) -> None:
    """Everybody else on this worker would wait for it."""
    worker = ThreadedWorker()
    made: Any = make(request=True, worker=worker)
    content = b'{"a":"%b"}' % (b"x" * (size - 8))
    assert await settled(made.on_request_body(Talk(JSON), content)) == content
    assert worker.runs == runs
