"""Fixtures of the tests that run filters in a gateway."""

from tests.harness.fixtures import endpoint, make_endpoint, pytest_asyncio_loop_factories, start_gateway

__all__ = ["endpoint", "make_endpoint", "pytest_asyncio_loop_factories", "start_gateway"]
