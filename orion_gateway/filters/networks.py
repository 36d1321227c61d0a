"""A set of networks, made once and asked for single addresses.

Networks of one family become disjoint ranges, and these a sorted row of bounds: where a range begins, where it has
ended, where the next begins. An address is in the set when an odd number of bounds are not above it, which `bisect`
finds without walking. 100,000 networks are at most 200,000 bounds: 0.8 MB for IPv4, 11 MB for IPv6.

An IPv4-mapped IPv6 address or network (RFC 4291, section 2.5.5.2) counts as IPv4. `::/0` and other networks that are
wider than all mapped addresses hold no IPv4.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Address, IPv6Network

    Range = tuple[int, int]
    """The first address of a range, and the one behind its last."""

_END_OF_IPV4 = 1 << 32
_MAPPED = 0xFFFF
"""What the upper 96 bits of an IPv4-mapped address are."""


class NetworkSet:
    """Networks of both families. Nobody changes it once it is made; it travels by pickle."""

    __slots__ = ("_ipv4", "_ipv6")

    def __init__(self, ipv4: Iterable[Range] = (), ipv6: Iterable[Range] = ()) -> None:
        """Make it of ranges in any order; they may overlap."""
        plain = list(ipv4)
        wide: list[Range] = []
        for first, behind in ipv6:
            if first >> 32 == behind - 1 >> 32 == _MAPPED:
                plain.append((first % _END_OF_IPV4, (behind - 1) % _END_OF_IPV4 + 1))
            else:
                wide.append((first, behind))
        # A bound behind the last address of all needs no place: nothing is ever above it.
        self._ipv4 = array("I", (bound for bound in _merge(plain) if bound < _END_OF_IPV4))
        # 128 bits fit no array.
        self._ipv6 = tuple(_merge(wide))

    @classmethod
    def of(cls, networks: Iterable[IPv4Network | IPv6Network]) -> Self:
        """Make it of networks."""
        ipv4: list[Range] = []
        ipv6: list[Range] = []
        for network in networks:
            first = int(network.network_address)
            size = 1 << network.max_prefixlen - network.prefixlen
            if network.version == 4:
                ipv4.append((first, first + size))
            else:
                ipv6.append((first, first + size))
        return cls(ipv4, ipv6)

    def __contains__(self, address: IPv4Address | IPv6Address) -> bool:
        value = int(address)
        if isinstance(address, IPv4Address):
            return bisect_right(self._ipv4, value) % 2 == 1
        if value >> 32 == _MAPPED:
            return bisect_right(self._ipv4, value % _END_OF_IPV4) % 2 == 1
        return bisect_right(self._ipv6, value) % 2 == 1

    def __bool__(self) -> bool:
        return bool(self._ipv4 or self._ipv6)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NetworkSet) and (self._ipv4, self._ipv6) == (other._ipv4, other._ipv6)

    def __hash__(self) -> int:
        return hash((self._ipv4.tobytes(), self._ipv6))


def _merge(ranges: Iterable[Range]) -> list[int]:
    """Return the bounds of the ranges in order, overlapping and touching ones joined."""
    bounds: list[int] = []
    end = -1
    for first, behind in sorted(ranges):
        if first > end:
            bounds += (first, behind)
            end = behind
        elif behind > end:
            bounds[-1] = end = behind
    return bounds
