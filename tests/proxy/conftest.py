"""Fixtures of the data plane's tests."""

from tests.harness.fixtures import (
    deaf_port,
    endpoint,
    gateway,
    make_endpoint,
    pytest_asyncio_loop_factories,
    start_gateway,
)

__all__ = ["deaf_port", "endpoint", "gateway", "make_endpoint", "pytest_asyncio_loop_factories", "start_gateway"]
