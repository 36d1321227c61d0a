"""What tests of the benchmarks share: the rule for programs that are not on this machine."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from benchmarks.processes import NotInstalledError, find_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


@contextmanager
def _skip_when_missing() -> Iterator[None]:
    try:
        yield
    except NotInstalledError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must have everything: {error}")
        pytest.skip(str(error))


@pytest.fixture
def missing_skips() -> Callable[[], AbstractContextManager[None]]:
    """A block that skips the test when a program is missing, and fails it in CI."""
    return _skip_when_missing


@pytest.fixture
def load_programs() -> None:
    """Skip where no round can be run."""
    with _skip_when_missing():
        find_program("wrk")
        find_program("nginx")
