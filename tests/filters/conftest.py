"""Fixtures of the tests that run filters in a gateway."""

from tests.harness.fixtures import deaf_port, endpoint, make_endpoint, pytest_asyncio_loop_factories, start_gateway

__all__ = ["deaf_port", "endpoint", "make_endpoint", "pytest_asyncio_loop_factories", "start_gateway"]
