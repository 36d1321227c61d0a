"""Find what is wrong with the bytes of a head: lines that end badly, fields that are none, sizes out of bounds.

A head is refused for its first fault, in the order in which its bytes arrive; so it is refused with the same status
whether it came whole or byte by byte. Most faults that no further byte can mend are found before the head is complete,
so that nobody waits for a timeout to learn them. What well-formed fields mean is judged by `request` and `response`.
"""

import re

from orion_gateway.http1.fields import TOKEN
from orion_gateway.http1.grammar import FIELD_VALUE
from orion_gateway.http1.parsed import HeadLimits, Refusal

_BARE_LF = re.compile(rb"(?<!\r)\n")
_FIELD = re.compile(TOKEN + rb"++:" + FIELD_VALUE)
_TOO_LARGE = Refusal(431, "the header section is too large", is_too_large=True)


def find_line_end(data: bytes, start: int, limit: int) -> int | None:
    """Return where the line of at most `limit` bytes at `start` ends, with its LF; 0: unfinished; None: too long."""
    end = data.find(b"\n", start, start + limit + 2) + 1
    return end if end or len(data) < start + limit + 2 else None


def find_section_fault(data: bytes, fields_start: int, end: int, limits: HeadLimits, seen: int = 0) -> Refusal | None:
    """Return the first fault of the header section at `fields_start`, or None while an unfinished one has none.

    `end` is where the empty line behind a faulty one ends, 0 while it has not come; the first `seen` bytes of `data`
    were looked at before. The status is that for a request.
    """
    horizon = fields_start + limits.section + 2
    if _BARE_LF.search(data, max(fields_start, seen), min(horizon, end or horizon)):
        return Refusal(400, "a line of the header section ends in a bare LF")
    if end > horizon or (not end and len(data) >= horizon):
        return _TOO_LARGE
    if not end:
        return None
    if data.count(b"\n", fields_start, end) - 1 > limits.fields:
        return Refusal(431, f"there are more than {limits.fields} fields", is_too_large=True)
    return Refusal(400, _explain(data[fields_start : end - 4]))


def _explain(section: bytes) -> str:
    """Say what is wrong with the first bad line of a section that has one."""
    lines = enumerate(section.split(b"\r\n"), start=1)
    number, line = next((number, line) for number, line in lines if _FIELD.fullmatch(line) is None)
    name, colon, _ = line.partition(b":")
    if b"\r" in line:
        return f"field line {number} holds a bare CR"
    if line.startswith((b" ", b"\t")):
        return f"field line {number} is folded"
    if not colon:
        return f"field line {number} has no colon"
    if name.endswith((b" ", b"\t")):
        return f"field line {number} has space before the colon"
    if re.fullmatch(TOKEN + rb"+", name) is None:
        return f"field line {number} has a bad name"
    return f"the value of field line {number} holds a control byte"
