"""Memory of a process tree."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.memory import parse_rollup, read_tree_memory

ROLLUP = """\
00400000-7ffd1000 ---p 00000000 00:00 0                                  [rollup]
Rss:               10240 kB
Pss:                6420 kB
Pss_Anon:           5000 kB
"""
HOLD = "import sys\nblock = bytearray(b'x' * (32 << 20))\nprint('held', flush=True)\ninput()"


def test_pss_is_read_and_not_one_of_its_parts() -> None:
    """The figure is the share of all pages, in bytes."""
    assert parse_rollup(ROLLUP) == 6420 * 1024


def test_a_rollup_without_pss_is_refused() -> None:
    """A kernel that writes something else gives an error instead of zero."""
    with pytest.raises(ValueError, match="no Pss"):
        parse_rollup("Rss: 10 kB\n")


def test_memory_of_a_child_belongs_to_the_tree() -> None:
    """A worker's memory is in the figure of its supervisor."""
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {HOLD!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert 32 << 20 <= read_tree_memory(process.pid) < 256 << 20
        process.communicate("\n")
