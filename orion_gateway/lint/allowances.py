"""Comments that allow a finding: `# orion: allow W0401 partners have no accounts`, with a reason.

One stands at the end of the line that it allows, or on a line of its own above it. Errors cannot be allowed. What
allows nothing is reported, or such comments would outlive what they were written for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orion_gateway.config.errors import CODES, Finding
from orion_gateway.config.nodes import each_scalar
from orion_gateway.config.source import Span

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from orion_gateway.config.load import Loaded
    from orion_gateway.config.source import Source

ALLOW = re.compile(r"(?<!\S)#+[ \t]*orion:[ \t]*allow\b[ \t]*(?P<code>\w*)(?P<reason>[^\n\r]*)")


@dataclass(frozen=True, slots=True)
class Allowance:
    """A comment at `span` that allows findings of a code on a line of its file."""

    span: Span
    line: int
    code: str
    reason: str


def find_allowances(loaded: Loaded) -> list[Allowance]:
    """Return every such comment of a table, in the order of its files."""
    scalars: dict[int, list[tuple[int, int]]] = {}
    sources: dict[int, Source] = {}
    for node in each_scalar(loaded.places.node(())):
        source, start, end = node.span
        sources[id(source)] = source
        scalars.setdefault(id(source), []).append((start, end))
    return [
        allowance
        for key, source in sources.items()
        if "orion:" in source.text
        for allowance in _find_in(source, sorted(scalars[key]))
    ]


def _find_in(source: Source, scalars: list[tuple[int, int]]) -> Iterator[Allowance]:
    for match in ALLOW.finditer(source.text):
        before = bisect_right(scalars, (match.start(), len(source.text))) - 1
        if before >= 0 and match.start() < scalars[before][1]:
            continue  # It is part of a text, not a comment.
        line = source.line_of(match.start())
        if not source.text[source.starts[line - 1] : match.start()].strip():
            line = _line_below(source, line)
        span = Span(source, match.start(), match.end())
        yield Allowance(span, line, match["code"], match["reason"].strip())


def _line_below(source: Source, line: int) -> int:
    """Return the next line that holds more than a comment."""
    while line < len(source.starts):
        start = source.starts[line]
        end = source.starts[line + 1] if line + 1 < len(source.starts) else len(source.text)
        line += 1
        text = source.text[start:end].strip()
        if text and not text.startswith("#"):
            break
    return line


def heed(findings: Sequence[Finding], loaded: Loaded, looked_for: Collection[str]) -> list[Finding]:
    """Return the findings that no comment allows, and a note for each comment that allows nothing.

    `looked_for` are the codes that could have been found; a comment for another one has its use elsewhere.
    """
    allowances = find_allowances(loaded)
    if not allowances:
        return list(findings)
    good = {
        (allowance.span.source.name, allowance.line, allowance.code): allowance
        for allowance in allowances
        if _find_fault(allowance) is None
    }
    used: set[int] = set()
    kept = []
    for finding in findings:
        allowance = good.get((finding.file, finding.line, finding.code))
        if allowance is None:
            kept.append(finding)
        else:
            used.add(id(allowance))
    for allowance in allowances:
        fault = _find_fault(allowance)
        if fault is None and id(allowance) not in used and allowance.code in looked_for:
            fault = f"nothing to allow: there is no {allowance.code} in line {allowance.line}"
        if fault is not None:
            kept.append(_note(allowance.span, fault))
    return kept


def _find_fault(allowance: Allowance) -> str | None:
    """Say why a comment is not heeded, None when it is."""
    if allowance.code.startswith("E") and allowance.code in CODES:
        return "errors cannot be allowed: nothing is loaded while there is one"
    if allowance.code not in CODES:
        return "this comment names no code of a warning or a note"
    return None if allowance.reason else f"say why {allowance.code} is allowed, behind the code"


def _note(span: Span, message: str) -> Finding:
    place = span.place
    source = span.source.show(place.line)
    return Finding(place.file, place.line, place.column, "N0408", message, span.length, source=source)
