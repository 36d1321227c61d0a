"""Which fields a proxy removes, which it manages, and what the gateway says in its own.

Pure rules over bytes. `head` applies them while it parses and renders; this module knows the names.
Names are lower-case bytes.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from orion_gateway import values

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
"""tchar of RFC 9110, section 5.6.2."""

HOP_BY_HOP = frozenset(name.encode() for name in values.HOP_BY_HOP)

# RFC 9110, section 6.5.1: fields of framing, routing, authentication, request modifiers, response controls and content
# format are never taken from a trailer section.
_FORBIDDEN_IN_TRAILERS = HOP_BY_HOP | frozenset(
    [
        b"age",
        b"authorization",
        b"cache-control",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-type",
        b"cookie",
        b"date",
        b"expect",
        b"expires",
        b"forwarded",
        b"host",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
        b"location",
        b"max-forwards",
        b"pragma",
        b"range",
        b"retry-after",
        b"set-cookie",
        b"traceparent",
        b"tracestate",
        b"vary",
        b"via",
        b"warning",
        b"www-authenticate",
        b"x-request-id",
    ]
)
_MANAGED_PREFIXES = (b"x-forwarded-", b"x-orion-")

_ADDRESS = re.compile(rb"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}|([0-9A-Fa-f:.]+)")


class ForwardedRules:
    """Which fields the gateway adds, whom it believes, and the name it gives itself in Via."""

    __slots__ = ("forwarded", "pseudonym", "request_id", "traceparent", "trusted", "via", "x_forwarded")

    def __init__(
        self,
        via: bool = True,
        x_forwarded: bool = True,
        forwarded: bool = False,
        request_id: bool = True,
        traceparent: bool = True,
        trusted: tuple[Network, ...] = (),
        pseudonym: bytes = b"orion",
    ) -> None:
        self.via = via
        self.x_forwarded = x_forwarded
        self.forwarded = forwarded
        self.request_id = request_id
        self.traceparent = traceparent
        self.trusted = trusted
        self.pseudonym = pseudonym

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ForwardedRules) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[object, ...]:
        switches = self.via, self.x_forwarded, self.forwarded, self.request_id, self.traceparent
        return *switches, self.trusted, self.pseudonym

    def trusts(self, address: Address | None) -> bool:
        """Say whether what this peer claims about others is believed."""
        return address is not None and any(address in network for network in self.trusted)


def is_allowed_in_trailers(name: bytes) -> bool:
    """Say whether a lower-case field name may be forwarded from a trailer section."""
    dashed = name.replace(b".", b"-")
    return b"_" not in name and dashed not in _FORBIDDEN_IN_TRAILERS and not dashed.startswith(_MANAGED_PREFIXES)


def unmap(address: Address) -> Address:
    """Return the IPv4 address inside an IPv4-mapped IPv6 one (RFC 4291, section 2.5.5.2), or the address as it is."""
    return getattr(address, "ipv4_mapped", None) or address


def parse_address(text: bytes) -> Address | None:
    """Read an address as X-Forwarded-For writes it: bare, in brackets, or with a port; `None` when it is none."""
    match = _ADDRESS.fullmatch(text.strip(b" \t"))
    if match is None:
        return None
    try:
        return unmap(ip_address(match[match.lastindex or 0].decode("ascii")))
    except ValueError:
        return None


def find_client(peer: Address | None, x_forwarded_for: bytes, rules: ForwardedRules) -> Address | None:
    """Return the address of the client: the first untrusted one from the right, starting with the peer itself.

    The leftmost value is whatever the client wrote, so it is never taken on its own word. An unreadable entry ends the
    walk.
    """
    client = peer
    for entry in reversed(x_forwarded_for.split(b",")):
        if not rules.trusts(client):
            break
        address = parse_address(entry)
        if address is None:
            break
        client = address
    return client


class Peer:
    """The other side of a downstream connection, and the fields about it, made ready once per connection and Host."""

    __slots__ = ("_forwarded", "_host", "_ready", "address", "is_trusted", "port", "rules", "scheme", "text", "via")

    def __init__(self, address: Address | None, port: int, scheme: bytes, rules: ForwardedRules) -> None:
        """`address` is `None` for a Unix socket; `port` is the listener's, for X-Forwarded-Port, 0 when it has none."""
        self.address = address
        self.text = b"unknown" if address is None else str(address).encode("ascii")
        self.is_trusted = rules.trusts(address)
        self.port = b"%d" % port
        self.scheme = scheme
        self.rules = rules
        self.via = b"Via: 1.1 %b\r\n" % rules.pseudonym if rules.via else b""
        """The line of Via, empty when it is switched off."""
        quoted = b'"[%b]"' % self.text if isinstance(address, IPv6Address) else self.text
        self._forwarded = b"for=%b;proto=%b" % (quoted, scheme)
        self._host: bytes | None = None
        self._ready = b""

    def describe(self, host: bytes) -> bytes:
        """Return the ready field lines for a peer that asked for `host` and claims nothing that is believed."""
        if host != self._host:
            self._host, self._ready = host, self._render(host)
        return self._ready

    def describe_once(self, host: bytes) -> list[tuple[bytes, bytes]]:
        """Return lower-case name and line of the X-Forwarded-* fields of one value, those that are known."""
        fields = (
            (b"x-forwarded-proto", b"X-Forwarded-Proto", self.scheme),
            (b"x-forwarded-host", b"X-Forwarded-Host", host),
            (b"x-forwarded-port", b"X-Forwarded-Port", b"" if self.port == b"0" else self.port),
        )
        return [(name, b"%b: %b\r\n" % (field, value)) for name, field, value in fields if value]

    def forwarded_element(self, host: bytes) -> bytes:
        """Return the element of RFC 7239 that this hop adds; `host` is empty when the request named none."""
        return b'%b;host="%b"' % (self._forwarded, host) if host else self._forwarded

    def _render(self, host: bytes) -> bytes:
        rules = self.rules
        lines = [self.via]
        if rules.x_forwarded:
            if self.address is not None:
                lines.append(b"X-Forwarded-For: %b\r\n" % self.text)
            lines += [line for _, line in self.describe_once(host)]
        if rules.forwarded:
            lines.append(b"Forwarded: %b\r\n" % self.forwarded_element(host))
        return b"".join(lines)
