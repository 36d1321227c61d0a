"""Judge the request target and Host together: whom and what a request asks for (RFC 9112, section 3.2).

Forms and authority only. Which paths are acceptable is judged by `routing.path`.
"""

import re
from ipaddress import AddressValueError, IPv6Address

from orion_gateway.http1.parsed import Refusal, RequestHead
from orion_gateway.http1.scan import is_name_and_port

_LITERAL_AND_PORT = re.compile(rb"\[([0-9A-Fa-f:.]++)\](?::([0-9]{1,5}+))?")
_ABSOLUTE = re.compile(rb"(?i:http)://([^/?]*+)([^#]*+)")


def judge_target(head: RequestHead, hosts: int) -> Refusal | None:
    """Judge method, target and the `hosts` lines of Host; set path and query."""
    if hosts != 1 and (hosts > 1 or head.minor == 1):
        return Refusal(400, "Host is missing" if hosts == 0 else "Host is given more than once")
    if hosts == 1 and not _is_authority(head.host):
        return Refusal(400, "Host is not a valid host and port")
    if head.method == b"CONNECT":
        return Refusal(501, "CONNECT is not supported")
    if not head.target.startswith(b"/"):
        refusal = _judge_other_forms(head, hosts)
        if refusal is not None:
            return refusal
    target = head.target
    if b"#" in target:
        return Refusal(400, "the request target holds a fragment")
    if b"?" in target:
        head.path, _, head.query = target.partition(b"?")
    else:
        head.path = target
    return None


def _judge_other_forms(head: RequestHead, hosts: int) -> Refusal | None:
    """Judge a target that is no path: make absolute form origin form, let `OPTIONS *` pass, and refuse the rest."""
    is_options = head.method == b"OPTIONS"
    if head.target == b"*":
        return None if is_options else Refusal(400, "only OPTIONS can have * as its target")
    absolute = _ABSOLUTE.fullmatch(head.target)
    if absolute is None:
        return Refusal(400, "the request target is neither a path nor an http URL without fragment")
    authority, rest = absolute.groups()
    if not _is_authority(authority):
        return Refusal(400, "the authority of the request target is not a valid host and port")
    if hosts == 0:
        head.host = authority
    elif _normal(authority) != _normal(head.host):
        return Refusal(400, "the request target and Host name different hosts")
    if rest.startswith(b"/"):
        head.target = rest
    else:
        # RFC 9112, section 3.2.4: OPTIONS of a URL without path and query asks for the server as a whole.
        head.target = b"*" if is_options and not rest else b"/" + rest
    return None


def _is_authority(value: bytes) -> bool:
    if is_name_and_port(value):
        return True
    match = _LITERAL_AND_PORT.fullmatch(value)
    if match is None:
        return False
    address, port = match.groups()
    try:
        IPv6Address(address.decode("ascii"))
    except AddressValueError:
        return False
    return port is None or int(port) <= 65535


def _normal(authority: bytes) -> bytes:
    return authority.lower().removesuffix(b":80")
