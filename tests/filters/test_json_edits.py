"""Edits of JSON documents, one by one and together."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orion_gateway.filters.json_edits import JsonEdits, apply, read_json, write_json


def edits(**written: Any) -> JsonEdits:
    """Return edits whose paths are written with dots."""

    def path(text: str) -> tuple[str | None, ...]:
        return tuple(None if step == "*" else step for step in text.split("."))

    return JsonEdits(
        rename=tuple((path(key), name) for key, name in written.get("rename", {}).items()),
        drop=tuple(map(path, written.get("drop", []))),
        add=tuple((path(key), value) for key, value in written.get("add", {}).items()),
        map=tuple((path(key), tuple(table.items())) for key, table in written.get("map", {}).items()),
    )


@pytest.mark.parametrize(
    ("rename", "document", "renamed"),
    [
        ({"a": "b"}, {"x": 1, "a": 2, "y": 3}, {"x": 1, "b": 2, "y": 3}),
        ({"a.b": "c"}, {"a": {"b": 1}, "b": 2}, {"a": {"c": 1}, "b": 2}),
        ({"a.b.c": "d"}, {"a": {"b": {"c": None}}}, {"a": {"b": {"d": None}}}),
        ({"l.*.a": "b"}, {"l": [{"a": 1}, {}, 5, {"a": 2}]}, {"l": [{"b": 1}, {}, 5, {"b": 2}]}),
        ({"*.a": "b"}, [{"a": 1}, [{"a": 1}]], [{"b": 1}, [{"a": 1}]]),
        ({"*.*.a": "b"}, [{"a": 1}, [{"a": 1}]], [{"a": 1}, [{"b": 1}]]),
        # All of them at once: a swap, a chain, one within the other.
        ({"a": "b", "b": "a"}, {"a": 1, "b": 2}, {"b": 1, "a": 2}),
        ({"a": "b", "b": "c"}, {"a": 1, "b": 2}, {"b": 1, "c": 2}),
        ({"a": "x", "a.b": "c"}, {"a": {"b": 1}}, {"x": {"c": 1}}),
        # Who has the name already gives way.
        ({"a": "b"}, {"b": 1, "a": 2}, {"b": 2}),
        ({"a": "b"}, {"a": 2, "b": 1}, {"b": 2}),
        ({"a": "b", "b.c": "d"}, {"a": 2, "b": {"c": 1}}, {"b": 2}),
        # Nothing there, or something else than the path takes it for.
        ({"a.b": "c"}, {}, {}),
        ({"a.b": "c"}, {"a": [{"b": 1}]}, {"a": [{"b": 1}]}),
        ({"a.*.b": "c"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a.b": "c"}, {"a": "b"}, {"a": "b"}),
        ({"a": "b"}, "a", "a"),
        ({"a": "b"}, None, None),
    ],
)
def test_rename(rename: dict[str, str], document: Any, renamed: Any) -> None:
    """A member would get lost, or keep the name that its reader does not know."""
    result = apply(edits(rename=rename), document)
    assert result == renamed
    assert json.dumps(result) == json.dumps(renamed), "the order of members has changed"


@pytest.mark.parametrize(
    ("drop", "document", "left"),
    [
        (["a"], {"a": 1, "b": 2}, {"b": 2}),
        (["a.b"], {"a": {"b": 1, "c": 2}, "b": 3}, {"a": {"c": 2}, "b": 3}),
        (["a.b"], {"a": {"b": {"c": 1}}}, {"a": {}}),
        (["l.*.s"], {"l": [{"s": 1, "t": 2}, {"s": 3}, "s"]}, {"l": [{"t": 2}, {}, "s"]}),
        (["*.s"], [{"s": 1}, {"t": {"s": 1}}], [{}, {"t": {"s": 1}}]),
        (["l.*.*.s"], {"l": [[{"s": 1}], {"s": 1}]}, {"l": [[{}], {"s": 1}]}),
        (["a", "b"], {"a": 1, "b": 2}, {}),
        (["a.b"], {"a": 1}, {"a": 1}),
        (["a.b"], {"a": None}, {"a": None}),
        (["a"], ["a"], ["a"]),
        (["a"], 5, 5),
    ],
)
def test_drop(drop: list[str], document: Any, left: Any) -> None:
    """What must not go out would go out."""
    assert apply(edits(drop=drop), document) == left


@pytest.mark.parametrize(
    ("add", "document", "filled"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"b": 2}, {"b": 2, "a": 1}),
        ({"a": {"x": [1]}}, {}, {"a": {"x": [1]}}),
        ({"a.b.c": 1, "a.d": 2}, {}, {"a": {"b": {"c": 1}, "d": 2}}),
        ({"a.b": 1}, {"a": {}}, {"a": {"b": 1}}),
        ({"l.*.t": 1}, {"l": [{}, {"t": 2}, 3]}, {"l": [{"t": 1}, {"t": 2}, 3]}),
        ({"*.t": 1}, [{}], [{"t": 1}]),
        # What is there stays, whatever it is.
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a.b": 1}, {"a": "text"}, {"a": "text"}),
        ({"a.b": 1}, {"a": [1]}, {"a": [1]}),
        # Lists are not made.
        ({"l.*.t": 1}, {}, {}),
        ({"l.m.*.t": 1}, {}, {}),
        ({"a": 1}, [{}], [{}]),
        ({"a": 1}, "text", "text"),
    ],
)
def test_add(add: dict[str, Any], document: Any, filled: Any) -> None:
    """A default would be missing, or would replace what a client said."""
    assert apply(edits(add=add), document) == filled


@pytest.mark.parametrize(
    ("table", "document", "mapped"),
    [
        ({"s": {"a": "A", "b": "B"}}, {"s": "a"}, {"s": "A"}),
        ({"s": {"a": "b", "b": "c"}}, {"s": "a"}, {"s": "b"}),
        ({"s": {"a": "A"}}, {"s": "x"}, {"s": "x"}),
        ({"s": {"a": "A"}}, {}, {}),
        ({"s": {"1": "one"}}, {"s": 1}, {"s": "one"}),
        ({"s": {"1": "one"}}, {"s": "1"}, {"s": "one"}),
        ({"s": {"1": "one"}}, {"s": True}, {"s": True}),
        ({"s": {"1": "one"}}, {"s": 1.0}, {"s": 1.0}),
        ({"s": {"1.5": 2}}, {"s": 1.5}, {"s": 2}),
        ({"s": {"true": 1, "false": 0}}, {"s": True}, {"s": 1}),
        ({"s": {"true": 1, "false": 0}}, {"s": False}, {"s": 0}),
        ({"s": {"null": "nothing"}}, {"s": None}, {"s": "nothing"}),
        ({"s": {"100000000000000000000": "huge"}}, {"s": 10**20}, {"s": "huge"}),
        ({"s": {"a": {"x": 1}}}, {"s": "a"}, {"s": {"x": 1}}),
        ({"t.*": {"a": "A"}}, {"t": ["a", "b", ["a"], {"a": "a"}]}, {"t": ["A", "b", ["a"], {"a": "a"}]}),
        ({"l.*.s": {"a": "A"}}, {"l": [{"s": "a"}, {}]}, {"l": [{"s": "A"}, {}]}),
        ({"s": {"a": 1}, "s.t": {"b": 2}}, {"s": {"t": "b"}}, {"s": {"t": 2}}),
        ({"s": {"{}": 1}}, {"s": {}}, {"s": {}}),
        ({"*": {"a": 1}}, ["a"], [1]),
    ],
)
def test_map(table: dict[str, dict[str, Any]], document: Any, mapped: Any) -> None:
    """A reader would get values that it does not know."""
    result = apply(edits(map=table), document)
    assert write_json(result) == write_json(mapped)


def test_the_order_is_rename_drop_add_map() -> None:
    """A table that works with one version would do something else with the next."""
    both = edits(
        map={"b": {"1": "one"}, "d": {"new": "mapped"}},
        add={"d": "new", "a": 5},
        drop=["d"],
        rename={"a": "b", "c": "d"},
    )
    assert apply(both, {"a": 1, "c": 2}) == {"b": "one", "d": "mapped", "a": 5}


def test_what_is_added_is_not_shared_with_the_next_document() -> None:
    """One client's values would show up in the answer of another."""
    made = edits(add={"a": {"s": "x"}}, map={"a.s": {"x": "y"}})
    assert apply(made, {}) == {"a": {"s": "y"}}
    assert made.add[0][1] == {"s": "x"}
    assert apply(made, {"a": {}}) == {"a": {}}


NAMES = st.sampled_from("abc")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.text(max_size=3) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
PATHS = st.lists(NAMES | st.none(), min_size=1, max_size=3).map(tuple)
MEMBERS = PATHS.filter(lambda path: path[-1] is not None)
EDITS = st.builds(
    JsonEdits,
    rename=st.dictionaries(MEMBERS, NAMES, max_size=2).map(lambda made: tuple(made.items())),
    drop=st.lists(MEMBERS, max_size=2, unique=True).map(tuple),
    add=st.dictionaries(MEMBERS, VALUES, max_size=2).map(lambda made: tuple(made.items())),
    map=st.dictionaries(PATHS, st.just((("a", 1), ("true", "b"))), max_size=2).map(lambda made: tuple(made.items())),
)


@given(EDITS, VALUES)
def test_edits_change_nothing_of_what_they_are_given(made: JsonEdits, document: Any) -> None:
    """Edits would leak from one exchange into another, or a document into the table."""
    before = copy.deepcopy((made, document))
    apply(made, document)
    assert (made, document) == before


@given(VALUES, MEMBERS)
def test_what_is_dropped_is_gone(document: Any, path: tuple[str | None, ...]) -> None:
    """A secret would go out in a document of unusual shape."""

    def find(value: Any, steps: tuple[str | None, ...]) -> list[Any]:
        if not steps:
            return [value]
        if steps[0] is None:
            return [found for inner in value for found in find(inner, steps[1:])] if isinstance(value, list) else []
        return find(value[steps[0]], steps[1:]) if isinstance(value, dict) and steps[0] in value else []

    dropped = apply(JsonEdits(drop=(path,)), document)
    assert find(dropped, path) == []
    if not find(document, path):
        assert dropped == document


@given(VALUES, MEMBERS, VALUES)
def test_adding_twice_is_adding_once(document: Any, path: tuple[str | None, ...], value: Any) -> None:
    """Two gateways in a row would do more than one."""
    made = JsonEdits(add=((path, value),))
    once = apply(made, document)
    assert apply(made, once) == once


@given(VALUES, MEMBERS)
def test_a_name_that_is_new_can_be_taken_back(document: Any, path: tuple[str | None, ...]) -> None:
    """A member would get lost on the way."""
    assume(path[-1] is not None)
    there, back = JsonEdits(rename=((path, "new"),)), JsonEdits(rename=(((*path[:-1], "new"), str(path[-1])),))
    assert apply(back, apply(there, document)) == document


@given(VALUES)
def test_every_document_is_written_as_it_was_read(document: Any) -> None:
    """Numbers beyond 64 bits, or text beyond ASCII, would arrive as others."""
    assert read_json(write_json(document)) == document
    assert read_json(json.dumps(document).encode()) == document


@pytest.mark.parametrize(
    ("content", "written"),
    [
        (b'{"a": 1, "a": 2}', b'{"a":2}'),
        (b'{"a":1,"\\u0061":2}', b'{"a":2}'),
        (b" [1.10, 1E2, -0, -0.0, 0.1000000000000000055]", b"[1.1,100.0,0,-0.0,0.1]"),
        (b"12345678901234567890123", b"12345678901234567890123"),
        (b"-9223372036854775809", b"-9223372036854775809"),
        (b"[18446744073709551615,18446744073709551616]", b"[18446744073709551615,18446744073709551616]"),
        (b'{"a":1,"a":123456789012345678901}', b'{"a":123456789012345678901}'),
        ('"\\u00e9 \u20ac \\ud83d\\ude00"'.encode(), '"\u00e9 \u20ac \U0001f600"'.encode()),
        (b"[" * 250 + b"]" * 250, b"[" * 250 + b"]" * 250),
        (b"[" * 300 + b"]" * 300, b"[" * 300 + b"]" * 300),
    ],
)
def test_how_numbers_names_and_text_are_written(content: bytes, written: bytes) -> None:
    """An id would lose its last digits, or two readers would see two values of one member."""
    assert write_json(read_json(content)) == written


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b"[1,]",
        b"NaN",
        b"[Infinity, 12345678901234567890123]",
        b"1e999",
        b"[1e999, 12345678901234567890123]",
        b"[1e999, 1234567890123456789]",
        b'["\\ud800", 1234567890123456789]',
        b'"\\ud800"',
        b'["\\ud800", 12345678901234567890123]',
        b'"\xff"',
        b'["\xff", 12345678901234567890123]',
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"1" * 5000,
        b"[" * 100_000 + b"]" * 100_000,
        b"[" * 100_000 + b"1" * 20 + b"]" * 100_000,
        b"[" * 1000 + b"]" * 1000,
    ],
)
def test_what_is_no_json_is_refused(content: bytes) -> None:
    """The gateway would pass on what nobody has judged, or fail."""
    with pytest.raises(ValueError, match=r"."):
        write_json(read_json(content))
