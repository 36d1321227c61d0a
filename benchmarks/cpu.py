"""Tell how much CPU time a process and everything below it has used.

Reads `/proc/PID/stat` (proc(5)). A child that ended and was waited for is in its parent's figures, so the sum over the
living tree loses nothing and counts nothing twice. Which process to ask about, and when, is decided elsewhere.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process has used: user and system time of its own and of its finished children, in clock ticks."""

    pid: int
    parent: int
    ticks: int


def parse_stat(text: str) -> Usage:
    """Read one `/proc/PID/stat`; raise ValueError when it is not one."""
    # The program's name stands in parentheses and may itself hold spaces and parentheses: the last one closes it.
    before, closing, after = text.rpartition(")")
    fields = after.split()
    if not closing or len(fields) < 15:
        raise ValueError(f"not a /proc/PID/stat: {text[:80]!r}")
    # utime, stime, cutime and cstime are fields 14 to 17 of proc(5); the state, field 3, is the first one here.
    return Usage(pid=int(before.split()[0]), parent=int(fields[1]), ticks=sum(map(int, fields[11:15])))


def sum_tree(root: int, usages: Iterable[Usage]) -> int:
    """Return the ticks of `root` and all its descendants; raise ProcessLookupError when `root` is not among them."""
    by_pid: dict[int, Usage] = {}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for usage in usages:
        by_pid[usage.pid] = usage
        children[usage.parent].append(usage.pid)
    if root not in by_pid:
        raise ProcessLookupError(f"no process {root}")
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        total += by_pid[pid].ticks
        waiting += children[pid]
    return total


def read_tree_seconds(root: int) -> float:
    """Return the CPU seconds used so far by `root` and its descendants; raise ProcessLookupError when it is gone."""
    return sum_tree(root, _read_usages()) / os.sysconf("SC_CLK_TCK")


def _read_usages() -> Iterator[Usage]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield parse_stat((entry / "stat").read_text(errors="replace"))
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended between the listing and the reading
