"""What holds for every test: with CI=true nothing may be left out, and a test runs on the builds that it is about."""

from __future__ import annotations

import os

import pytest

from orion_gateway.build import is_compiled


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Turn a skip into a failure where everything must be there."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped with CI=true: {report.longrepr}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about the compiled build where the pure one runs; `make test` runs the suite on both."""
    if is_compiled():
        return
    others = [item for item in items if item.get_closest_marker("compiled")]
    items[:] = [item for item in items if item not in others]
    config.hook.pytest_deselected(items=others)
