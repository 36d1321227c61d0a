"""Which request targets and hosts are accepted, and what is made of them."""

import pytest

from orion_gateway.http1.head import Refusal, parse_request
from tests.http1.feeding import LIMITS, accept


def request(method: bytes, target: bytes, host: bytes | None = b"a", minor: int = 1) -> bytes:
    """Return a head with this request line and Host."""
    field = b"" if host is None else b"Host: %b\r\n" % host
    return b"%b %b HTTP/1.%d\r\n%b\r\n" % (method, target, minor, field)


def refuse(data: bytes) -> int:
    """Return the status with which a head is refused."""
    verdict, _ = parse_request(data, LIMITS)
    assert isinstance(verdict, Refusal), verdict
    return verdict.status


@pytest.mark.parametrize(
    "host",
    [
        b"a",
        b"A.b-c_d.example",
        b"1.2.3.4",
        b"a:80",
        b"a:0",
        b"a:65535",
        b"[::1]",
        b"[::1]:8080",
        b"[::ffff:1.2.3.4]",
        b"a.",
        b"!$&'()*+;=~",
    ],
)
def test_a_valid_host_is_accepted_as_it_came(host: bytes) -> None:
    """Without it, a service under that name or address could not be reached."""
    assert accept(request(b"GET", b"/", host)).host == host


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a b",
        b"a,b",
        b"a/",
        b"a/b",
        b"a?",
        b"a#",
        b"a\\b",
        b"u@a",
        b"http://a",
        b"a%41",
        b"a:",
        b"a:b",
        b"a:+1",
        b"a:65536",
        b"a:100000",
        b"a:1:2",
        b":80",
        b"[]",
        b"[::1",
        b"::1",
        b"[::g]",
        b"[:::]",
        b"[1.2.3.4]",
        b"[::1%25eth0]",
        b"[v1.x]",
        b"[::1]x",
        b'a"',
        b"a<",
        b"\xe9",
        b"a\tb",
    ],
)
def test_an_invalid_host_is_refused_in_either_place(host: bytes) -> None:
    """Without it, caches and links behind the gateway could be poisoned by what only looks like a host."""
    assert refuse(request(b"GET", b"/", host)) == 400
    if b"/" not in host and b"?" not in host and b" " not in host and b"\t" not in host:
        assert refuse(request(b"GET", b"http://" + host + b"/", b"a")) == 400


@pytest.mark.parametrize(
    ("method", "target", "host", "seen_target", "seen_host"),
    [
        (b"GET", b"http://a/x?y", b"a", b"/x?y", b"a"),
        (b"GET", b"HTTP://a", b"a", b"/", b"a"),
        (b"GET", b"http://a?x", b"a", b"/?x", b"a"),
        (b"GET", b"http://a?http://b/", b"a", b"/?http://b/", b"a"),
        (b"GET", b"http://A:80/", b"a", b"/", b"a"),
        (b"GET", b"http://a/", b"A:80", b"/", b"A:80"),
        (b"GET", b"http://a:8080//b", b"a:8080", b"//b", b"a:8080"),
        (b"GET", b"http://[::1]/", b"[::1]", b"/", b"[::1]"),
        (b"OPTIONS", b"*", b"a", b"*", b"a"),
        (b"OPTIONS", b"http://a", b"a", b"*", b"a"),
        (b"OPTIONS", b"http://a/", b"a", b"/", b"a"),
        (b"OPTIONS", b"http://a?x", b"a", b"/?x", b"a"),
        (b"OPTIONS", b"/", b"a", b"/", b"a"),
    ],
)
def test_every_form_of_target_becomes_what_is_sent_on(
    method: bytes, target: bytes, host: bytes, seen_target: bytes, seen_host: bytes
) -> None:
    """Without it, a client that names the whole URL, as RFC 9112, section 3.2.2, allows, would not be served."""
    head = accept(request(method, target, host))
    assert (head.target, head.host) == (seen_target, seen_host)
    assert head.target == head.path + (b"?" + head.query if b"?" in head.target else b"")


def test_a_target_names_the_host_for_http_1_0() -> None:
    """Without it, a request without Host would go to whichever host comes first though it named one."""
    assert accept(request(b"GET", b"http://b/", None, 0)).host == b"b"
    assert accept(request(b"GET", b"/", None, 0)).host == b""


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        (b"GET", b"*", 400),
        (b"OPTIONS", b"**", 400),
        (b"OPTIONS", b"*?x", 400),
        (b"GET", b"a", 400),
        (b"GET", b"a/b", 400),
        (b"GET", b"a:80", 400),
        (b"GET", b"?x", 400),
        (b"GET", b"\\a", 400),
        (b"GET", b"http:/a", 400),
        (b"GET", b"http:a", 400),
        (b"GET", b"http://", 400),
        (b"GET", b"http:///x", 400),
        (b"GET", b"http://u@a/", 400),
        (b"GET", b"http://a\\@b/", 400),
        (b"GET", b"https://a/", 400),
        (b"GET", b"ftp://a/", 400),
        (b"GET", b"file:///etc/passwd", 400),
        (b"GET", b"http://b/", 400),
        (b"GET", b"http://a:81/", 400),
        (b"GET", b"http://a.b/", 400),
        (b"GET", b"/a#b", 400),
        (b"GET", b"/#", 400),
        (b"GET", b"/?a#b", 400),
        (b"GET", b"http://a/#b", 400),
        (b"GET", b"http://a#b", 400),
        (b"CONNECT", b"a:443", 501),
        (b"CONNECT", b"/", 501),
        (b"CONNECT", b"http://a/", 501),
        (b"CONNECT", b"*", 501),
    ],
)
def test_a_target_that_can_be_read_in_two_ways_is_refused(method: bytes, target: bytes, status: int) -> None:
    """Without it, the route would be chosen for one host or path and the endpoint would serve another."""
    assert refuse(request(method, target)) == status
