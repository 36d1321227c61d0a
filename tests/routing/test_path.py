"""What a path of a request means to routes, and which paths nobody may forward."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orion_gateway.routing.path import PathRefused, judge_path
from orion_gateway.routing.plain import split_plain
from tests.harness.pure import load_pure

PURE = load_pure("orion_gateway.routing.plain")


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        (b"/", [b""]),
        (b"/a", [b"a"]),
        (b"/a/", [b"a", b""]),
        (b"/a/b.json", [b"a", b"b.json"]),
        (b"/%61", [b"a"]),
        (b"/%e2%82%AC", "€".encode()),
        (b"/a%20b", [b"a b"]),
        (b"/.well-known/x", [b".well-known", b"x"]),
        (b"/...", [b"..."]),
        (b"/a..", [b"a.."]),
        (b"/a;p=1/b", [b"a;p=1", b"b"]),
        (b"/%252e%252e", [b"%2e%2e"]),
        (b"/%ff", [b"\xff"]),
        (b"/a%0Ab", [b"a\nb"]),
        (b"/!\"$&'()*+,-:<=>@[]^_`{|}~", [b"!\"$&'()*+,-:<=>@[]^_`{|}~"]),
    ],
)
def test_segments_are_decoded_once(path: bytes, segments: list[bytes] | bytes) -> None:
    """A route for /a would miss the client that writes /%61, or a doubly encoded dot would become a dot segment."""
    judged = judge_path(path)
    assert judged.segments == (segments if isinstance(segments, list) else [segments])
    assert (judged.raw, judged.has_encoded_slash, judged.has_empty_segments) == (path, False, False)


@pytest.mark.parametrize(
    "path",
    [
        *(b"", b"a", b"*", b"http://a/b"),
        *(b"/.", b"/..", b"/./a", b"/../a", b"/a/.", b"/a/..", b"/x/../a", b"/a/./b"),
        *(b"/%2e", b"/%2E%2e", b"/x/%2e%2e/a", b"/.%2e/a", b"/%2e./a", b"/a/%2E"),
        *(b"/a;p/..", b"/a/..;/b", b"/..;p", b"/.;", b"/%2e%2e;p", b"/..%3bp", b"/a/%2e%3B/b"),
        *(b"/a%2F..", b"/..%2fa", b"/a%2F%2e%2e%2Fb", b"/a%2f.;x%2fb"),
        *(b"/%", b"/%a", b"/%zz", b"/a%2", b"/%%61", b"/%6g"),
        *(b"/\x80", b"/\xff", b"/\xc3\xa9", b"/ ", b"/a b", b"/\t", b"/\x00", b"/\x7f", b"/\r\n"),
        *(b"/a\\b", b"/a%5Cb", b"/a%5cb", b"/a%00", b"/%00", b"/a#b", b"/a?b"),
    ],
)
def test_a_path_that_could_be_read_in_two_ways_is_refused(path: bytes) -> None:
    """An endpoint would see another path than the one that was matched, and serve what a route protects."""
    with pytest.raises(PathRefused, match=r"^the path "):
        judge_path(path)


@pytest.mark.parametrize(
    ("path", "segments", "has_encoded_slash", "has_empty_segments"),
    [
        (b"/a%2Fb", [b"a%2Fb"], True, False),
        (b"/a%2fb/%2F", [b"a%2Fb", b"%2F"], True, False),
        (b"/a%252Fb", [b"a%2Fb"], False, False),
        (b"//", [b"", b""], False, True),
        (b"//a", [b"", b"a"], False, True),
        (b"/a//b", [b"a", b"", b"b"], False, True),
        (b"/a//", [b"a", b"", b""], False, True),
        (b"/a/%2Fb//", [b"a", b"%2Fb", b"", b""], True, True),
    ],
)
def test_what_only_some_routes_accept_is_noted(
    path: bytes, segments: list[bytes], has_encoded_slash: bool, has_empty_segments: bool
) -> None:
    """Routes that do not allow `%2F` or `//` could not refuse them."""
    judged = judge_path(path)
    assert judged.segments == segments
    assert (judged.has_encoded_slash, judged.has_empty_segments) == (has_encoded_slash, has_empty_segments)


def test_the_message_names_the_byte() -> None:
    """Who wrote the client would have to guess what is wrong."""
    with pytest.raises(PathRefused) as refused:
        judge_path(b"/a\xe9")
    assert refused.value.message == "the path contains the byte 0xe9"
    with pytest.raises(PathRefused) as refused:
        judge_path(b"/a%5cb")
    assert refused.value.message == "the path contains '%5c'"


@given(
    st.lists(st.sampled_from([b"/", b".", b"%2e", b"%2F", b"%61", b"a", b";", b"%", b"\\", b"%25", b"\xe9"])).map(
        b"".join
    )
)
@example(b"/a;b/.c")
def test_no_reading_of_an_accepted_path_leaves_its_place(path: bytes) -> None:
    """Whoever decodes once, drops parameters, or both, could be led to another directory."""
    try:
        judged = judge_path(path)
    except PathRefused:
        return
    assert judged.raw == path
    for reading in (path, unquote_to_bytes(path)):
        for segment in reading.split(b"/"):
            assert segment.partition(b";")[0] not in (b".", b"..")
    if not judged.has_encoded_slash:
        assert judged.decoded == unquote_to_bytes(path)
    assert judged.has_empty_segments == (b"//" in path)


@given(
    st.binary(max_size=40)
    | st.text("/.a%\\#?~! \x7f\x00", max_size=12).map(str.encode)
    | st.lists(st.text("abc.~-", min_size=1, max_size=4)).map(lambda parts: "/".join(["", *parts]).encode())
)
@settings(max_examples=1000)
def test_the_compiled_cut_is_the_pure_one(path: bytes) -> None:
    """A path would be judged closely in one build and waved through in the other."""
    assert split_plain(path) == PURE.split_plain(path)
