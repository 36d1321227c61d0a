"""Write bytes to a descriptor without ever making the caller wait.

A thread does the writing and may block as long as a slow disk or a reader that stopped likes. Between it and the event
loop is a bounded queue: what finds it full, and what could not be written, is dropped and counted in lines.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import deque

PIPE_BATCH = 4096
"""PIPE_BUF on Linux: larger writes of several processes into one pipe may be torn (pipe(7))."""

_MAX_QUEUED = 8 * 1024 * 1024
_RETRY = 0.01


class Writer:
    """Writes batches of whole lines in order. It owns the descriptor, and closes it after the last batch."""

    def __init__(self, descriptor: int, name: str, max_queued: int = _MAX_QUEUED) -> None:
        """`name` is the thread's; `max_queued` bytes wait at most."""
        self.is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        """Whether writes of any size are kept together; a pipe does so only up to `PIPE_BATCH`."""
        self._descriptor = descriptor
        self._max_queued = max_queued
        self._batches: deque[tuple[bytes, int]] = deque()
        self._queued = 0
        self._dropped = 0
        self._condition = threading.Condition()
        self._is_closing = False
        self._is_torn = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, batch: bytes, lines: int = 1) -> None:
        """Queue a batch of `lines` lines, or drop it when the queue is full or closed."""
        with self._condition:
            if self._is_closing or self._queued + len(batch) > self._max_queued:
                self._dropped += lines
                return
            self._batches.append((batch, lines))
            self._queued += len(batch)
            self._condition.notify()

    def take_dropped(self) -> int:
        """Return how many lines were dropped since the last call."""
        with self._condition:
            dropped, self._dropped = self._dropped, 0
        return dropped

    def close(self, timeout: float) -> None:
        """Let the thread write what is queued, and wait for it for at most `timeout` seconds."""
        with self._condition:
            self._is_closing = True
            self._condition.notify()
        self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._batches:
                    if self._is_closing:
                        os.close(self._descriptor)
                        return
                    self._condition.wait()
                batch, lines = self._batches.popleft()
            is_written = self._write(batch)
            with self._condition:
                self._queued -= len(batch)
                if not is_written:
                    self._dropped += lines

    def _write(self, batch: bytes) -> bool:
        # What a full disk cut off must not swallow the line that comes after it.
        left = memoryview(b"\n" + batch if self._is_torn else batch)
        size = len(left)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:
                # Somebody else made the inherited pipe non-blocking; waiting here delays nobody.
                time.sleep(_RETRY)
            except OSError:
                # A full disk or a reader that is gone: a log must not take the gateway down with it.
                self._is_torn = self._is_torn or len(left) < size
                return False
        self._is_torn = False
        return True
