"""Read a list of networks: a file with one network or address per line, as block lists are handed around.

Empty lines are left out, and `#` begins a comment, also behind a network. Every line that is wrong is reported. Pure:
the loader reads the file of a table, the supervisor reads it again when it has changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from pydantic_core import PydanticCustomError

from orion_gateway.config.addresses import normalize_host, read_network
from orion_gateway.config.errors import Finding

LARGEST_LIST = 64 << 20
"""Bytes: some two million networks."""

MOST_FINDINGS = 100
"""Lines that are reported of one list: whoever names the wrong file is not shown all of it."""

LONGEST_SHOWN = 60
SEPARATORS = re.compile(r"[\s,;\[\]-]+")
"""What stands between networks, or around one, in the lists of other programs."""


@dataclass(slots=True)
class NetworkList:
    """What a list holds: ranges of addresses as numbers, the first one and the one behind the last, in its order."""

    ipv4: list[tuple[int, int]] = field(default_factory=list)
    ipv6: list[tuple[int, int]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """What is wrong with it; then the ranges are not all."""

    def __len__(self) -> int:
        return len(self.ipv4) + len(self.ipv6)


def parse_network_list(name: str, text: str) -> NetworkList:
    """Return what the text of a list holds; findings call the file `name`."""
    found = NetworkList()
    for number, line in enumerate(text.split("\n"), 1):
        entry = line.partition("#")[0].strip()
        if not entry or _take_plain(entry, found):
            continue
        try:
            network = read_network(entry)
        except PydanticCustomError as error:
            found.findings.append(_explain(name, number, line, entry, error))
            if len(found.findings) == MOST_FINDINGS:
                message = f"{MOST_FINDINGS} lines are wrong, and no more are looked at"
                found.findings.append(Finding(name, number, 1, "E0208", message, help="is it the right file?"))
                break
            continue
        first = int(network.network_address)
        ranges = found.ipv4 if network.version == 4 else found.ipv6
        ranges.append((first, first + (1 << network.max_prefixlen - network.prefixlen)))
    return found


def _take_plain(entry: str, found: NetworkList) -> bool:
    """Take an address, or one and a prefix length, at a third of the cost; False for what needs a closer look."""
    address, slash, length = entry.partition("/")
    bits, ranges, kind = (128, found.ipv6, IPv6Address) if ":" in address else (32, found.ipv4, IPv4Address)
    if slash and not (length.isascii() and length.isdecimal() and len(length) <= 3):
        return False
    size = 1 << max(0, bits - int(length)) if slash else 1
    try:
        first = int(kind(address))
    except ValueError:
        return False
    if first % size or "%" in address or (slash and int(length) > bits):
        return False
    ranges.append((first, first + size))
    return True


def _explain(name: str, number: int, line: str, entry: str, error: PydanticCustomError) -> Finding:
    context = error.context or {}
    message, suggestion, hint = str(context["message"]), str(context["suggestion"]), str(context["help"])
    if message.startswith("expected"):
        shown = entry if len(entry) <= LONGEST_SHOWN else f"{entry[:LONGEST_SHOWN]}…"
        message = f'{message}, not "{shown}"'
    if not suggestion:
        suggestion, hint = _guess(entry)
    column = line.index(entry) + 1
    return Finding(name, number, column, "E0208", message, len(entry), suggestion, hint, line.rstrip())


def _guess(entry: str) -> tuple[str, str]:
    """Return what was probably meant by a line that holds something else than one network, and a hint."""
    words = [word for word in SEPARATORS.split(entry) if _is_network(word)]
    if len(words) == 1:
        return words[0], ""
    if words:
        return "", "one network to a line; a range is written as the networks that it is made of"
    address, slash, _ = entry.partition("/")
    if slash and _is_network(address):
        return "", f"behind the / stands a number from 0 to {128 if ':' in address else 32}"
    if re.fullmatch(r"[0-9.]+", address) and re.search(r"\b0[0-9]", address):
        return "", "write numbers without leading zeros: some programs read such as octal"
    host = normalize_host(entry)
    if host is not None and not host[-1].isdecimal() and "." in host:
        return "", "names are not looked up: write the addresses"
    return "", ""


def _is_network(text: str) -> bool:
    try:
        read_network(text)
    except PydanticCustomError:
        return False
    return True
