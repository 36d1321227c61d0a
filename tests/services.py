"""Servers that tests need and the project does not bring: used where they run, else started from what is installed.

A test asks for a fixture; import the fixtures into a `conftest.py` to have them there. What cannot be had is skipped
with the reason, and with CI=true in the environment it is a failure: there nothing may be missing.

PostgreSQL: the server of `ORION_TEST_POSTGRES` (a URL of a role that may create databases), else one on
127.0.0.1:5432 that trusts the role postgres, else a private copy of an installed one on a Unix socket in a temporary
directory. `ORION_TEST_POSTGRES=private` asks for the private copy at once.
"""

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

LOCAL_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"

START_TIMEOUT = 60
"""Seconds that a private server may take to be made and to start."""


def miss(reason: str) -> NoReturn:
    """Give up the test for want of a server: skipped, or failed where nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI=true: nothing may be missing)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server's own database, for a role that may create others."""
    named = os.environ.get("ORION_TEST_POSTGRES", "")
    if named and named != "private":
        yield named  # who names a server wants to see the error when it does not answer
    elif not named and asyncio.run(_answers(LOCAL_POSTGRES)):
        yield LOCAL_POSTGRES
    elif programs := _find_postgres_programs():
        with private_postgres(programs) as url:
            yield url
    else:
        miss("no PostgreSQL: none on 127.0.0.1:5432, none installed, ORION_TEST_POSTGRES is not set")


@pytest_asyncio.fixture
async def postgres_database(postgres: str) -> AsyncIterator[str]:
    """The URL of an empty PostgreSQL database of this test's own, dropped at its end."""
    name = f"orion_test_{uuid4().hex}"
    url = urlsplit(postgres)._replace(path=f"/{name}").geturl()
    await _tell(postgres, f'CREATE DATABASE "{name}"')
    try:
        yield url
    finally:
        await drop_database(postgres, url)


async def drop_database(server: str, url: str) -> None:
    """Drop a database, if it is still there, and end every connection to it: so a test can lose its database."""
    await _tell(server, f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)')


async def _tell(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True


def _find_postgres_programs() -> Path | None:
    """Return the directory of initdb and pg_ctl; Debian keeps them off the path, one directory per version."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


@contextmanager
def private_postgres(programs: Path) -> Iterator[str]:
    """Run a PostgreSQL server of our own while the block runs; yield its URL. It listens on a Unix socket only."""
    directory = Path(tempfile.mkdtemp(prefix="orion-postgres-"))
    data = directory / "data"
    run_as: list[str] = []
    if os.geteuid() == 0:  # the server refuses to be run by root
        account = _ordinary_account()
        os.chown(directory, account.pw_uid, account.pw_gid)
        run_as = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]

    def call(program: str, *arguments: str) -> None:
        # Its output goes to a file: the server would keep a pipe open, and we would wait for its end.
        with (directory / "log").open("a+") as log:
            command = [*run_as, str(programs / program), "-D", str(data), *arguments]
            done = subprocess.run(command, stdout=log, stderr=log, cwd=directory, timeout=START_TIMEOUT)
            if done.returncode:
                log.seek(0)
                pytest.fail(f"{program} failed:\n{log.read()}", pytrace=False)

    try:
        call("initdb", "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8")
        options = f"-c listen_addresses='' -c unix_socket_directories='{directory}' -c fsync=off"
        call("pg_ctl", "-w", "-t", str(START_TIMEOUT), "-o", options, "start")
        try:
            yield f"postgresql://postgres@/postgres?host={directory}"
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory)


def _ordinary_account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    miss("PostgreSQL cannot be run: we are root, and there is neither a postgres nor a nobody account")
