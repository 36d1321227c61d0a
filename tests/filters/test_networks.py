"""The set of networks, compared with walking them one by one."""

from __future__ import annotations

import pickle
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orion_gateway.filters.networks import NetworkSet

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAPPED = IPv6Network("::ffff:0:0/96")

# Few different bits, so that networks overlap, touch and hold the addresses that are asked for.
IPV4_BITS = st.builds(lambda low, high: (high << 24 | low) & 0xFFFFFFFF, st.integers(0, 40), st.integers(0, 255))
IPV6_BITS = st.one_of(
    st.integers(0, 40),
    st.integers(0, (1 << 128) - 1),
    st.builds(lambda high, low: high << 120 | low, st.integers(0, 255), st.integers(0, 40)),
    IPV4_BITS.map(lambda bits: 0xFFFF << 32 | bits),
    st.integers(0, 3).map(lambda back: (1 << 128) - 1 - back),
)
ADDRESSES = st.one_of(IPV4_BITS.map(IPv4Address), IPV6_BITS.map(IPv6Address))
NETWORKS = st.one_of(
    st.builds(lambda bits, length: IPv4Network((bits, length), strict=False), IPV4_BITS, st.integers(0, 32)),
    st.builds(lambda bits, length: IPv6Network((bits, length), strict=False), IPV6_BITS, st.integers(0, 128)),
)


def walk(networks: list[Network], address: Address) -> bool:
    """Ask every network, as the rule is written: what is IPv4 in IPv6 is IPv4."""
    plain = unmap_address(address)
    return any(plain in unmap_network(network) for network in networks if unmap_network(network))


def unmap_address(address: Address) -> Address:
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def unmap_network(network: Network) -> Network:
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        first = network.network_address.ipv4_mapped
        assert first is not None
        return IPv4Network((int(first), network.prefixlen - 96))
    return network


@given(st.lists(NETWORKS, max_size=12), st.lists(ADDRESSES, max_size=12))
@example([IPv4Network("0.0.0.0/0")], [IPv4Address("255.255.255.255"), IPv6Address("::ffff:1.2.3.4"), IPv6Address("::")])
@example([IPv6Network("::/0")], [IPv4Address("1.2.3.4"), IPv6Address("::ffff:1.2.3.4"), IPv6Address(2**128 - 1)])
def test_it_holds_what_its_networks_hold(networks: list[Network], addresses: list[Address]) -> None:
    """A client that is on a list would get through, or one that is not would be shut out."""
    made = NetworkSet.of(networks)
    edges = [network[at] for network in networks for at in (0, -1)]
    steps = [(edge, int(edge) + step) for edge in edges for step in (-1, 1)]
    beside = [type(edge)(bits) for edge, bits in steps if 0 <= bits < 1 << edge.max_prefixlen]
    for address in (*addresses, *edges, *beside):
        assert (address in made) == walk(networks, address), address


@given(st.lists(NETWORKS, max_size=12))
def test_it_arrives_at_a_worker_as_it_was_sent(networks: list[Network]) -> None:
    """A worker would judge by another list than the supervisor has read."""
    made = NetworkSet.of(networks)
    arrived = pickle.loads(pickle.dumps(made))
    assert arrived == made
    assert hash(arrived) == hash(made)
    assert bool(made) == bool(networks)


@given(st.lists(NETWORKS, min_size=1, max_size=8), st.randoms())
def test_the_order_of_a_list_makes_no_difference(networks: list[Network], rng: object) -> None:
    """A list that was only sorted anew would be shipped to every worker again."""
    shuffled = [*networks, networks[0]]
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert NetworkSet.of(shuffled) == NetworkSet.of(networks)


@pytest.mark.parametrize(
    ("network", "address", "is_in"),
    [
        ("10.0.0.0/8", "10.255.255.255", True),
        ("10.0.0.0/8", "11.0.0.0", False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "::10.1.2.3", False),  # IPv4-compatible, not mapped
        ("10.0.0.0/8", "64:ff9b::10.1.2.3", False),  # translated: another host than the gateway's peer
        ("::ffff:10.0.0.0/104", "10.1.2.3", True),
        ("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", True),
        ("::ffff:0:0/96", "255.255.255.255", True),
        ("::/0", "10.1.2.3", False),
        ("::/0", "::ffff:10.1.2.3", False),
        ("::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", True),
        ("0.0.0.0/0", "::1", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("2001:db8::1", "2001:db8::1", True),
        ("2001:db8::1", "2001:db8::2", False),
    ],
)
def test_families_are_kept_apart_but_for_mapped_addresses(network: str, address: str, is_in: bool) -> None:
    """A denied IPv4 client would come in by writing its address as IPv6."""
    assert (ip_address(address) in NetworkSet.of([ip_network(network)])) == is_in


def test_two_sets_are_equal_only_when_they_hold_the_same() -> None:
    """A changed list would not be shipped."""
    one, other = NetworkSet.of([IPv4Network("10.0.0.0/8")]), NetworkSet.of([IPv4Network("10.0.0.0/9")])
    assert one != other
    assert one != NetworkSet.of([IPv6Network("a00::/8")])
    assert one != object()
