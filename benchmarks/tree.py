"""Tell which processes belong to a peer: its first one and everything below it. Reads `/proc/PID/stat` (proc(5))."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Process:
    """One process. `finished` is the user and system time of its children that ended and were waited for, in ticks."""

    pid: int
    parent: int
    finished: int


def parse_stat(text: str) -> Process:
    """Read one `/proc/PID/stat`; raise ValueError when it is not one."""
    # The program's name stands in parentheses and may itself hold spaces and parentheses: the last one closes it.
    before, closing, after = text.rpartition(")")
    fields = after.split()
    if not closing or len(fields) < 15:
        raise ValueError(f"not a /proc/PID/stat: {text[:80]!r}")
    # cutime and cstime are fields 16 and 17 of proc(5); the state, field 3, is the first one here.
    return Process(pid=int(before.split()[0]), parent=int(fields[1]), finished=int(fields[13]) + int(fields[14]))


def select_tree(root: int, processes: Iterable[Process]) -> list[Process]:
    """Return `root` and all its descendants; raise ProcessLookupError when `root` is not among the processes."""
    by_pid: dict[int, Process] = {}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for process in processes:
        by_pid[process.pid] = process
        children[process.parent].append(process.pid)
    if root not in by_pid:
        raise ProcessLookupError(f"no process {root}")
    tree, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        tree.append(by_pid[pid])
        waiting += children[pid]
    return tree


def read_tree(root: int) -> list[Process]:
    """Return the living tree below `root`; raise ProcessLookupError when it is gone."""
    return select_tree(root, _read_processes())


def _read_processes() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield parse_stat((entry / "stat").read_text(errors="replace"))
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended between the listing and the reading
