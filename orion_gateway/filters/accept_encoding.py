"""Choose a content coding out of what a client accepts (RFC 9110, section 12.5.3).

Pure decisions: a field and what is on offer in, a name out.
"""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST = 1024
"""Bytes of a field that is read. Browsers send 30; longer ones only cost time and count as malformed."""

_CODING = re.compile(
    rb"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*"
)
_UNLISTED_IDENTITY = 0.0001
"""Content as it is may always be sent unless it is refused, but any coding that the client names comes first."""


def choose_encoding(accepted: bytes | None, offered: tuple[str, ...]) -> str | None:
    """Return the coding of `offered` that the client likes best, or None to send the content as it is.

    `accepted` is the field, several joined by commas, or None when there is none. Among codings that the client likes
    equally the first of `offered` wins, and before no coding at all. A field that is malformed counts as not there,
    and a client without the field gets content as it is: many that cannot decode send none.
    """
    if not accepted or len(accepted) > LONGEST:
        return None
    return _choose(accepted, offered)


@lru_cache(maxsize=1024)
def _choose(accepted: bytes, offered: tuple[str, ...]) -> str | None:
    weights = _read(accepted)
    if weights is None:
        return None
    others = weights.get("*")
    identity = weights.get("identity", others if others is not None else _UNLISTED_IDENTITY)
    best, highest = None, 0.0
    for coding in offered:
        weight = weights.get(coding, others or 0.0)
        if weight > highest and weight >= identity:
            best, highest = coding, weight
    return best


def _read(accepted: bytes) -> dict[str, float] | None:
    """Return the weight of each coding, in lower case; None when the field is malformed.

    A coding that stands there twice has its lower weight: what the client refuses anywhere is not sent.
    """
    weights: dict[str, float] = {}
    for element in accepted.split(b","):
        # Empty elements of a list are ignored (RFC 9110, section 5.6.1.2).
        if not element.strip(b" \t"):
            continue
        found = _CODING.fullmatch(element)
        if found is None:
            return None
        coding = found[1].decode("ascii").lower()
        # The old name of the same coding (RFC 9110, section 8.4.1.3).
        coding = "gzip" if coding == "x-gzip" else coding
        weight = 1.0 if found[2] is None else float(found[2])
        weights[coding] = min(weight, weights.get(coding, 1.0))
    return weights
