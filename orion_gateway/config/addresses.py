"""The kinds of addresses: where a listener is bound, where an endpoint is, hosts, networks, origins.

Only the form is judged here; whether an address exists is found out when it is used.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from orion_gateway.config.kinds import Kind, fail, read_text
from orion_gateway.config.paths import PathError, judge_literal_path

LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
LONGEST_SOCKET_PATH = 107
"""What `sun_path` of a Linux socket address holds, without its final zero."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def normalize_host(text: str) -> str | None:
    """Return a host in lower case, without a final dot, IPv6 in brackets; `None` when it is no name or address."""
    if text.startswith("[") and text.endswith("]"):
        try:
            return f"[{ipaddress.IPv6Address(text[1:-1])}]"
        except ValueError:
            return None
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if labels[-1].isdecimal():
        # Nobody but an IPv4 address ends in a number; 256.1.1.1 must not pass for a name.
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            return None
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        return None
    return name


@dataclass(frozen=True, slots=True)
class Bind:
    """Where to listen: `host` (IPv6 without brackets) and `port`, 0 for any free one; or the Unix socket at `path`."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class EndpointUrl:
    """Where an endpoint is: `host` (IPv6 without brackets) and `port`, or the Unix socket at `path`.

    `authority` is what a Host field for it would be; `base_path` goes before the request's path and never ends in `/`.
    """

    url: str
    authority: str
    host: str = ""
    port: int = 0
    path: str = ""
    base_path: str = ""


def _read_port(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) and int(text) <= 65535 else None


def _judge_socket_path(path: str) -> None:
    if not path.startswith("/") or "\0" in path:
        raise fail("E0208", "the path of a Unix socket must be absolute, such as unix:/run/orion/http.sock")
    if len(path.encode()) > LONGEST_SOCKET_PATH:
        raise fail("E0208", f"the path of a Unix socket has at most {LONGEST_SOCKET_PATH} bytes")


def read_bind(value: object) -> Bind:
    """Return the address of `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `unix:/path`."""
    expected = "host:port or unix:/path, such as 127.0.0.1:8080"
    if isinstance(value, int) and not isinstance(value, bool):
        raise fail("E0208", f"expected {expected}", suggestion=f"127.0.0.1:{value}")
    text = read_text(value, expected)
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        _judge_socket_path(path)
        return Bind(path=path)
    host, _, digits = text.rpartition(":")
    port = _read_port(digits)
    if port is not None and host in {"", "*"}:
        raise fail("E0208", f"expected {expected}", suggestion=f"0.0.0.0:{port}", hint="0.0.0.0 is every IPv4 address")
    if port is not None and ":" in host and not host.startswith("["):
        hint = "an IPv6 address stands in brackets"
        raise fail("E0208", f"expected {expected}", suggestion=f"[{host}]:{port}", hint=hint)
    name = normalize_host(host)
    if name is None or port is None:
        raise fail("E0208", f"expected {expected}")
    return Bind(host=name.strip("[]"), port=port)


def read_endpoint_url(value: object) -> EndpointUrl:
    """Return the endpoint of `http://host:port/base`, `unix:/path/to.sock` or `unix:/path/to.sock:/base`."""
    expected = "a URL such as http://127.0.0.1:3002 or unix:/run/app.sock"
    text = read_text(value, expected)
    if text.startswith("unix:"):
        path, _, base = text.removeprefix("unix:").partition(":")
        _judge_socket_path(path)
        return EndpointUrl(text, authority="localhost", path=path, base_path=_read_base_path(base))
    if text.lower().startswith("https://"):
        hint = "use http://, or a local proxy that speaks TLS to it"
        raise fail("E0209", "https endpoints are not there yet", hint=hint)
    if "://" not in text:
        meant = f"http://{text}" if re.fullmatch(r"[\w.-]+(:[0-9]+)?(/.*)?", text) else ""
        raise fail("E0208", f"expected {expected}", suggestion=meant)
    parts = _split_http(text, expected)
    port = 80 if parts.netloc.rpartition(":")[2] == parts.netloc or parts.netloc.endswith("]") else parts.port
    host = normalize_host(parts.netloc if port == 80 and parts.port is None else parts.netloc.rpartition(":")[0])
    if host is None or not port:
        raise fail("E0208", f"expected {expected}")
    authority = host if port == 80 else f"{host}:{port}"
    return EndpointUrl(
        text, authority=authority, host=host.strip("[]"), port=port, base_path=_read_base_path(parts.path)
    )


def _split_http(text: str, expected: str) -> SplitResult:
    """Split an http URL that has a host, and neither user, query nor fragment."""
    if not re.fullmatch(r"[!-~]+", text):
        raise fail("E0208", f"expected {expected}", hint="spaces and characters beyond ASCII are percent-encoded")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise fail("E0208", f"expected {expected}") from None
    if parts.scheme != "http":
        raise fail("E0208", f"expected {expected}")
    if "@" in parts.netloc:
        raise fail("E0208", "a URL with a user or password in it is not used for endpoints")
    if "?" in text or "#" in text:
        raise fail("E0208", "the URL of an endpoint has no query and no fragment")
    return parts


def _read_base_path(path: str) -> str:
    base = path.rstrip("/")
    if not base:
        return ""
    try:
        judge_literal_path(base)
        if not base.isascii():
            raise PathError("characters beyond ASCII are percent-encoded")
    except PathError as error:
        raise fail("E0208", f"the base path of an endpoint is malformed: {error.message}") from None
    return base


def read_network(value: object) -> Network:
    """Return the network of `10.0.0.0/8`, `fd00::/8` or one address."""
    expected = "expected a network such as 10.0.0.0/8, or an address"
    text = read_text(value, "a network such as 10.0.0.0/8")
    if "%" in text:
        address, _, zone = text.partition("%")
        meant = address + zone[zone.find("/") :] if "/" in zone else address
        raise fail("E0208", "a network has no zone", suggestion=meant)
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        meant = str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise fail("E0208", expected) from None
    raise fail("E0208", "bits are set behind the prefix of this network", suggestion=meant)


def read_host_pattern(value: object) -> str:
    """Return a host in lower case without a final dot, or `*.` and such a name."""
    expected = "expected a host name such as api.example.org or *.example.org"
    text = read_text(value, "a host name")
    wildcard, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    host = normalize_host(name)
    is_address = host is not None and (host.startswith("[") or host.split(".")[-1].isdecimal())
    if host is not None and not (wildcard and is_address):
        return f"{wildcard}{host}"
    if text == "*":
        raise fail("E0207", "every host is taken by leaving `hosts` out", hint="remove `hosts`")
    if not text.isascii():
        try:
            meant = text.encode("idna").decode()
        except UnicodeError:
            meant = ""
        raise fail("E0207", "a host name beyond ASCII is written in its xn-- form", suggestion=meant)
    without_port = normalize_host(name.rpartition(":")[0])
    if without_port is not None and _read_port(name.rpartition(":")[2]) is not None:
        hint = "ports are said by listeners"
        raise fail("E0207", "a host has no port here", suggestion=f"{wildcard}{without_port}", hint=hint)
    hint = "a * stands only for the first label" if "*" in name else ""
    raise fail("E0207", expected, hint=hint)


def read_origin(value: object) -> str:
    """Return an origin such as `https://app.example.org`, as browsers write it (RFC 6454, section 6.2)."""
    expected = "expected an origin such as https://app.example.org"
    text = read_text(value, "an origin such as https://app.example.org")
    match = re.fullmatch(r"(https?)://(\[[^\]]+\]|[^/:?#@]+)(?::([0-9]{1,5}))?(/?)", text, re.IGNORECASE)
    host = normalize_host(match[2]) if match else None
    if match is None or host is None or (match[3] and _read_port(match[3]) is None):
        meant = f"https://{text}" if normalize_host(text) and "." in text else ""
        raise fail("E0208", expected, suggestion=meant)
    scheme = match[1].lower()
    port = "" if not match[3] or int(match[3]) == {"http": 80, "https": 443}[scheme] else f":{int(match[3])}"
    if match[4]:
        raise fail("E0208", "an origin has no path", suggestion=f"{scheme}://{host}{port}")
    return f"{scheme}://{host}{port}"


BindAddress = Annotated[Bind, Kind("address", read_bind, {"type": "string", "pattern": r"^(unix:/|.*:[0-9]+$)"})]
EndpointAddress = Annotated[
    EndpointUrl, Kind("URL", read_endpoint_url, {"type": "string", "pattern": r"^([Hh][Tt][Tt][Pp]://|unix:/)"})
]
Cidr = Annotated[Network, Kind("network", read_network, {"type": "string"})]
HostPattern = Annotated[str, Kind("host", read_host_pattern, {"type": "string"})]
Origin = Annotated[str, Kind("origin", read_origin, {"type": "string", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"})]
