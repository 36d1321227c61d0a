"""Endpoints fail, services do not: short runs of what `python -m tests.integration.resilience` measures in full."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.integration.resilience import PROOFS, Result, Run, prove

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = Run(seconds=0.5)

LONG = {"all-begin-to-fail", "slow-start-1-worker"}
"""What says nothing about so short a time (the budget of retries looks back on ten seconds), or nothing more."""

AT_ONCE = 2
"""Proofs under way: much of each is waiting for processes to start and for time to pass."""


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Result]]]:
    """Begin with every proof that a test of this run asks for."""
    names = [
        str(item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path
    ]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield {name: threads.submit(prove, name, RUN) for name in names}


@pytest.mark.parametrize("name", [name for name in PROOFS if name not in LONG])
def test_what_was_promised_holds(name: str, results: dict[str, Future[Result]]) -> None:
    """A figure behind its bar, or a proof that cannot be made at all."""
    result = results[name].result()
    assert result.passed, f"{result.figure} (must be: {result.bar})\n" + "\n".join(result.counts)
