"""Nobody gets another one's bytes, whatever endpoints and clients do, and nothing is left behind."""

from __future__ import annotations

import os

from tests.integration.chaos import run_chaos

REQUESTS = int(os.environ.get("ORION_CHAOS_REQUESTS", "2000"))
"""`python -m tests.integration.chaos` makes all 10,000 and prints what was counted."""

GROWTH = 8 * 2**20
"""Resident bytes that the allocator may keep; what our own objects keep is counted exactly."""


async def test_every_client_gets_its_own_answer_or_a_clear_error() -> None:
    """A byte of somebody else's answer is the worst that a gateway can send."""
    report = await run_chaos(REQUESTS, seed=1)
    assert report.wrong == []
    outcomes = report.outcomes
    # The run means something only if all of this happened.
    assert min(outcomes[each] for each in ("status 200", "status 502", "status 504", "cut", "left")) > 0
    assert report.pools == {"idle": 0, "busy": 0, "opening": 0, "queued": 0}
    assert report.in_flight == 0
    assert report.left_behind == 0
    assert report.descriptors[0] == report.descriptors[1]
    assert report.resident[1] - report.resident[0] < GROWTH
