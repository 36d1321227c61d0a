"""Fixtures of the tests of discovery."""

from tests.harness.fixtures import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
