"""Hold the text of one file of the table, with its lines, places and secrets.

Columns and offsets count characters. Lines end where YAML ends them, so that places agree with the parser's.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from orion_gateway.config.suggest import count_edits
from orion_gateway.values import Place

if TYPE_CHECKING:
    from pathlib import Path

LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
WRITTEN_KEY = re.compile(r"""(?P<key>[\w-]+)["']?\s*:\s*""")


@lru_cache(maxsize=4096)
def is_secret_key(key: str) -> bool:
    """Whether what stands under the key may be a secret, even when the key is mistyped by one letter."""
    return any(count_edits(key.lower(), secret) <= 1 for secret in ("token", "tokens", "secret"))


@dataclass(slots=True, eq=False)
class Source:
    """One file: its name as the user gave it, where it is, and its text. `hidden` are spans of secrets in the text."""

    name: str
    path: Path
    text: str
    hidden: list[tuple[int, int]] = field(default_factory=list)
    is_parsed: bool = False
    starts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.starts = [0, *(match.end() for match in LINE_BREAK.finditer(self.text))]

    def line_of(self, offset: int) -> int:
        """Return the line, from 1, that the character at `offset` stands in."""
        return bisect_right(self.starts, offset)

    def show(self, line: int) -> str:
        """Return the line, from 1, without its end and with every secret replaced by asterisks."""
        if not 1 <= line <= len(self.starts):
            return ""
        start = self.starts[line - 1]
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        shown = list(self.text[start:end].rstrip("\r\n\x85\u2028\u2029"))
        for first, last in self.hidden:
            for at in range(max(first, start), min(last, start + len(shown))):
                shown[at - start] = "*"
        text = "".join(shown)
        return text if self.is_parsed else _hide_by_sight(text)

    def is_hidden(self, span: Span) -> bool:
        """Whether what the span covers is a secret."""
        return any(first < span.end and span.start < last for first, last in self.hidden)


class Span(NamedTuple):
    """A piece of a source, by offsets: `start` is its first character, `end` the one after its last."""

    source: Source
    start: int
    end: int

    @property
    def place(self) -> Place:
        """Return where it begins."""
        line = self.source.line_of(self.start)
        return Place(self.source.name, line, self.start - self.source.starts[line - 1] + 1)

    @property
    def length(self) -> int:
        """Return how many characters of its first line it covers, at least one."""
        line = self.source.line_of(self.start)
        end = self.source.starts[line] - 1 if line < len(self.source.starts) else len(self.source.text)
        return max(1, min(self.end, end) - self.start)


def _hide_by_sight(line: str) -> str:
    """Hide what follows a secret key in a line of a file that is not valid YAML, where no node tells what it is."""
    for match in WRITTEN_KEY.finditer(line):
        if is_secret_key(match["key"]):
            return line[: match.end()] + "*" * (len(line) - match.end())
    return line
