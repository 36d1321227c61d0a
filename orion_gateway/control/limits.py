"""How many connections a process may have: derived from its descriptors, so that running out of them is the rare case.

Also how many processes there should be. Shares are pure arithmetic; the rest asks the system.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

_RESERVE = 64
"""Descriptors kept for logs, channels, idle connections to endpoints and the runtime itself."""

_PER_EXCHANGE = 2
"""A client's connection and an endpoint's."""

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def raise_descriptor_limit() -> int:
    """Raise the soft limit of descriptors to the hard one, for this process and those it starts; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def share_connections(configured: int | None, descriptors: int, workers: int, number: int) -> int:
    """Return how many client connections worker `number` (from 1) of `workers` may have.

    `configured` is the limit of the whole gateway and the shares add up to it, None derives one; none is larger than
    the `descriptors` of a process carry. A share may be 0: another worker takes what waits in the shared socket.
    """
    possible = max(1, (descriptors - _RESERVE) // _PER_EXCHANGE)
    if configured is None:
        return possible
    return min(possible, configured // workers + (number <= configured % workers))


def count_processors(quota: Path = _QUOTA) -> int:
    """Return the processors this process may use: by affinity, and by the quota of its cgroup (version 2)."""
    processors = len(os.sched_getaffinity(0))
    try:
        limit, period = quota.read_text("ascii").split()
        allowed = -(-int(limit) // int(period))
    except (OSError, ValueError):  # no cgroup, or "max"
        return processors
    return max(1, min(processors, allowed))
