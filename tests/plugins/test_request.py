"""A request as plug-ins see it."""

from __future__ import annotations

import pytest

from orion_gateway.filters.filter import NO_BODY, BodyNeed, buffered
from orion_gateway.plugins.content import NoContentError
from orion_gateway.plugins.request import Request
from orion_gateway.testing.exchange import FakeExchange
from orion_gateway.testing.messages import make_request_head


def make_request(
    url: str = "/", *, method: str = "GET", headers: dict[str, str] | None = None, need: BodyNeed = NO_BODY
) -> Request:
    head, scheme = make_request_head(method, url, headers or {}, b"")
    return Request(FakeExchange(head, scheme.encode(), params={"id": b"a%20b"}), need)


def test_plug_ins_edit_fields_only_where_edits_are_judged() -> None:
    """A plug-in could write a second Content-Length, or a line break, into a request: the next one is smuggled in."""
    request = make_request()
    assert "exchange" not in dir(request)
    for name, value in (("Content-Length", "3"), ("Transfer-Encoding", "chunked"), ("X-A", "a\r\nX-B: b")):
        with pytest.raises(ValueError, match=name):
            request.headers[name] = value


def test_it_says_what_was_asked_as_aiohttp_says_it() -> None:
    """An author who knows aiohttp would find other things under the same names."""
    request = make_request("https://Shop.example.org:8443/a%20b/c?x=1&x=2&y=%C3%A9", method="POST")
    assert request.method == "POST"
    assert request.path == "/a b/c"
    assert request.raw_path == "/a%20b/c?x=1&x=2&y=%C3%A9"
    assert request.path_qs == "/a%20b/c?x=1&x=2&y=%C3%A9"
    assert request.query.getall("x") == ["1", "2"]
    assert request.query["y"] == "é"
    assert request.query_string == "x=1&x=2&y=é"
    assert (request.scheme, request.secure) == ("https", True)
    assert request.host == "Shop.example.org:8443"
    assert request.url.host == "shop.example.org"
    assert request.url.port == 8443
    assert dict(request.match_info) == {"id": "a b"}
    assert repr(request) == "<Request POST /a%20b/c?x=1&x=2&y=%C3%A9>"


def test_it_says_who_asked_and_where_it_goes() -> None:
    """A plug-in could not tell its routes, or its clients, apart."""
    request = make_request()
    assert (request.remote, request.route, request.service) == ("192.0.2.1", "test", "upstream")
    assert len(request.request_id) == 32
    head, _ = make_request_head("GET", "/", {}, b"")
    assert Request(FakeExchange(head, remote=None), NO_BODY).remote is None


@pytest.mark.parametrize("target", ["*", "/%2e%2e/x", "//two", "/a?b?c", "/%zz"])
def test_whatever_was_asked_can_be_looked_at(target: str) -> None:
    """A client could make the plug-in fail with a target, and be let through where it only shapes."""
    request = make_request(target, method="OPTIONS")
    assert request.raw_path == target
    assert isinstance(request.path, str)


def test_cookies_are_read_as_clients_write_them() -> None:
    """A session would be read from another cookie than the service reads it from."""
    request = make_request(headers={"Cookie": 'a=1; b="two words"; a=2; broken; =nameless; c=x=y'})
    assert dict(request.cookies) == {"a": "1", "b": "two words", "": "nameless", "c": "x=y"}


def test_content_type_and_length_are_read_from_the_fields() -> None:
    """A plug-in would parse JSON as something else."""
    request = make_request(headers={"Content-Type": "Application/JSON; charset=utf-8"})
    assert request.content_type == "application/json"
    assert request.content_length is None
    assert make_request().content_type == "application/octet-stream"
    head, _ = make_request_head("POST", "/", {}, b"abc")
    assert Request(FakeExchange(head), NO_BODY).content_length == 3


async def test_content_that_was_not_declared_is_refused_with_what_to_declare() -> None:
    """The author would get nothing, and not know why."""
    request = make_request()
    with pytest.raises(NoContentError, match=r"request_body = buffered\(64 \* 1024\)"):
        await request.json()
    declared = make_request(need=buffered(10))
    with pytest.raises(NoContentError, match="from on_request_body on"):
        await declared.read()


async def test_content_that_was_collected_is_read_in_every_form() -> None:
    """What was declared would not be there."""
    request = make_request(need=buffered(100))
    request.take_body('{"a": "é"}'.encode())
    assert request.body == await request.read() == '{"a": "é"}'.encode()
    assert await request.text() == '{"a": "é"}'
    assert await request.json() == {"a": "é"}


def test_it_keeps_what_the_plug_in_keeps() -> None:
    """What `on_request` found out would be lost for `on_response`."""
    request = make_request()
    assert bool(request)
    request["tenant"] = "acme"
    request["other"] = 1
    del request["other"]
    assert (request["tenant"], request.state, len(request), list(request)) == (
        "acme",
        {"tenant": "acme"},
        1,
        ["tenant"],
    )
    assert request == request
    assert request != make_request()
    assert len({request, make_request()}) == 2
