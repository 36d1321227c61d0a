"""CPU time of a process tree."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.cpu import Usage, parse_stat, read_tree_seconds, sum_tree

# By proc(5): state, ppid, pgrp, session, tty, tpgid, flags, minflt, cminflt, majflt, cmajflt, then the four times.
AFTER_NAME = "S 41 42 42 0 -1 4194560 100 200 0 0 {times} 20 0 1 0 12345 1000000 500"


@given(name=st.text(max_size=15), times=st.tuples(*[st.integers(min_value=0, max_value=10**9)] * 4))
def test_no_program_name_shifts_the_figures(name: str, times: tuple[int, int, int, int]) -> None:
    """A process called `a) S 1 (b` is charged its own time, not numbers out of its name."""
    text = f"42 ({name}) {AFTER_NAME.format(times=' '.join(map(str, times)))}\n"
    assert parse_stat(text) == Usage(pid=42, parent=41, ticks=sum(times))


@pytest.mark.parametrize("text", ["", "42", "42 (python)", "42 (python) S 41 42", "42 python S " + "1 " * 20])
def test_what_is_no_stat_is_refused(text: str) -> None:
    """A kernel that writes something else gives an error instead of a wrong figure."""
    with pytest.raises(ValueError, match="not a /proc/PID/stat"):
        parse_stat(text)


def test_a_tree_is_its_root_and_all_below_and_nobody_else() -> None:
    """A supervisor is charged its workers and their children, but not its neighbours or its own parent."""
    usages = [
        Usage(1, 0, 1000),
        Usage(10, 1, 5),
        Usage(12, 11, 3),
        Usage(11, 10, 7),
        Usage(20, 1, 500),
        Usage(13, 10, 2),
    ]
    assert sum_tree(10, usages) == 17
    assert sum_tree(12, usages) == 3


def test_a_tree_without_root_is_an_error() -> None:
    """A peer that died is noticed and not charged zero."""
    with pytest.raises(ProcessLookupError, match="no process 11"):
        sum_tree(11, [Usage(10, 1, 5)])


def test_time_of_a_finished_child_stays_in_the_tree() -> None:
    """A worker that ended between two readings is not lost from the peer's bill."""
    before = read_tree_seconds(os.getpid())
    spin = "import time\nwhile time.process_time() < 0.15: pass"
    subprocess.run([sys.executable, "-c", spin], check=True)
    assert read_tree_seconds(os.getpid()) - before >= 0.13  # four counters, each cut down to ticks of 10 ms
