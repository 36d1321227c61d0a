"""How connections are shared out, and how many processes there are."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.control.limits import count_processors, raise_descriptor_limit, share_connections


@given(st.integers(1, 100_000), st.integers(1, 64))
def test_the_shares_add_up_to_what_was_configured(configured: int, workers: int) -> None:
    """The gateway would take more connections than it was allowed, or fewer."""
    shares = [share_connections(configured, 1_000_000, workers, number) for number in range(1, workers + 1)]
    assert sum(shares) == configured
    assert max(shares) - min(shares) <= 1


@pytest.mark.parametrize(
    ("configured", "descriptors", "expected"), [(None, 1064, 500), (None, 10, 1), (10_000, 1064, 500), (7, 1064, 7)]
)
def test_no_share_is_larger_than_the_descriptors_carry(configured: int | None, descriptors: int, expected: int) -> None:
    """A worker would run out of descriptors in the middle of exchanges."""
    assert share_connections(configured, descriptors, 1, 1) == expected


def test_the_soft_limit_is_raised_to_the_hard_one() -> None:
    """1,024 descriptors, the usual default, would be all that a gateway can use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
        assert raise_descriptor_limit() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("max 100000", None), ("50000 100000", 1), ("100000 100000", 1), ("99900000 100000", None), ("odd", None)],
)
def test_the_quota_of_a_container_counts(quota: str, expected: int | None, tmp_path: Path) -> None:
    """In a container with half a CPU there would be a worker for every CPU of the host."""
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    assert count_processors(file) == (expected or len(os.sched_getaffinity(0)))


def test_without_a_cgroup_the_affinity_counts(tmp_path: Path) -> None:
    """On an older system the gateway would not start."""
    assert count_processors(tmp_path / "none") == len(os.sched_getaffinity(0))
