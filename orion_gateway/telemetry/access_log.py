"""Keep the access log: which exchanges are logged, and when their lines are handed to the writer.

Lines are collected into batches and given to a thread that may block (`writer`), so no request ever waits for the log.
What a line looks like is decided by `access_line`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING

from orion_gateway.telemetry.access_line import FORMATS, Format
from orion_gateway.telemetry.json_line import format_json
from orion_gateway.telemetry.writer import PIPE_BATCH, Writer

if TYPE_CHECKING:
    from random import Random

    from orion_gateway.telemetry.finished import Finished
    from orion_gateway.values import Reason

_FILE_BATCH = 64 * 1024
_STDOUT, _STDERR = 1, 2


@dataclass(frozen=True, slots=True)
class AccessLogSettings:
    """`path` is `stdout`, `stderr`, `off` or a file; `sample` maps a status, a class (`2xx`) or `default` to a share.

    Exchanges shorter than `min_duration` seconds are left out.
    """

    path: str = "stdout"
    format: Format = "json"
    sample: tuple[tuple[str, float], ...] = (("default", 1.0),)
    min_duration: float | None = None


class AccessLog:
    """The log of one worker. Use `open_access_log` to make one, `close` to write what is left."""

    __slots__ = (
        "_batch",
        "_format",
        "_is_json",
        "_lines",
        "_min_duration",
        "_rng",
        "_sample",
        "_samples_all",
        "_size",
        "_writer",
        "is_on",
    )

    def __init__(self, settings: AccessLogSettings, writer: Writer | None, rng: Random) -> None:
        """`writer` None: nothing is written. A regular file is written in larger batches than a pipe."""
        self._format = FORMATS[settings.format]
        self._is_json = settings.format == "json"
        self._sample = dict(settings.sample)
        self._samples_all = all(share >= 1.0 for share in self._sample.values())
        self._min_duration = settings.min_duration or 0.0
        self._rng = rng
        self._lines: list[bytes] = []
        self._size = 0
        self._writer = writer
        self.is_on = writer is not None
        """Whether anything is ever written."""
        self._batch = _FILE_BATCH if writer is not None and writer.is_file else PIPE_BATCH

    def write(self, finished: Finished, route: str, service: str, duration: float, reason: Reason | None) -> None:
        """Log one exchange, unless sampling or the minimum duration leave it out."""
        if self._writer is None or duration < self._min_duration:
            return
        if not self._samples_all and self._rng.random() >= self._share(finished.status):
            return
        now = time()
        if self._is_json:  # the format of most, and called by its name a function of C
            line = format_json(finished, route, service, duration, reason, now)
        else:
            line = self._format(finished, route, service, duration, reason, now)
        size = len(line)
        if self._size + size > self._batch:
            self.flush()
        self._lines.append(line)
        self._size += size

    def flush(self) -> None:
        """Hand the collected lines to the writer; called by the worker's sweep and when a batch is full."""
        if self._writer is None or not self._lines:
            return
        lines, self._lines = self._lines, []
        self._size = 0
        self._writer.put(b"".join(lines), len(lines))

    def take_dropped(self) -> int:
        """Return how many lines were dropped since the last call."""
        return 0 if self._writer is None else self._writer.take_dropped()

    def close(self, timeout: float = 2.0) -> None:
        """Write what is left, for at most `timeout` seconds."""
        self.flush()
        if self._writer is not None:
            self._writer.close(timeout)

    def _share(self, status: int) -> float:
        sample = self._sample
        share = sample.get(str(status))
        if share is None:
            share = sample.get(f"{status // 100}xx")
        return sample.get("default", 1.0) if share is None else share


def open_access_log(settings: AccessLogSettings, rng: Random) -> AccessLog:
    """Open the log of one worker. Raises OSError when the file cannot be opened."""
    descriptor = open_descriptor(settings.path)
    return AccessLog(settings, None if descriptor is None else Writer(descriptor, "access-log"), rng)


def open_descriptor(path: str) -> int | None:
    """Return a descriptor to write to, None for `off`. Raises OSError when the file cannot be opened.

    A file is appended to, so that several workers and log rotation can share it.
    """
    match path:
        case "off":
            return None
        case "stdout":
            return os.dup(_STDOUT)
        case "stderr":
            return os.dup(_STDERR)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
