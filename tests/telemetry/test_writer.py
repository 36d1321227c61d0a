"""The writer behind both logs: nobody waits for it, order is kept, what is lost is counted."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orion_gateway.telemetry.writer import Writer

PATIENCE = 5.0


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.005)


def read_exactly(descriptor: int, size: int) -> None:
    """Read so many bytes; a missing one would block, and be seen as a test that does not end."""
    while size:
        size -= len(os.read(descriptor, size))


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe; the writer closes its writing end."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


def test_batches_come_out_in_order_and_are_all_written_at_the_close(pipe: tuple[int, int]) -> None:
    """The last lines before a shutdown would be missing, or lines be out of order."""
    reading, writing = pipe
    writer = Writer(writing, "test")
    for number in range(100):
        writer.put(b"%d\n" % number)
    writer.close(PATIENCE)
    assert os.read(reading, 65536).split() == [b"%d" % number for number in range(100)]
    assert os.read(reading, 1) == b"", "the descriptor is not closed"
    assert writer.take_dropped() == 0


def test_a_reader_that_stopped_costs_lines_and_holds_nobody_up(pipe: tuple[int, int]) -> None:
    """A log shipper that hangs would stop the gateway."""
    reading, writing = pipe
    writer = Writer(writing, "test", max_queued=100_000)

    def put_more_than_the_pipe_takes() -> None:
        for _ in range(100):
            writer.put(b"x" * 4095 + b"\n", lines=3)

    caller = threading.Thread(target=put_more_than_the_pipe_takes, daemon=True)
    caller.start()
    caller.join(PATIENCE)
    assert not caller.is_alive()
    dropped = writer.take_dropped()
    assert dropped >= 3 * (100 - 100_000 // 4096 - 65536 // 4096 - 2)
    assert dropped % 3 == 0
    assert writer.take_dropped() == 0, "lines are counted twice"
    read_exactly(reading, 4096 * (100 - dropped // 3))
    writer.close(PATIENCE)


def test_a_reader_that_left_is_survived_and_counted() -> None:
    """`orion run | head` would kill the worker, or lose lines without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    writer = Writer(writing, "test")
    writer.put(b"one\n")
    writer.close(PATIENCE)
    assert writer.take_dropped() == 1


def test_a_pipe_that_somebody_made_non_blocking_loses_nothing(pipe: tuple[int, int]) -> None:
    """Another program on the same terminal or pipe would make us drop lines."""
    reading, writing = pipe
    os.set_blocking(writing, False)
    writer = Writer(writing, "test")
    for _ in range(40):
        writer.put(b"x" * 4096)
    read_exactly(reading, 40 * 4096)
    writer.close(PATIENCE)
    assert writer.take_dropped() == 0


def test_a_full_disk_is_survived_and_the_next_line_is_whole(tmp_path: Path) -> None:
    """A line cut off by a full disk would swallow the first line after there is room again."""
    path = tmp_path / "log"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    writer = Writer(descriptor, "test")
    # A file-size limit stands for the full disk: a write is cut short, the next one fails.
    limits, action = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
        writer.put(b"a whole line\nand another\n", lines=2)
        lost = 0

        def is_lost() -> bool:
            nonlocal lost
            lost += writer.take_dropped()
            return lost == 2

        wait_for(is_lost)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, action)
    writer.put(b"after it\n")
    writer.close(PATIENCE)
    assert path.read_bytes() == b"a whole li\nafter it\n"


def test_what_comes_after_the_close_is_dropped_and_counted(tmp_path: Path) -> None:
    """It would be written to whatever the descriptor has become since."""
    writer = Writer(os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT), "test")
    writer.close(PATIENCE)
    writer.put(b"late\n")
    assert writer.take_dropped() == 1
    assert (tmp_path / "log").read_bytes() == b""
