"""Comparing two answers: what counts as a difference, what does not, and what of it is shown."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.filters.comparison import (
    MAX_DIFFERENCES,
    Answer,
    CompareRules,
    Comparison,
    Difference,
    Ignored,
    compare,
    compare_json,
    make_printable,
    parse_json,
    show,
)

LIMIT = 64 * 1024
JSON = (b"content-type", b"application/json")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


def answer(document: object, *fields: tuple[bytes, bytes], status: int = 200) -> Answer:
    """Return an answer with this JSON, or these bytes."""
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Answer(status, (JSON, *fields), content)


def differences(ours: object, theirs: object, *ignore: str) -> list[tuple[str, str, str]]:
    """Compare two JSON values; return path and both sides of each difference."""
    found = compare(answer(ours), answer(theirs), CompareRules(ignore=ignore), LIMIT)
    return [(one.path, one.primary, one.mirror) for one in found.differences]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (b'{"a": 1}', b'{"a":1}\n'),
        (b"[1]", b"[1.0]"),
        (b"[10]", b"[1e1]"),
        (b'"\\u00e4"', '"ä"'.encode()),
        (b'{"a": 1, "a": 2}', b'{"a": 2}'),
    ],
)
def test_another_spelling_is_no_difference(ours: object, theirs: object) -> None:
    """A rewritten service that serialises otherwise would differ in every answer, and nobody would look any more."""
    assert differences(ours, theirs) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({"a": 1}, {"a": 2}, ("a", "1", "2")),
        ({"a": 1}, {"a": "1"}, ("a", "1", '"1"')),
        ({"a": 1}, {"a": True}, ("a", "1", "true")),
        ({"a": 0}, {"a": False}, ("a", "0", "false")),
        ({"a": None}, {}, ("a", "null", "(missing)")),
        ({}, {"a": None}, ("a", "(missing)", "null")),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3}]}}, ("a.b[1].c", "2", "3")),
        ([1, 2], [1], ("[1]", "2", "(missing)")),
        ([1, 2], [2, 1], ("[0]", "1", "2")),
        ({"a": [1]}, {"a": {"0": 1}}, ("a", "array of 1", "object of 1")),
        (b"9007199254740993", b"9007199254740992", ("", "9007199254740993", "9007199254740992")),
        (b"0.1", b"0.1000000000000000000001", ("", "0.1", "0.1000000000000000000001")),
        (b"1e400", b"2e400", ("", "1E+400", "2E+400")),
        ({"a": "x" * 40}, {"a": "y"}, ("a", '"xxxxxxxx…" (40 characters)', '"y"')),
    ],
)
def test_what_differs_is_named(ours: object, theirs: object, expected: tuple[str, str, str]) -> None:
    """A report that says only "different" sends people to two logs; a wrong equal hides a broken release."""
    assert differences(ours, theirs)[0] == expected


@pytest.mark.parametrize(
    ("ignore", "left"),
    [
        (["at"], ["id", "in.id", "list[0].id"]),
        (["id"], ["at", "in.at", "list[0].at"]),
        (["$.at"], ["id", "in.at", "in.id", "list[0].at", "list[0].id"]),
        (["in.at"], ["at", "id", "in.id", "list[0].at", "list[0].id"]),
        (["list.at", "*.id"], ["at", "id", "in.at"]),
        (["in.*", "list.*"], ["at", "id"]),
        (["$.in", "$.list"], ["at", "id"]),
        (["at", "id"], []),
    ],
)
def test_noise_is_left_out_by_name_or_by_path(ignore: list[str], left: list[str]) -> None:
    """Times and ids differ in every answer: who cannot leave them out cannot compare."""
    ours = {"at": 1, "id": 1, "in": {"at": 1, "id": 1}, "list": [{"at": 1, "id": 1}]}
    theirs = {"at": 2, "id": 2, "in": {"at": 2, "id": 2}, "list": [{"at": 2, "id": 2}]}
    assert [path for path, _, _ in differences(ours, theirs, *ignore)] == left


def test_what_is_ignored_may_be_missing() -> None:
    """A new member that is listed as noise must not count because only one side has it."""
    assert differences({"a": 1}, {"a": 1, "trace": "x"}, "trace") == []


def test_statuses_come_first_and_alone() -> None:
    """An error page differs in everything: its status is what is the matter."""
    found = compare(answer({"a": 1}), answer({"error": "no"}, status=500), CompareRules(), LIMIT)
    assert found == Comparison((Difference("status", "", "200", "500"),))
    assert not found.is_equal


def test_fields_are_compared_when_they_are_named() -> None:
    """Dates and server names differ always; a lost Cache-Control is a defect."""
    ours = answer({}, (b"date", b"1"), (b"cache-control", b"no-store"), (b"vary", b"a"), (b"vary", b"b"))
    theirs = answer({}, (b"date", b"2"), (b"vary", b"a"))
    found = compare(ours, theirs, CompareRules(fields=("cache-control", "vary", "etag")), LIMIT)
    assert found.differences == (
        Difference("field", "cache-control", '"no-store"', "(missing)"),
        Difference("field", "vary", '"a, b"', '"a"'),
    )


@pytest.mark.parametrize("name", ["authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token"])
def test_secret_fields_are_compared_and_never_shown(name: str) -> None:
    """An example of a session cookie on the admin API would be a session for whoever reads it."""
    ours, theirs = (answer({}, (name.encode(), value)) for value in (b"alpha", b"beta"))
    found = compare(ours, theirs, CompareRules(fields=(name,)), LIMIT)
    assert found.differences == (Difference("field", name, "(hidden)", "(hidden)"),)


def test_an_author_is_no_secret() -> None:
    """Hiding what is harmless makes people turn to the logs."""
    assert differences({"author": "alpha"}, {"author": "beta"}) == [("author", '"alpha"', '"beta"')]


@pytest.mark.parametrize("name", ["password", "authorisation", "accessToken", "API_KEY", "sessionId", "client_secret"])
def test_secret_members_are_never_shown(name: str) -> None:
    """Nor may anything below them be."""
    assert differences({name: "alpha"}, {name: "beta"}) == [(name, "(hidden)", "(hidden)")]
    assert differences({name: {"is": 1}}, {name: {"is": 2}}) == [(f"{name}.is", "(hidden)", "(hidden)")]


def test_other_content_is_compared_by_bytes_and_not_shown() -> None:
    """An image is equal or not; a page may hold anything."""
    ours, theirs = Answer(200, (), b"<p>secret</p>"), Answer(200, (), b"<p>secreT</p>!")
    found = compare(ours, theirs, CompareRules(), LIMIT)
    assert found.differences == (Difference("content", "", "13 bytes", "14 bytes, other from byte 8 on"),)
    longer = compare(ours, Answer(200, (), ours.content + b"!"), CompareRules(), LIMIT)
    assert longer.differences[0].mirror == "14 bytes, other from byte 13 on"


@pytest.mark.parametrize("kind", [b"application/problem+json", b"APPLICATION/JSON; charset=utf-8"])
def test_every_kind_of_json_is_json(kind: bytes) -> None:
    """Error documents and vendor types are JSON as well."""
    ours, theirs = (Answer(200, ((b"content-type", kind),), content) for content in (b'{"a":1}', b'{ "a":1}'))
    assert compare(ours, theirs, CompareRules(), LIMIT).is_equal


@pytest.mark.parametrize("content", [b"{", b"NaN", b"\xff", b"[" * 50_000, b"9" * 5000, b"1e9999999999999999999"])
def test_what_claims_to_be_json_and_cannot_be_read_is_compared_by_bytes(content: bytes) -> None:
    """Content of strangers must not end the comparison with an exception."""
    assert parse_json(content) is None
    assert [kind for kind, _, _ in differences(content, {"a": 1})] == [""]
    assert differences(content, content) == []


def test_cut_content_is_not_compared_and_that_is_said() -> None:
    """Two large downloads that begin alike are not known to be equal."""
    ours = Answer(200, (JSON,), b"[1", is_whole=False)
    found = compare(ours, answer([1]), CompareRules(), LIMIT)
    assert (found.unread, found.is_equal) == ("incomplete", True)


@pytest.mark.parametrize("encode", [gzip.compress, zlib.compress])
def test_codings_are_undone(encode: Any) -> None:
    """Compressed answers would differ by the compressor's version, and JSON could not be read."""
    name = b"gzip" if encode is gzip.compress else b"deflate"
    ours = Answer(200, (JSON, (b"content-encoding", name)), encode(b'{"a": 1, "b": 2}'))
    assert compare(ours, answer({"b": 2, "a": 1}), CompareRules(), LIMIT).is_equal
    assert not compare(ours, answer({"b": 2, "a": 3}), CompareRules(), LIMIT).is_equal


def test_an_unknown_coding_leaves_the_heads_to_compare() -> None:
    """Equal bytes of an unknown coding are equal; others may be."""
    ours, theirs = (Answer(200, ((b"content-encoding", b"compress"),), content) for content in (b"a", b"b"))
    assert compare(ours, theirs, CompareRules(), LIMIT) == Comparison(unread="coding")
    assert compare(ours, ours, CompareRules(), LIMIT) == Comparison()


def test_differences_are_bounded() -> None:
    """Two different documents have as many differences as members; an example needs a few."""
    found = compare(answer([1] * 100), answer([2] * 100), CompareRules(), LIMIT)
    assert (len(found.differences), found.has_more) == (MAX_DIFFERENCES, True)
    assert {one.place for one in found.differences} == {"[]"}


def test_paths_and_values_can_be_printed() -> None:
    """A member named by a client must not move the cursor of whoever reads the report, nor break its encoding."""
    ((path, _, shown),) = differences({}, {"\x1b[2J\ud800" + "n" * 200: "\x1b]0;x\x07"})
    assert path.isprintable()
    assert shown.isprintable()
    assert len(path) <= 121
    path.encode()
    assert make_printable("ab", 2) == "ab"


@given(values)
def test_a_document_equals_itself_however_it_is_written(document: object) -> None:
    """Order of members and white space are no difference, whatever the document."""

    def turn(value: object) -> object:
        if isinstance(value, dict):
            return {name: turn(below) for name, below in reversed(value.items())}
        return [turn(below) for below in value] if isinstance(value, list) else value

    ours, theirs = json.dumps(document).encode(), json.dumps(turn(document), indent=1, ensure_ascii=False)
    assert compare(answer(ours), answer(theirs.encode("utf-8", "surrogatepass")), CompareRules(), LIMIT).is_equal


@given(values, values)
def test_differences_do_not_depend_on_the_side(ours: object, theirs: object) -> None:
    """Who is the primary must not decide whether two answers are equal."""
    one = compare(answer(ours), answer(theirs), CompareRules(), LIMIT)
    other = compare(answer(theirs), answer(ours), CompareRules(), LIMIT)
    assert one.is_equal == other.is_equal
    if not one.has_more:
        assert {(d.path, d.primary, d.mirror) for d in one.differences} == {
            (d.path, d.mirror, d.primary) for d in other.differences
        }


@given(st.dictionaries(st.text("ab$ä*", max_size=6), values, min_size=1, max_size=4), st.data())
def test_a_changed_member_is_found_and_only_it(document: dict[str, object], data: st.DataObject) -> None:
    """A comparison that overlooks one leaf is worth nothing."""
    name = data.draw(st.sampled_from(sorted(document)))
    changed = {**document, name: {"another": document[name]}}
    found = list(compare_json(json.loads(json.dumps(document)), json.loads(json.dumps(changed)), Ignored([])))
    assert found
    assert list(compare_json(document, changed, Ignored([name]))) == []


@given(st.text() | st.integers() | st.floats(allow_nan=False) | st.lists(st.integers()))
def test_whatever_is_shown_is_short_and_printable(value: object) -> None:
    """The report is bounded whatever services answer."""
    shown = show(value)
    assert len(shown) <= 60
    assert shown.isprintable()
    shown.encode()
