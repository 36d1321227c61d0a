"""The fields of a message as plug-ins see and edit them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from orion_gateway.http1.head import HeadLimits, RequestHead, parse_request
from orion_gateway.plugins.fields import Fields

RECEIVED = (
    b"GET / HTTP/1.1\r\nHost: www.example.org\r\nX-A: 1\r\nx-a:  2 \r\nAccept: */*\r\nConnection: keep-alive\r\n"
    b"X-Latin: \xe9\r\nContent-Length: 3\r\n\r\n"
)


def make_fields(received: bytes = RECEIVED) -> Fields:
    head, _ = parse_request(received, HeadLimits())
    assert isinstance(head, RequestHead)
    return Fields(head)


def test_names_ignore_case_and_values_are_text() -> None:
    """A plug-in would miss fields that a client spells differently."""
    fields = make_fields()
    assert fields["ACCEPT"] == fields["accept"] == "*/*"
    assert fields.getall("X-A") == ["1", "2"]
    assert fields["x-a"] == fields.getone("x-a") == fields.get("X-a") == "1"
    assert "X-Missing" not in fields
    assert fields.get("X-Missing", "none") == fields.getone("X-Missing", "none") == "none"
    assert fields.getall("X-Missing", []) == []
    assert fields["X-Latin"].encode("utf-8", "surrogateescape") == b"\xe9"
    for missing in (fields.getone, fields.getall, fields.__getitem__):
        with pytest.raises(KeyError):
            missing("X-Missing")


def test_all_fields_are_seen_in_order_repeated_ones_too() -> None:
    """A plug-in that signs or logs all fields would sign others than go on."""
    fields = make_fields()
    names = ["Host", "X-A", "Accept", "Connection", "X-Latin", "Content-Length"]
    assert list(fields) == list(fields.keys()) == names
    assert len(fields) == 7
    assert fields.items()[1:3] == [("X-A", "1"), ("x-a", "2")]
    assert fields.values()[:3] == ["www.example.org", "1", "2"]
    assert fields.copy().getall("X-A") == ["1", "2"]


def test_edits_are_seen_at_once() -> None:
    """The next plug-in would decide on what the service does not get."""
    fields = make_fields()
    fields["X-A"] = "3"
    fields.add("X-B", "4")
    fields.extend({"X-B": "5"}, x="6")
    fields.merge({"X-B": "ignored", "X-C": "7"})
    del fields["accept"]
    assert fields.getall("x-a") == ["3"]
    assert fields.getall("X-B") == ["4", "5"]
    assert (fields["x"], fields["X-C"]) == ("6", "7")
    assert "Accept" not in fields
    assert fields.setdefault("X-C", "8") == "7"
    with pytest.raises(KeyError):
        del fields["accept"]


def test_one_or_all_values_are_taken_out() -> None:
    """`pop` would leave behind what it returned."""
    fields = make_fields()
    assert fields.pop("x-A") == "1"
    assert fields.getall("X-A") == ["2"]
    fields.add("X-A", "3")
    assert fields.popall("X-A") == ["2", "3"]
    assert fields.popall("X-A", None) is None
    assert fields.popone("X-A", "none") == "none"
    for missing in (fields.popone, fields.popall):
        with pytest.raises(KeyError):
            missing("X-A")


def test_what_the_gateway_writes_stays_when_everything_is_removed() -> None:
    """A request would lose its Host, or its framing."""
    fields = make_fields()
    fields.clear()
    assert list(fields) == ["Host", "Connection", "Content-Length"]


@pytest.mark.parametrize(
    "name",
    ["Host", "content-length", "Transfer-Encoding", "CONNECTION", "te", "Upgrade", "X-Orion-Subject", "x_orion.roles"],
)
def test_what_the_gateway_writes_is_not_for_edits(name: str) -> None:
    """A plug-in could smuggle requests, or say who somebody is."""
    fields = make_fields()
    with pytest.raises(ValueError, match=r"cannot be edited|nothing else may say it"):
        fields[name] = "x"
    with pytest.raises(ValueError, match=r"cannot be edited|nothing else may say it"):
        fields.add(name, "x")
    with pytest.raises(ValueError, match=r"cannot be edited|nothing else may say it"):
        del fields[name]


@pytest.mark.parametrize("name", ["", "X A", "X:A", "X\r\nY", "Ünder"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    """What a plug-in makes of a client's text would split the head."""
    with pytest.raises(ValueError, match="no name of a field"):
        make_fields()[name] = "x"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", " a", "a ", "\t", "\x7f", "a\x01"])
def test_a_value_that_would_end_its_line_is_refused(value: str) -> None:
    """What a plug-in makes of a client's text would split the head."""
    with pytest.raises(ValueError, match="control character"):
        make_fields()["X-A"] = value


def test_a_value_that_is_no_text_is_refused() -> None:
    """`headers["X-Count"] = 5` would fail somewhere else, later."""
    with pytest.raises(TypeError, match="is text, not int"):
        make_fields()["X-A"] = 5  # type: ignore[assignment]


def test_a_printed_view_shows_no_values() -> None:
    """Cookies and tokens would end up in a traceback."""
    assert repr(make_fields(b"GET / HTTP/1.1\r\nHost: a\r\nCookie: s=secret\r\n\r\n")) == "<Fields Host, Cookie>"


NAMES = st.sampled_from(["A", "a", "B", "b-c", "B-C"])
EDIT = st.tuples(st.sampled_from(["set", "add", "remove", "popone"]), NAMES, st.sampled_from(["1", "2", "x y"]))


@given(st.lists(EDIT, max_size=12))
def test_any_edits_leave_what_a_multidict_would_hold(edits: list[tuple[str, str, str]]) -> None:
    """A field that was removed and added again would be lost, or stand twice."""
    fields = make_fields(b"GET / HTTP/1.1\r\nHost: h\r\nA: 0\r\nb-c: 0\r\na: 9\r\n\r\n")
    model = CIMultiDict([("Host", "h"), ("A", "0"), ("b-c", "0"), ("a", "9")])
    for what, name, value in edits:
        match what:
            case "set":
                fields[name] = value
                model.popall(name, None)
                model.add(name, value)
            case "add":
                fields.add(name, value)
                model.add(name, value)
            case "remove":
                assert fields.popall(name, None) == model.popall(name, None)
            case "popone":
                assert fields.popone(name, None) == model.popone(name, None)
    for name in ("A", "B", "b-c", "Host"):
        assert fields.getall(name, []) == model.getall(name, [])
    assert sorted(name.lower() for name, _ in fields.items()) == sorted(name.lower() for name, _ in model.items())
