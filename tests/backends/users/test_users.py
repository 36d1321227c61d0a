"""The users backend over HTTP, on both database engines."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from backends.common.database import parse_database_url
from backends.users.app import build_app
from backends.users.settings import UsersSettings
from tests.backends.conftest import Serve
from tests.services import drop_database

USERS = "/api/v1/users"


@pytest_asyncio.fixture
async def client(serve: Serve, database_url: str) -> ClientSession:
    """A client of the users backend on an empty database."""
    return await serve(build_app(UsersSettings.model_construct(database_url=parse_database_url(database_url))))


async def create(client: ClientSession, **fields: Any) -> dict[str, Any]:
    """Create a user and return it."""
    response = await client.post(USERS, json=fields)
    user: dict[str, Any] = await response.json()
    assert response.status == 201, user
    return user


async def test_a_user_is_created_and_read(client: ClientSession) -> None:
    """Nobody could be registered."""
    response = await client.post(USERS, json={"email": "Ada@Example.org", "name": " Ada "})
    user = await response.json()
    assert response.status == 201
    assert response.headers["Location"] == f"{USERS}/{user['id']}"
    assert list(user) == ["id", "email", "name", "createdAt", "updatedAt"]
    assert (user["email"], user["name"], str(UUID(user["id"]))) == ("Ada@example.org", "Ada", user["id"])
    assert user["createdAt"] == user["updatedAt"]
    assert user["createdAt"].endswith("Z")
    read = await client.get(response.headers["Location"])
    assert (read.status, await read.json()) == (200, user)


async def test_an_address_is_unique_without_regard_to_case(client: ClientSession) -> None:
    """One person would have two accounts, and a login could mean either."""
    await create(client, email="ADA.Müller@example.org")
    response = await client.post(USERS, json={"email": "ada.MÜLLER@EXAMPLE.ORG"})
    body = await response.json()
    assert (response.status, body["code"]) == (409, "email_taken")
    assert [detail["field"] for detail in body["details"]] == ["email"]


async def test_of_two_who_register_one_address_at_once_one_wins(client: ClientSession) -> None:
    """The check before the insert would let both pass."""
    answers = await asyncio.gather(*(client.post(USERS, json={"email": "ada@example.org"}) for _ in range(8)))
    assert sorted(response.status for response in answers) == [201] + [409] * 7


REFUSED = [
    ({}, ["email"]),
    ({"email": "ada"}, ["email"]),
    ({"email": "ada@example.org", "name": ""}, ["name"]),
    ({"email": "ada@example.org", "name": "a\x00b"}, ["name"]),
    ({"email": "ada@example.org", "password": "secret"}, ["password"]),
    ({"email": "ada@example.org", "id": "7", "createdAt": "now"}, ["id", "createdAt"]),
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("fields", "wrong"), REFUSED)
async def test_what_may_not_be_said_is_refused(client: ClientSession, fields: dict[str, Any], wrong: list[str]) -> None:
    """A client could choose ids and times, or believe that its password was kept."""
    response = await client.post(USERS, json=fields)
    assert response.status == 422
    assert [detail["field"] for detail in (await response.json())["details"]] == wrong


async def test_only_what_was_sent_is_changed(client: ClientSession) -> None:
    """A client that changes the name would clear or reset the address."""
    user = await create(client, email="ada@example.org", name="Ada")
    path = f"{USERS}/{user['id']}"
    changed = await (await client.patch(path, json={"name": "Ada L."})).json()
    assert changed == {**user, "name": "Ada L.", "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] >= user["updatedAt"]
    cleared = await (await client.patch(path, json={"name": None})).json()
    assert (cleared["name"], cleared["email"]) == (None, "ada@example.org")
    moved = await (await client.patch(path, json={"email": "lovelace@example.org"})).json()
    assert await (await client.get(path)).json() == moved
    assert (await client.patch(path, json={"email": None})).status == 422


async def test_a_change_of_nothing_changes_nothing(client: ClientSession) -> None:
    """updatedAt would tell of changes that never were."""
    user = await create(client, email="ada@example.org")
    response = await client.patch(f"{USERS}/{user['id']}", json={})
    assert (response.status, await response.json()) == (200, user)


async def test_nobody_can_take_the_address_of_another_by_a_change(client: ClientSession) -> None:
    """Whoever changes an address to another's could take over what is sent there; one's own case may change."""
    ada = await create(client, email="ada@example.org")
    await create(client, email="bob@example.org")
    path = f"{USERS}/{ada['id']}"
    assert (await client.patch(path, json={"email": "BOB@example.org"})).status == 409
    response = await client.patch(path, json={"email": "ADA@example.org"})
    assert (response.status, (await response.json())["email"]) == (200, "ADA@example.org")
    await create(client, email="ada2@example.org")
    assert (await client.patch(path, json={"email": "ada3@example.org"})).status == 200
    await create(client, email="ada@example.org")


async def test_a_deleted_user_is_gone_and_the_address_free(client: ClientSession) -> None:
    """A person who left could still be read, or never come back."""
    user = await create(client, email="ada@example.org")
    path = f"{USERS}/{user['id']}"
    response = await client.delete(path)
    assert (response.status, await response.read()) == (204, b"")
    for again in (client.get(path), client.patch(path, json={"name": "x"}), client.delete(path)):
        assert (await again).status == 404
    await create(client, email="ada@example.org")


async def test_the_list_has_every_user_once_newest_first(client: ClientSession) -> None:
    """Someone who walks the pages would miss users or see them twice."""
    users = [await create(client, email=f"user{number}@example.org") for number in range(5)]
    pages = [await (await client.get(USERS, params={"page": page, "limit": 2})).json() for page in (1, 2, 3, 4)]
    assert [(page["page"], page["limit"], page["total"], len(page["items"])) for page in pages] == [
        (1, 2, 5, 2),
        (2, 2, 5, 2),
        (3, 2, 5, 1),
        (4, 2, 5, 0),
    ]
    listed = [user for page in pages for user in page["items"]]
    assert sorted(listed, key=lambda user: str(user["id"])) == sorted(users, key=lambda user: str(user["id"]))
    assert [user["createdAt"] for user in listed] == sorted((user["createdAt"] for user in users), reverse=True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("query", ["page=0", "limit=0", "limit=101", "page=10001", "page=x", "pages=1", "page="])
async def test_a_page_out_of_bounds_is_refused(client: ClientSession, query: str) -> None:
    """One request could ask the database for everything."""
    assert (await client.get(f"{USERS}?{query}")).status == 422


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_auth_is_not_here_yet(client: ClientSession) -> None:
    """The gateway's auth route leads here too: its paths must be a plain 404 until they exist."""
    response = await client.post("/api/v1/auth/login", json={})
    assert (response.status, (await response.json())["code"]) == (404, "not_found")


async def test_health_asks_the_database(client: ClientSession) -> None:
    """Traffic would come before the database can be used."""
    report = await (await client.get("/health")).json()
    assert (report["status"], list(report["checks"])) == ("healthy", ["database"])


async def test_a_lost_database_is_503_and_not_ready(serve: Serve, postgres_database: str, postgres: str) -> None:
    """The gateway would keep sending requests to a backend that cannot answer them."""
    url = parse_database_url(postgres_database)
    client = await serve(build_app(UsersSettings.model_construct(database_url=url)))
    user = await create(client, email="ada@example.org")
    await drop_database(postgres, postgres_database)
    response = await client.get(f"{USERS}/{user['id']}")
    body = await response.json()
    assert (response.status, body["code"], response.headers["Retry-After"]) == (503, "database_unavailable", "1")
    assert "orion_test" not in str(body)
    assert (await client.get("/health/ready")).status == 503
    assert (await client.get("/health/live")).status == 200


async def test_users_outlive_the_program(tmp_path: Path, serve: Serve) -> None:
    """A restart would lose everybody; and it is the default settings that keep them in the data directory."""
    settings = UsersSettings.model_construct(data_dir=tmp_path / "var")
    first = await serve(build_app(settings))
    user = await create(first, email="ada@example.org")
    second = await serve(build_app(settings))
    assert await (await second.get(f"{USERS}/{user['id']}")).json() == user
    assert (tmp_path / "var" / "users.db").exists()
