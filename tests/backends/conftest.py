"""What all tests of the backends share: applications that really listen, on both database engines."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web

from backends.common.server import running
from tests.services import postgres, postgres_database

__all__ = ["postgres", "postgres_database"]

Serve = Callable[[web.Application], Awaitable[ClientSession]]


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start an application on a free port, and return a client whose paths are the application's."""
    async with AsyncExitStack() as stack:

        async def start(app: web.Application) -> ClientSession:
            url = await stack.enter_async_context(running(app, "127.0.0.1", 0))
            return await stack.enter_async_context(ClientSession(url))

        yield start


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: the test runs once per engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    url: str = request.getfixturevalue("postgres_database")
    return url
