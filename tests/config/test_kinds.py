"""The kinds of values: what each accepts, and what it makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from orion_gateway.config.addresses import (
    normalize_host,
    read_bind,
    read_endpoint_url,
    read_host_pattern,
    read_network,
    read_origin,
)
from orion_gateway.config.http_words import read_location, read_method, read_regex, read_replacement
from orion_gateway.config.kinds import (
    number,
    read_byte_rate,
    read_duration,
    read_flag,
    read_log_path,
    read_share,
    read_timeout,
    size,
)
from orion_gateway.config.paths import covers_prefix, read_path_pattern, read_prefix
from orion_gateway.config.scalars import Interpolated

if TYPE_CHECKING:
    import ipaddress

STRANGE: list[object] = ["", " ", "5", "-1s", "1 s", "s", "1e3s", None, True, [], {}, 1.5, "\uff15s", "9" * 50 + "s"]


def refuse(read: Any, value: object) -> str:
    """Return the code with which a kind refuses a value."""
    with pytest.raises(PydanticCustomError) as caught:
        read(value)
    return caught.value.type


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("5s", 5.0), ("1.5m", 90.0), ("2h", 7200.0), ("0s", 0.0), ("00.5s", 0.5)]
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    """A timeout would be another one than was written."""
    assert read_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("value", STRANGE)
def test_what_is_no_duration_size_share_or_rate_is_refused(value: object) -> None:
    """A limit would silently be something that nobody wrote."""
    for read in (read_duration, read_timeout, read_share, read_byte_rate):
        assert refuse(read, value).startswith("E02")


def test_a_timeout_is_off_or_longer_than_nothing() -> None:
    """A timeout of nothing would end every exchange."""
    assert read_timeout("off") is None
    assert refuse(read_timeout, "0ms") == "E0203"


@given(st.integers(0, 10**8), st.sampled_from([("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)]))
def test_sizes_are_bytes(count: int, unit: tuple[str, int]) -> None:
    """A limit would be off by a thousand."""
    assert size().read(f"{count}{unit[0]}") == count * unit[1]
    assert size().read(count) == count
    assert size().read(Interpolated(count)) == count


@pytest.mark.parametrize(("value", "code"), [("1KB", "E0202"), ("1.5MiB", "E0202"), (-1, "E0203"), (True, "E0202")])
def test_sizes_that_are_not_exact_are_refused(value: object, code: str) -> None:
    """Thousand or 1024 would be a guess."""
    assert refuse(size().read, value) == code


def test_off_is_read_only_where_it_makes_sense() -> None:
    """A header section without limit could be asked for."""
    assert size(off=True).read("off") is None
    assert refuse(size().read, "off") == "E0202"
    assert refuse(size(low=64).read, 63) == "E0203"


@pytest.mark.parametrize(("text", "rate"), [("1KiB/s", 1024.0), ("100/s", 100.0), ("off", None)])
def test_rates_are_bytes_per_second(text: str, rate: float | None) -> None:
    """Slow clients would be cut too early or never."""
    assert read_byte_rate(text) == rate


@given(st.integers(0, 100))
def test_shares_are_parts_of_one(percent: int) -> None:
    """A sample of one percent would be a hundred."""
    assert read_share(f"{percent}%") == pytest.approx(percent / 100)


def test_numbers_are_whole_and_in_their_range() -> None:
    """A weight of 1.5 or `true` would mean something."""
    read = number(1, 10, also="auto").read
    assert (read(1), read("auto"), read(Interpolated("7"))) == (1, None, 7)
    for value in (True, 1.5, "7", None, Interpolated("x")):
        assert refuse(read, value) == "E0201"
    assert refuse(read, 11) == "E0203"


def test_only_true_and_false_are_flags() -> None:
    """`no` would be true, as it is text."""
    assert (read_flag(True), read_flag(Interpolated("false"))) == (True, False)
    for value in ("no", "true", 1, None):
        assert refuse(read_flag, value) == "E0201"


@pytest.mark.parametrize("path", ["stdout", "stderr", "off", "./x.log", "/var/log/x"])
def test_a_log_path_is_a_word_or_has_a_slash(path: str) -> None:
    """A mistyped `stdout` would become a file of that name."""
    assert read_log_path(path) == path
    assert refuse(read_log_path, "stdot") == "E0204"
    assert refuse(read_log_path, "/var/log/") == "E0204"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("[::1]:8080", "[::1]:8080"),
        ("[0:0::1]:80", "[::1]:80"),
        ("LocalHost:65535", "localhost:65535"),
        ("unix:/run/x.sock", "unix:/run/x.sock"),
    ],
)
def test_a_bind_is_read_and_shown_again(text: str, shown: str) -> None:
    """The gateway would listen elsewhere, or say so."""
    assert str(read_bind(text)) == shown


@pytest.mark.parametrize(
    "text", ["unix:/" + "x" * 107, "a:b", "127.0.0.1:65536", "[::1:80", "1.2.3:80", "a b:80", "unix:"]
)
def test_a_malformed_bind_is_refused(text: str) -> None:
    """The mistake would show only when the socket is opened."""
    assert refuse(read_bind, text) == "E0208"


@pytest.mark.parametrize(
    ("url", "authority", "host", "port", "base"),
    [
        ("http://a", "a", "a", 80, ""),
        ("http://a:80/", "a", "a", 80, ""),
        ("http://A.b:8080/x/", "a.b:8080", "a.b", 8080, "/x"),
        ("http://[::1]", "[::1]", "::1", 80, ""),
        ("http://[::1]:81/x/y", "[::1]:81", "::1", 81, "/x/y"),
    ],
)
def test_an_endpoint_url_is_taken_apart(url: str, authority: str, host: str, port: int, base: str) -> None:
    """Requests would go to another address or path than was written."""
    found = read_endpoint_url(url)
    assert (found.authority, found.host, found.port, found.base_path) == (authority, host, port, base)


@pytest.mark.parametrize(
    "url",
    ["http://", "http:///x", "http://a:", "http://a:0", "http://a:x", "http://[::1", "http://ä", "//a", "http://a b"],
)
def test_a_malformed_endpoint_url_is_refused(url: str) -> None:
    """The mistake would show only as a failed request."""
    assert refuse(read_endpoint_url, url) == "E0208"


@given(st.ip_addresses())
def test_an_address_is_a_network_of_one(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """A proxy that is trusted by its address would not be."""
    assert address in read_network(str(address))


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("API.Example.org.", "api.example.org"),
        ("*.X.org", "*.x.org"),
        ("my_host", "my_host"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::0:1]", "[::1]"),
    ],
)
def test_hosts_are_normalized(text: str, host: str) -> None:
    """A host would not match because of its case or final dot."""
    assert read_host_pattern(text) == host


@pytest.mark.parametrize(
    "text", ["", "*", "a..b", "a.*.b", "*.127.0.0.1", "x" * 64, "1.2.3.4.5", "a:80", "[::1", "ß" * 300]
)
def test_hosts_that_no_request_can_have_are_refused(text: str) -> None:
    """A route would never match and nobody would know why."""
    assert refuse(read_host_pattern, text) == "E0207"


@given(st.text(max_size=30))
def test_a_normalized_host_stays_as_it_is(text: str) -> None:
    """Two spellings of a host would be two hosts."""
    host = normalize_host(text)
    assert host is None or normalize_host(host) == host


def test_origins_are_written_as_browsers_send_them() -> None:
    """A browser's origin would not be recognised."""
    assert read_origin("HTTPS://App.example.org:443") == "https://app.example.org"
    assert read_origin("http://localhost:3000") == "http://localhost:3000"
    for text in ("null", "*", "app.example.org", "https://a/", "https://a:99999", "ftp://a"):
        assert refuse(read_origin, text) == "E0208"


@pytest.mark.parametrize(
    "path", ["/", "/a", "/a/", "/**", "/a/{id}/b", "/a/{id}/**", "/a;p=1", "/%61", "/café", "/...", "/a.b"]
)
def test_path_patterns_that_can_match_are_accepted(path: str) -> None:
    """A legal path could not be routed."""
    assert read_path_pattern(path) == path


@given(st.text(alphabet="/a.{}*%2eE5cC;?#\\ é\x00", max_size=12))
def test_an_accepted_path_pattern_has_only_what_requests_may_have(path: str) -> None:
    """A pattern would be accepted that no request can match."""
    try:
        read_path_pattern(path)
    except PydanticCustomError:
        return
    assert path.startswith("/")
    assert not set(path) & set("?#\\ \x00")
    assert not {".", ".."} & {segment.lower().replace("%2e", ".").split(";")[0] for segment in path.split("/")}
    assert "**" not in path.removesuffix("/**")


@pytest.mark.parametrize(
    ("pattern", "prefix", "covered"),
    [
        ("/api/v1/**", "/api/v1", True),
        ("/api/v1/**", "/api", True),
        ("/api/**", "/api/v1", None),
        ("/api/v1", "/api/v2", False),
        ("/api", "/api/v1", False),
        ("/{x}/users", "/api", None),
        ("/a%70i/**", "/api", True),
        ("/apis/**", "/api", False),
    ],
)
def test_it_is_known_how_much_of_a_route_a_prefix_covers(pattern: str, prefix: str, covered: bool | None) -> None:
    """A rewrite that never acts would go unnoticed."""
    assert covers_prefix(pattern, prefix) is covered


@pytest.mark.parametrize("prefix", ["/", "/a/", "/a/**", "a", "/a?b", "/.."])
def test_a_prefix_is_whole_segments(prefix: str) -> None:
    """Half a segment would be cut off a path."""
    assert refuse(read_prefix, prefix) == "E0205"


def test_methods_are_told_from_typos() -> None:
    """`get` would be an extension method that nobody sends."""
    assert (read_method("GET"), read_method("PROPFIND"), read_method("M-SEARCH")) == ("GET", "PROPFIND", "M-SEARCH")
    for text in ("get", "PSOT", "CONNECT", "A B", ""):
        assert refuse(read_method, text) == "E0207"


@pytest.mark.parametrize("text", ["(a)(?P<n>b)", "é+", r"\pL", "a{1,1000}"])
def test_what_re2_accepts_is_accepted(text: str) -> None:
    """A good expression would be refused."""
    assert read_regex(text) == text


@pytest.mark.parametrize("text", ["(", "a{1001}", "(?=a)", r"\1", "[b-a]"])
def test_what_re2_refuses_is_refused(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The mistake would show when the gateway starts; and nothing is written past the findings."""
    assert refuse(read_regex, text) == "E0206"
    assert capfd.readouterr() == ("", "")


def test_replacements_name_groups_with_a_backslash() -> None:
    """`$1` would be sent upstream as it stands."""
    assert read_replacement(r"/\1/\g<rest>/\0") == r"/\1/\g<rest>/\0"
    for text in ("/$1", "/\\", r"/\d", r"/\\"):
        assert refuse(read_replacement, text) == "E0206"


@pytest.mark.parametrize("text", ["/x", "http://a/", "https://a${request.target}", "${request.path}", "//cdn/x"])
def test_a_redirect_leads_to_a_url_or_a_path(text: str) -> None:
    """A redirect would lead to a path of the name of a host."""
    assert read_location(text) == text
    for other in ("a.org", "ftp://a", "https://", "/a b", "", "${request.host}/x"):
        assert refuse(read_location, other) == "E0208"
