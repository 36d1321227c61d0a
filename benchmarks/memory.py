"""Tell how much memory a process and everything below it holds, as PSS.

A page that n processes share counts for 1/n in each of them. Reads `/proc/PID/smaps_rollup` (proc(5)). Which process to
ask about, and when, is decided elsewhere.
"""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.tree import read_tree

PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)


def parse_rollup(text: str) -> int:
    """Return the bytes of PSS in one `/proc/PID/smaps_rollup`; raise ValueError when it names none."""
    found = PSS.search(text)
    if found is None:
        raise ValueError(f"no Pss in smaps_rollup: {text[:80]!r}")
    return int(found[1]) * 1024


def read_tree_memory(root: int) -> int:
    """Return the bytes held by `root` and its descendants; raise ProcessLookupError when it is gone."""
    return sum(_read_memory(process.pid) for process in read_tree(root))


def _read_memory(pid: int) -> int:
    try:
        return parse_rollup(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0  # ended since the tree was read
