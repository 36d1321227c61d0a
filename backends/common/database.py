"""One way to a database for both engines: SQLite in a file by default, PostgreSQL when a URL says so.

Decides engines, connections, column types that mean the same on both, and what a lost database is to a client (503).
Tables and statements belong to each backend. A SQLite file belongs to one program; replicas share PostgreSQL.
A transaction that writes begins with its write: SQLite then waits for the lock instead of failing when a read would
have to become a write.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import structlog
from sqlalchemy import URL, DateTime, Dialect, MetaData, event, func, make_url, select
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnectionFreeError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.types import TypeDecorator

from .errors import ApiError
from .start import CannotStartError

CONNECT_TIMEOUT = 5.0
"""Seconds to wait for a connection of PostgreSQL, for a free one of the pool, or for the write lock of SQLite."""

STATEMENT_TIMEOUT = 30.0
"""Seconds after which a statement on PostgreSQL is given up."""

SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers and the writer do not wait for each other
    "PRAGMA synchronous = FULL",  # what was answered 201 or 202 outlives a power cut
    f"PRAGMA busy_timeout = {int(CONNECT_TIMEOUT * 1000)}",
    "PRAGMA foreign_keys = ON",
)

# The URL options that mean something to us; asyncpg calls libpq's `sslmode` `ssl`.
POSTGRES_OPTIONS = {"sslmode": "ssl", "host": "host"}

SCHEMA_LOCK = 0x6F72696F6E  # "orion": any number that replicas starting together agree on

TROUBLE = (DBAPIError, NoConnectionFreeError, asyncpg.PostgresError, OSError)
FAULTS = (IntegrityError, DataError, ProgrammingError)
"""The kinds of DBAPIError that are about a statement and not about the database."""

log = structlog.get_logger()


class DatabaseUnavailableError(ApiError):
    """The database cannot be used now: 503, with the cause in the log and not in the answer."""

    def __init__(self) -> None:
        super().__init__(
            503, "the database cannot be used at the moment", code="database_unavailable", headers={"Retry-After": "1"}
        )


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time on both engines; SQLite itself keeps no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        """Turn an aware time into what is stored."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        """Turn what was stored into an aware time."""
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


def sqlite_url(path: Path) -> URL:
    """Return the URL of a SQLite file."""
    return URL.create("sqlite+aiosqlite", database=str(path))


def parse_database_url(text: object) -> URL:
    """Read `postgresql://user:password@host:port/name` or `sqlite:///path`.

    A PostgreSQL URL may have the options `sslmode`, and `host` for the directory of a Unix socket.
    Raises `ValueError` that says what would be right and does not repeat what was given: it may hold a password.
    """
    try:
        url = make_url(str(text))
    except (ArgumentError, ValueError):
        raise ValueError("it is not a URL: write postgresql://user:password@host:5432/name or sqlite:///path") from None
    match url.drivername:
        case "postgresql" | "postgres":
            unknown = sorted(set(url.query) - set(POSTGRES_OPTIONS))
            if unknown:
                raise ValueError(f"unknown option {unknown[0]!r}: only {', '.join(POSTGRES_OPTIONS)} can be set")
            query = {POSTGRES_OPTIONS[name]: value for name, value in url.query.items()}
            return url.set(drivername="postgresql+asyncpg", query=query)
        case "sqlite" if url.database and url.database != ":memory:" and not url.query:
            return url.set(drivername="sqlite+aiosqlite")
        case "sqlite":
            raise ValueError("SQLite needs a file and takes no options: write sqlite:///path")
        case other:
            raise ValueError(f"{other!r} is no database we know: write postgresql://… or sqlite:///…")


@asynccontextmanager
async def open_database(url: URL, tables: MetaData) -> AsyncIterator[AsyncEngine]:
    """Open the database, make missing tables, and close every connection when the block ends.

    Raises `CannotStartError` when it cannot be opened.
    """
    engine = _make_engine(url)
    try:
        try:
            await _prepare(engine, tables)
        except TROUBLE as error:
            shown = url.render_as_string(hide_password=True)
            raise CannotStartError(f"the database {shown} cannot be opened: {_cause(error)}") from error
        yield engine
    finally:
        await engine.dispose()


def _make_engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(url, pool_timeout=CONNECT_TIMEOUT, hide_parameters=True)
        event.listen(engine.sync_engine, "connect", _set_pragmas)
        return engine
    return create_async_engine(
        url,
        hide_parameters=True,  # they are about people, and errors end in logs
        pool_timeout=CONNECT_TIMEOUT,
        pool_pre_ping=True,  # a connection that a restart of the server cut is replaced, not handed out
        connect_args={"timeout": CONNECT_TIMEOUT, "command_timeout": STATEMENT_TIMEOUT},
    )


def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


async def _prepare(engine: AsyncEngine, tables: MetaData) -> None:
    if engine.dialect.name == "sqlite":
        Path(engine.url.database or "").parent.mkdir(parents=True, exist_ok=True)
    async with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execute(select(func.pg_advisory_xact_lock(SCHEMA_LOCK)))
        await connection.run_sync(tables.create_all)


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Run the block in one transaction: committed when it ends, rolled back when it raises.

    Raises `DatabaseUnavailableError` when the database itself is the trouble; a statement's own faults pass through.
    """
    try:
        async with engine.begin() as connection:
            yield connection
    except FAULTS:
        raise
    except TROUBLE as error:
        log.warning("database unavailable", error=_cause(error))
        raise DatabaseUnavailableError from error


def _cause(error: Exception) -> str:
    # What the driver said, without the statement around it.
    return str(error.orig if isinstance(error, DBAPIError) else error)


async def check_database(engine: AsyncEngine) -> str | None:
    """Return why the database cannot be asked, or None when it answers."""
    try:
        async with transaction(engine) as connection:
            await connection.execute(select(1))
    except DatabaseUnavailableError as error:
        return error.message
    return None
