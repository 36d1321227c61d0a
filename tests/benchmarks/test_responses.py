"""Where a response ends, for the generators."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.clients.responses import ResponseError, is_complete

LENGTH = b"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: 5\r\nDate: now\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"


@given(answer=st.sampled_from([LENGTH, CHUNKED]), cut=st.integers(min_value=0, max_value=200))
def test_an_answer_is_complete_with_its_last_byte_and_not_before(answer: bytes, cut: int) -> None:
    """Latency ends when the whole answer is there, wherever the packets were cut."""
    assert is_complete(answer[:cut], body_bytes=5) == (cut >= len(answer))


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (LENGTH.replace(b"200 OK", b"502 Bad Gateway"), "502"),
        (LENGTH.replace(b": 5", b": 4"), "4 bytes instead of 5"),
        (LENGTH.replace(b"content-length: 5", b"x: y"), "ends with its connection"),
        (CHUNKED.replace(b"2\r\nhe\r\n", b""), "chunks of 3 bytes instead of 5"),
        (CHUNKED.replace(b"2\r\nhe\r\n3\r\nllo\r\n", b""), "chunks of 0 bytes instead of 5"),
        (CHUNKED.replace(b"\r\n3", b"\r\nx"), "chunks that are none"),
    ],
)
def test_another_answer_is_an_error(answer: bytes, complaint: str) -> None:
    """An error page or cut content is never counted as an answer."""
    with pytest.raises(ResponseError, match=complaint):
        is_complete(answer, body_bytes=5)
