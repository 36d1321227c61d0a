"""Lists of networks: what a line may be, and what is said about one that is wrong."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.config.errors import Finding, TableErrors, render_concise
from orion_gateway.config.load import load_table
from orion_gateway.config.network_list import MOST_FINDINGS, parse_network_list

NETWORKS = st.one_of(
    st.builds(
        lambda bits, length: IPv4Network((bits, length), strict=False),
        st.integers(0, 2**32 - 1),
        st.integers(0, 32),
    ),
    st.builds(
        lambda bits, length: IPv6Network((bits, length), strict=False),
        st.integers(0, 2**128 - 1),
        st.integers(0, 128),
    ),
)


def parse_good(text: str) -> list[str]:
    """Return the networks of a list that must be good: those of IPv4, then those of IPv6."""
    found = parse_network_list("list.txt", text)
    assert found.findings == []
    return [
        str(network((first, bits - (behind - first - 1).bit_length())))
        for network, bits, ranges in ((IPv4Network, 32, found.ipv4), (IPv6Network, 128, found.ipv6))
        for first, behind in ranges
    ]


def parse_wrong(line: str) -> Finding:
    """Return what is said about a line, which must be all that is wrong with its list."""
    found = parse_network_list("list.txt", f"10.0.0.0/8\n\n{line}\n192.0.2.1\n")
    assert len(found) == 2
    (finding,) = found.findings
    assert (finding.file, finding.line, finding.code, finding.source) == ("list.txt", 3, "E0208", line.rstrip())
    assert finding.source[finding.column - 1 :][: finding.length] == line.partition("#")[0].strip()
    return finding


@given(st.lists(NETWORKS))
def test_what_is_written_is_read(networks: list[IPv4Network | IPv6Network]) -> None:
    """An entry of a list would be left out, or stand for other addresses."""
    in_order = [*(str(n) for n in networks if n.version == 4), *(str(n) for n in networks if n.version == 6)]
    assert parse_good("\n".join(map(str, networks))) == in_order


@given(st.text("0123456789abcf.:/%# \t", max_size=24))
def test_a_line_is_taken_when_it_is_a_network_for_the_standard_library(line: str) -> None:
    """The quick way through a list would take what the careful one refuses, or refuse what it takes."""
    found = parse_network_list("list.txt", line)
    entry = line.partition("#")[0].strip()
    try:
        expected = [ip_network(entry)] if entry and "%" not in entry else []
    except ValueError:
        expected = []
    assert bool(found.findings) == bool(entry and not expected)
    assert [*found.ipv4, *found.ipv6] == [(int(n[0]), int(n[-1]) + 1) for n in expected]


def test_comments_empty_lines_and_both_kinds_of_line_ends_are_left_out() -> None:
    """A list from another system, or one with remarks, would be refused."""
    text = "# ours\r\n10.0.0.0/8\r\n\r\n  192.0.2.1 # printer\n\t2001:db8::/32#lab\n#10.9.9.9\n \n10.0.0.0/255.0.0.0"
    assert parse_good(text) == ["10.0.0.0/8", "192.0.2.1/32", "10.0.0.0/8", "2001:db8::/32"]
    assert parse_good("") == []


@pytest.mark.parametrize(
    ("line", "suggestion"),
    [
        ("10.0.0.1/8", "10.0.0.0/8"),
        ("2001:db8::1/32 # lab", "2001:db8::/32"),
        ("deny 192.0.2.0/24;", "192.0.2.0/24"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("fe80::%eth0/64", "fe80::/64"),
    ],
)
def test_a_wrong_line_says_what_would_be_right(line: str, suggestion: str) -> None:
    """Whoever made the list would have to guess."""
    assert parse_wrong(line).suggestion == suggestion


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("192.0.2.1, 192.0.2.2", "one network to a line"),
        ("192.0.2.1-192.0.2.9", "a range is written as the networks"),
        ("192.0.2.0/33", "a number from 0 to 32"),
        ("2001:db8::/129", "a number from 0 to 128"),
        ("192.0.2.0/", "a number from 0 to 32"),
        ("192.0.02.1", "without leading zeros"),
        ("office.example.org", "names are not looked up"),
    ],
)
def test_a_wrong_line_says_what_is_wrong_with_it(line: str, hint: str) -> None:
    """Whoever made the list would have to guess."""
    assert hint in parse_wrong(line).help


@pytest.mark.parametrize(
    "line", ["garbage", "10.1", "10.0.0.0/-8", "10.0.0.0 /8", "\x00", "\u0661\u0660.0.0.0/8", "10.0.0.0/\u0668"]
)
def test_what_is_no_network_is_refused(line: str) -> None:
    """A typing mistake would let in or shut out somebody."""
    assert parse_wrong(line).message.startswith("expected a network such as 10.0.0.0/8, or an address, not ")


def test_the_wrong_file_is_not_shown_line_by_line() -> None:
    """Naming a log instead of a list would print all of it."""
    findings = parse_network_list("list.txt", "GET / HTTP/1.1\n" * 100_000).findings
    assert len(findings) == MOST_FINDINGS + 1
    assert findings[-1].help == "is it the right file?"
    assert len(parse_network_list("list.txt", "x" * 1000).findings[0].message) < 150


def test_a_list_is_looked_for_beside_the_file_that_names_it(tmp_path: Path) -> None:
    """A table that is started from elsewhere would not find its lists, or find others."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "more.yaml").write_text(
        "filters: {inner: {ip_access: {allow_file: list.txt}}, named: {ip_access: {deny_file: ../list.txt}}}"
    )
    (tmp_path / "parts" / "list.txt").write_text("10.0.0.0/8\n")
    (tmp_path / "list.txt").write_text("192.0.2.0/24\n2001:db8::/32\n")
    table = tmp_path / "routes.yaml"
    table.write_text(
        "version: 1\nlisteners: [{name: http, bind: '127.0.0.1:8080'}]\ninclude: [parts/*.yaml]\n"
        "defaults: {filters: [inner]}\n"
        "routes:\n  - {name: r, respond: {}, filters: [named, defaults, {ip_access: {deny_file: ./list.txt}}]}\n"
    )
    loaded = load_table(table, {})
    filters = loaded.config.filters
    inner = filters["inner"].ip_access
    assert inner is not None
    assert inner.allow_file == str(tmp_path / "parts" / "list.txt")
    lists = loaded.network_lists
    assert {path: len(networks) for path, networks in lists.items()} == {
        str(tmp_path / "parts" / "list.txt"): 1,
        str(tmp_path / "parts" / ".." / "list.txt"): 2,
        str(tmp_path / "list.txt"): 2,
    }
    # They are watched by themselves: a change of one is no change of the table.
    assert loaded.files == (table, tmp_path / "parts" / "more.yaml")


def test_a_list_that_is_no_text_is_an_error_at_the_key_that_names_it(tmp_path: Path) -> None:
    """The program would fail on start with an error about Unicode."""
    (tmp_path / "list.txt").write_bytes(b"10.0.0.0/8\n\xff\n")
    table = tmp_path / "routes.yaml"
    table.write_text(
        "version: 1\nlisteners: [{name: http, bind: '127.0.0.1:8080'}]\n"
        "routes:\n  - {name: r, respond: {}, filters: [{ip_access: {deny_file: list.txt}}]}\n"
    )
    with pytest.raises(TableErrors) as caught:
        load_table(table, {})
    (shown,) = map(render_concise, caught.value.findings)
    assert shown.startswith(f"{table}:4:")
    assert 'error[E0101]: the list "list.txt": not UTF-8' in shown
