"""Fixtures of the data plane's tests."""

from tests.harness.fixtures import (
    endpoint,
    gateway,
    make_endpoint,
    pytest_asyncio_loop_factories,
    start_gateway,
)

__all__ = ["endpoint", "gateway", "make_endpoint", "pytest_asyncio_loop_factories", "start_gateway"]
