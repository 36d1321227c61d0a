"""What both engines must do alike, and what is a lost database."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, UniqueConstraint, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from backends.common.database import (
    DatabaseUnavailableError,
    UtcTime,
    check_database,
    open_database,
    parse_database_url,
    transaction,
)
from backends.common.start import CannotStartError

TABLES = MetaData()
THINGS = Table(
    "things",
    TABLES,
    Column("number", Integer),
    Column("at", UtcTime),
    UniqueConstraint("number"),
)


async def test_a_time_comes_back_as_it_went_in(database_url: str) -> None:
    """A time would shift by the server's zone, or lose its zone on one of the engines."""
    moment = datetime(2025, 1, 18, 1, 0, 0, 123000, tzinfo=timezone(timedelta(hours=2)))
    async with open_database(parse_database_url(database_url), TABLES) as engine:
        async with transaction(engine) as connection:
            await connection.execute(insert(THINGS), [{"number": 1, "at": moment}, {"number": 2, "at": None}])
        async with transaction(engine) as connection:
            times = (await connection.execute(select(THINGS.c.at).order_by(THINGS.c.number))).scalars().all()
    assert times[0] == moment
    assert times[0] is not None
    assert times[0].tzinfo is UTC or times[0].utcoffset() == timedelta(0)
    assert times[1] is None


async def test_what_a_failed_transaction_did_is_undone(database_url: str) -> None:
    """Half of a change would stay."""
    async with open_database(parse_database_url(database_url), TABLES) as engine:

        async def fail_halfway() -> None:
            async with transaction(engine) as connection:
                await connection.execute(insert(THINGS).values(number=1))
                await connection.execute(insert(THINGS).values(number=1))

        with pytest.raises(IntegrityError):
            await fail_halfway()
        async with transaction(engine) as connection:
            assert (await connection.execute(select(func.count()).select_from(THINGS))).scalar_one() == 0


async def test_what_was_kept_is_there_after_a_restart(database_url: str) -> None:
    """A second start would fail on tables that exist, or empty them."""
    url = parse_database_url(database_url)
    async with open_database(url, TABLES) as engine, transaction(engine) as connection:
        await connection.execute(insert(THINGS).values(number=7))
    async with open_database(url, TABLES) as engine, transaction(engine) as connection:
        assert (await connection.execute(select(THINGS.c.number))).scalar_one() == 7


async def test_replicas_may_start_together_on_an_empty_database(postgres_database: str) -> None:
    """Both would make the tables, and one of them fail."""
    url = parse_database_url(postgres_database)

    async def start() -> str | None:
        async with open_database(url, TABLES) as engine:
            return await check_database(engine)

    assert await asyncio.gather(*(start() for _ in range(4))) == [None] * 4


async def test_writers_wait_for_each_other(database_url: str) -> None:
    """Two changes at once would be an error, or one of them lost."""
    async with open_database(parse_database_url(database_url), TABLES) as engine:
        async with transaction(engine) as connection:
            await connection.execute(insert(THINGS).values(number=0))

        async def count_up() -> None:
            async with transaction(engine) as connection:
                await connection.execute(update(THINGS).values(number=THINGS.c.number + 1))

        await asyncio.gather(*(count_up() for _ in range(20)))
        async with transaction(engine) as connection:
            assert (await connection.execute(select(THINGS.c.number))).scalar_one() == 20


async def test_sqlite_keeps_a_write_ahead_log(tmp_path: Path) -> None:
    """Every reader would wait for the writer."""
    url = parse_database_url(f"sqlite:///{tmp_path}/new/deep/x.db")
    async with open_database(url, TABLES) as engine, transaction(engine) as connection:
        modes = [
            (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "busy_timeout", "foreign_keys", "synchronous")
        ]
    assert modes == ["wal", 5000, 1, 2]


async def test_a_connection_that_the_server_ended_is_replaced(postgres_database: str) -> None:
    """After a restart of PostgreSQL every pooled connection would cost one failed request."""
    async with open_database(parse_database_url(postgres_database), TABLES) as engine:
        async with transaction(engine) as connection:
            victim = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        async with open_database(parse_database_url(postgres_database), TABLES) as other, transaction(other) as ending:
            await ending.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": victim})
        assert await check_database(engine) is None


async def test_a_connection_lost_in_a_transaction_is_a_lost_database(postgres_database: str) -> None:
    """The client would be told of an error of the program instead of to come again."""
    async with open_database(parse_database_url(postgres_database), TABLES) as engine:

        async def end_own_connection() -> None:
            async with transaction(engine) as connection:
                await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
                await connection.execute(text("SELECT 1"))

        with pytest.raises(DatabaseUnavailableError) as caught:
            await end_own_connection()
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "1")


async def test_a_sqlite_file_that_is_damaged_is_a_lost_database(tmp_path: Path) -> None:
    """The health resource would call a backend healthy that cannot read its data."""
    path = tmp_path / "x.db"
    async with open_database(parse_database_url(f"sqlite:///{path}"), TABLES) as engine:
        assert await check_database(engine) is None
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(CannotStartError, match=r"cannot be opened: .*file is not a database"):
        async with open_database(parse_database_url(f"sqlite:///{path}"), TABLES):
            pass


async def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    """The person who starts the backend would not know what is missing, or the log would know the password."""
    with socket.socket() as bound:  # bound, and nobody listens: connections are refused
        bound.bind(("127.0.0.1", 0))
        url = parse_database_url(f"postgresql://orion:secret@127.0.0.1:{bound.getsockname()[1]}/x")
        with pytest.raises(CannotStartError) as caught:
            async with open_database(url, TABLES):
                pass
    assert "postgresql+asyncpg://orion:***@127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A start in the wrong place would end in a stack trace."""
    (tmp_path / "file").touch()
    with pytest.raises(CannotStartError, match="cannot be opened"):
        async with open_database(parse_database_url(f"sqlite:///{tmp_path}/file/x.db"), TABLES):
            pass
