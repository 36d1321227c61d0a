"""Clients judged by their address: who is let through by which rules."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, cast

import pytest

from orion_gateway.filters.ip_access import IpAccess, IpAccessRules
from orion_gateway.filters.networks import NetworkSet

if TYPE_CHECKING:
    from orion_gateway.filters.filter import Facilities

NO_FACILITIES = cast("Facilities", None)
"""The filter uses none."""


def networks(*written: str) -> NetworkSet:
    return NetworkSet.of(map(ip_network, written))


def judge(rules: IpAccessRules, address: str, **files: NetworkSet) -> str:
    """Return why a client is refused; `files` are what the lists hold."""
    access = IpAccess(rules, NO_FACILITIES)
    for path, content in files.items():
        access.take_file(path, content)
    return access.judge(ip_address(address) if address else None)


@pytest.mark.parametrize(
    ("allow", "deny", "address", "why"),
    [
        ([], ["192.0.2.0/24"], "192.0.2.7", "denied"),
        ([], ["192.0.2.0/24"], "::ffff:192.0.2.7", "denied"),
        ([], ["192.0.2.0/24"], "198.51.100.1", ""),
        ([], ["192.0.2.0/24"], "2001:db8::1", ""),
        (["192.0.2.0/24"], [], "192.0.2.7", ""),
        (["192.0.2.0/24"], [], "198.51.100.1", "not allowed"),
        (["192.0.2.0/24"], [], "2001:db8::1", "not allowed"),
        (["192.0.2.7"], ["192.0.2.0/24"], "192.0.2.7", "denied"),  # deny wins, also over what is narrower
        (["192.0.2.0/24"], ["192.0.2.7"], "192.0.2.7", "denied"),
        (["192.0.2.0/24"], ["192.0.2.7"], "192.0.2.8", ""),
        (["0.0.0.0/0", "::/0"], ["192.0.2.7"], "203.0.113.1", ""),
        (["0.0.0.0/0"], [], "::1", "not allowed"),
        ([], ["192.0.2.0/24"], "", "no address"),
        (["0.0.0.0/0", "::/0"], [], "", "no address"),
    ],
)
@pytest.mark.parametrize("is_listed", [False, True])
def test_deny_wins_and_what_is_allowed_is_all_there_is(
    allow: list[str], deny: list[str], address: str, why: str, is_listed: bool
) -> None:
    """A client that the table refuses would reach the service, or one that it allows would not."""
    if is_listed:
        rules = IpAccessRules(allow_file="allow" if allow else "", deny_file="deny" if deny else "")
        files = {"allow": networks(*allow)} if allow else {}
        files |= {"deny": networks(*deny)} if deny else {}
    else:
        rules, files = IpAccessRules(networks(*allow), networks(*deny)), {}
    assert judge(rules, address, **files) == why


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("192.0.2.1", ""),
        ("198.51.100.1", ""),
        ("192.0.2.66", "denied"),
        ("198.51.100.66", "denied"),
        ("203.0.113.1", "not allowed"),
    ],
)
def test_a_list_adds_to_what_the_table_says(address: str, why: str) -> None:
    """Naming a list would switch off the networks in the table."""
    rules = IpAccessRules(networks("192.0.2.0/24"), networks("192.0.2.66"), allow_file="allow", deny_file="deny")
    files = {"allow": networks("198.51.100.0/24"), "deny": networks("198.51.100.66")}
    assert judge(rules, address, **files) == why


def test_an_empty_list_of_those_who_are_let_through_lets_nobody_through() -> None:
    """Taking the last entry from a list would open the route to everybody."""
    assert judge(IpAccessRules(allow_file="allow"), "192.0.2.1", allow=NetworkSet()) == "not allowed"
    assert judge(IpAccessRules(deny_file="deny"), "192.0.2.1", deny=NetworkSet()) == ""


def test_a_new_list_takes_the_place_of_the_old_one() -> None:
    """A client that was taken from a list would go on being refused, and a new entry would not count."""
    access = IpAccess(IpAccessRules(deny_file="deny"), NO_FACILITIES)
    access.take_file("deny", networks("192.0.2.1"))
    access.take_file("deny", networks("192.0.2.2"))
    assert access.judge(ip_address("192.0.2.1")) == ""
    assert access.judge(ip_address("192.0.2.2")) == "denied"


@pytest.mark.parametrize("missing", ["allow", "deny"])
def test_without_its_lists_it_judges_nobody(missing: str) -> None:
    """A worker that was not given a block list would let everybody through."""
    access = IpAccess(IpAccessRules(networks("192.0.2.0/24"), allow_file="allow", deny_file="deny"), NO_FACILITIES)
    for path in {"allow", "deny"} - {missing}:
        access.take_file(path, NetworkSet())
    with pytest.raises(RuntimeError, match=missing):
        access.judge(ip_address("192.0.2.1"))
