"""Watch the files that filters are made with, and tell the workers what is in those that have changed.

A file is taken when it differs from what was read last and has stayed the same from one look to the next, so that one
that is being written is not taken half. Replacing it by rename works, and so does mounting another. A file that is
missing or broken changes nothing: what it held last stays in use, the log says why, and a gauge shows it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from orion_gateway.control.messages import FileChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orion_gateway.control.messages import Message
    from orion_gateway.telemetry.totals import Totals

    Mark = tuple[int, ...]
    """What tells two contents of a file apart without reading them."""

INTERVAL = 0.5
"""Seconds between two looks; a change is taken after one or two of them."""

VALID = "orion_filter_file_valid"

log = structlog.get_logger()


class BrokenFileError(Exception):
    """A file cannot be read, or what is in it cannot be used; the text says why and where."""


@dataclass(frozen=True, slots=True)
class WatchedFile:
    """A file of a filter: its absolute path, what was in it when the table was read, and how it is read again."""

    path: str
    content: object
    read: Callable[[str], object]
    """Returns what filters are given, or raises BrokenFileError. Called in a thread."""


@dataclass(frozen=True, slots=True)
class Found:
    """What has come of reading a file: its content, or why there is none."""

    content: object = None
    why: str = ""


class FileLook:
    """What is known of one file. `look` does all that may block."""

    def __init__(self, file: WatchedFile) -> None:
        self.path = file.path
        self.content = file.content
        """What is in use."""
        self.why = ""
        """What is wrong with the file now."""
        self._read = file.read
        # The table's reader has looked at it a while ago: it is read again once, so that no change in between is lost.
        self._taken: Mark | None = ()
        self._seen: Mark | None = ()

    def look(self) -> Found | None:
        """Return what is in the file now, or None while it is as it was or is still changing."""
        mark = _mark(self.path)
        if mark == self._taken:
            self._seen = mark
            return None
        if mark != self._seen:
            self._seen = mark
            return None
        try:
            found = Found(content=self._read(self.path))
        except BrokenFileError as error:
            found = Found(why=str(error))
        except Exception as error:
            # Whatever it is, the gateway goes on with what it has.
            log.exception("a file could not be read", file=self.path)
            found = Found(why=repr(error))
        if _mark(self.path) != mark:
            return None  # it was changed while it was read
        self._taken = mark
        return found


class FileWatch:
    """The files of all filters. `run` goes on until it is cancelled."""

    def __init__(self, files: Sequence[WatchedFile], send: Callable[[Message], None], totals: Totals) -> None:
        """`send` reaches every worker that is connected."""
        self._files = [FileLook(file) for file in files]
        self._send = send
        self._totals = totals
        for file in self._files:
            totals.set(VALID, 1, (file.path,))

    def everything(self) -> list[FileChanged]:
        """Return what a worker that has just started must be told before its snapshot."""
        return [FileChanged(file.path, file.content) for file in self._files]

    async def run(self) -> None:
        """Look at the files again and again until cancelled; without files there is nothing to do."""
        while self._files:
            await asyncio.sleep(INTERVAL)
            await self.look()

    async def look(self) -> None:
        """Look at every file once, and pass on what has changed."""
        for file in self._files:
            # In a thread: a file system may hang, and a list of 100,000 networks takes most of a second.
            found = await asyncio.to_thread(file.look)
            if found is not None:
                self._take(file, found)

    def _take(self, file: FileLook, found: Found) -> None:
        file.why, before = found.why, file.why
        self._totals.set(VALID, int(not found.why), (file.path,))
        if found.why:
            log.warning("a file is broken, what it held last stays in use", file=file.path, why=found.why)
            return
        if before:
            log.info("a file can be used again", file=file.path)
        if found.content != file.content:
            file.content = found.content
            log.info("a file has changed", file=file.path)
            self._send(FileChanged(file.path, file.content))


def _mark(path: str) -> Mark | None:
    """Return what changes with the file, None when there is none. The change time shows what copies with times hide."""
    try:
        stat = Path(path).stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
