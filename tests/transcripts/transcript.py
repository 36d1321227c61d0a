"""Read transcripts. The format is told in the package's docstring."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SPOKEN = re.compile(r"(client|endpoint)(?: (\d))? ([→←!])(?: (.*))?")
_TIME = re.compile(r"time passes ([0-9.]+)")
_LOG = re.compile(r"log (\d+) (\S+)")
_ESCAPE = re.compile(rb"\\(x[0-9a-f]{2}|.)")
_WILD = re.compile(rb"<([a-z]+)>")


@dataclass
class Step:
    """One thing that happens. `act` is `→`, `←`, `!`, `time` or `log`; `text` holds bytes to send or the words."""

    line: int
    side: str
    number: int
    act: str
    text: bytes = b""
    pattern: bytes = b""

    def take(self, text: str) -> None:
        """Add a line to what is sent or received."""
        content = unescape(text)
        self.text += content
        self.pattern += as_pattern(content)


@dataclass
class Transcript:
    """A conversation."""

    title: str
    settings: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


def unescape(text: str) -> bytes:
    """Return the bytes that a line means."""
    raw = text.encode("utf-8")
    raw = raw.removesuffix(b"\\") if raw.endswith(b"\\") and not raw.endswith(b"\\\\") else raw + b"\r\n"
    known = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}
    return _ESCAPE.sub(lambda found: known.get(found[1]) or bytes([int(found[1][1:], 16)]), raw)


def as_pattern(content: bytes) -> bytes:
    """Return a regular expression for bytes with `<word>` in them."""
    parts = []
    position = 0
    for wild in _WILD.finditer(content):
        parts.append(re.escape(content[position : wild.start()]))
        parts.append(b"[\\s\\S]*?" if wild[1] == b"any" else b"[^\\r\\n]*?")
        position = wild.end()
    return b"".join([*parts, re.escape(content[position:])])


def read_transcripts(path: Path) -> Iterator[Transcript]:
    """Yield the transcripts of a file. Raises ValueError with the line that means nothing."""
    transcript: Transcript | None = None
    step: Step | None = None
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.startswith("== "):
            if transcript is not None:
                yield transcript
            transcript, step = Transcript(line[3:]), None
            continue
        if not line.strip():
            step = None
            continue
        if line.startswith("#"):
            continue
        if transcript is None:
            raise ValueError(f"{path.name}:{number}: stands before the first title")
        if line.startswith("= "):
            transcript.settings += line[2:].split()
        elif found := _SPOKEN.fullmatch(line):
            side, which, act, text = found[1], int(found[2] or 1), found[3], found[4] or ""
            if act == "!":
                step = None
                transcript.steps.append(Step(number, side, which, act, text.encode()))
                continue
            if step is None or (step.side, step.number, step.act) != (side, which, act):
                step = Step(number, side, which, act)
                transcript.steps.append(step)
            step.take(text)
        elif found := _TIME.fullmatch(line):
            transcript.steps.append(Step(number, "", 0, "time", found[1].encode()))
            step = None
        elif found := _LOG.fullmatch(line):
            transcript.steps.append(Step(number, "", 0, "log", f"{found[1]} {found[2]}".encode()))
            step = None
        else:
            raise ValueError(f"{path.name}:{number}: means nothing: {line}")
    if transcript is not None:
        yield transcript
