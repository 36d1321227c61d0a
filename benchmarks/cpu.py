"""Tell how much CPU time, user and system, a process and everything below it has used.

A living process is asked by its CPU clock, which counts nanoseconds over all its threads; ticks of 10 ms would be too
coarse for a short round at a low rate. A child that ended is in its parent's figures, in ticks. So the sum over the
tree loses nothing and counts nothing twice. Which process to ask about, and when, is decided elsewhere.
"""

from __future__ import annotations

import errno
import os
import time

from benchmarks.tree import read_tree


def read_tree_seconds(root: int) -> float:
    """Return the CPU seconds used so far by `root` and its descendants; raise ProcessLookupError when it is gone."""
    tree = read_tree(root)
    finished = sum(process.finished for process in tree) / os.sysconf("SC_CLK_TCK")
    return finished + sum(_read_clock(process.pid) for process in tree)


def _read_clock(pid: int) -> float:
    # What clock_getcpuclockid(3) returns: the complement of the process id above three bits, of which 2 says
    # "scheduler's time of the whole process". Python offers the call for its own threads only.
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return 0.0  # ended since the tree was read: from now on its time is in its parent's figures
        raise
