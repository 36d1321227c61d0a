"""Which processes belong to a peer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.tree import Process, parse_stat, select_tree

# By proc(5): state, ppid, pgrp, session, tty, tpgid, flags, minflt, cminflt, majflt, cmajflt, then the four times.
AFTER_NAME = "S 41 42 42 0 -1 4194560 100 200 0 0 {times} 20 0 1 0 12345 1000000 500"


@given(name=st.text(max_size=15), times=st.tuples(*[st.integers(min_value=0, max_value=10**9)] * 4))
def test_no_program_name_shifts_the_figures(name: str, times: tuple[int, int, int, int]) -> None:
    """A process called `a) S 1 (b` is charged its own time, not numbers out of its name."""
    text = f"42 ({name}) {AFTER_NAME.format(times=' '.join(map(str, times)))}\n"
    assert parse_stat(text) == Process(pid=42, parent=41, finished=times[2] + times[3])


@pytest.mark.parametrize("text", ["", "42", "42 (python)", "42 (python) S 41 42", "42 python S " + "1 " * 20])
def test_what_is_no_stat_is_refused(text: str) -> None:
    """A kernel that writes something else gives an error instead of a wrong figure."""
    with pytest.raises(ValueError, match="not a /proc/PID/stat"):
        parse_stat(text)


def test_a_tree_is_its_root_and_all_below_and_nobody_else() -> None:
    """A supervisor is charged its workers and their children, but not its neighbours or its own parent."""
    parents = {1: 0, 10: 1, 12: 11, 11: 10, 20: 1, 13: 10}
    processes = [Process(pid, parent, finished=0) for pid, parent in parents.items()]
    assert {process.pid for process in select_tree(10, processes)} == {10, 11, 12, 13}
    assert [process.pid for process in select_tree(12, processes)] == [12]


def test_a_tree_without_root_is_an_error() -> None:
    """A peer that died is noticed and not charged zero."""
    with pytest.raises(ProcessLookupError, match="no process 11"):
        select_tree(11, [Process(10, 1, finished=5)])
