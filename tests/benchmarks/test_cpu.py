"""CPU time of a process tree."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from benchmarks.cpu import read_tree_seconds

SPIN = "import time\nwhile time.process_time() < 0.15: pass\n"


def test_time_of_a_finished_child_stays_in_the_tree() -> None:
    """A worker that ended between two readings is not lost from the peer's bill."""
    before = read_tree_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", SPIN], check=True)
    assert read_tree_seconds(os.getpid()) - before >= 0.13  # two counters, each cut down to ticks of 10 ms


def test_time_of_every_thread_of_a_living_child_is_counted_finer_than_a_tick() -> None:
    """A peer that works in threads or for a moment only is charged for it."""
    with subprocess.Popen(
        [sys.executable, "-c", f"{SPIN}print(time.process_time_ns(), flush=True)\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        own = int(child.stdout.readline()) / 1e9
        assert own <= read_tree_seconds(child.pid) < own + 5
    thread = threading.Thread(target=lambda: sum(range(200_000)))
    before, clock = read_tree_seconds(os.getpid()), time.process_time()
    thread.start()
    thread.join()
    spent = time.process_time() - clock
    assert read_tree_seconds(os.getpid()) - before >= spent > 0


def test_a_process_that_is_gone_is_an_error() -> None:
    """A peer that died is noticed and not charged zero."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    with pytest.raises(ProcessLookupError):
        read_tree_seconds(child.pid)
