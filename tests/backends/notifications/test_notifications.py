"""The notifications backend over HTTP, on both database engines."""

import asyncio
import json
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from backends.common.database import open_database, parse_database_url
from backends.common.start import CannotStartError
from backends.notifications import delivery
from backends.notifications.app import build_app
from backends.notifications.model import NewNotification
from backends.notifications.settings import NotificationsSettings
from backends.notifications.store import TABLES, NotificationStore
from tests.backends.conftest import Serve
from tests.services import drop_database

NOTIFICATIONS = "/api/v1/notifications"
MAIL = {"userId": "7", "type": "email", "recipient": "ada@example.org", "subject": "Hi", "body": "Hello, Ada.\n"}


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> NotificationsSettings:
    """Settings with an empty database and an outbox of the test's own."""
    return NotificationsSettings.model_construct(
        own_database_url=parse_database_url(database_url), outbox_dir=tmp_path / "outbox"
    )


@pytest.fixture(autouse=True)
def look_only_when_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the delivery from finding by its regular look what it should have been woken for."""
    monkeypatch.setattr(delivery, "POLL", 3600.0)


@pytest_asyncio.fixture
async def client(serve: Serve, settings: NotificationsSettings) -> ClientSession:
    """A client of the running backend."""
    return await serve(build_app(settings))


async def accept(client: ClientSession, **fields: Any) -> dict[str, Any]:
    """Send a notification and return what was answered."""
    response = await client.post(NOTIFICATIONS, json={**MAIL, **fields})
    notification: dict[str, Any] = await response.json()
    assert response.status == 202, notification
    return notification


async def outcome(client: ClientSession, notification_id: str) -> dict[str, Any]:
    """Ask for a notification until it is delivered or has failed, and return it."""
    async with asyncio.timeout(20):
        while True:
            response = await client.get(f"{NOTIFICATIONS}/{notification_id}")
            notification: dict[str, Any] = await response.json()
            if notification["status"] in ("delivered", "failed"):
                return notification


async def test_an_email_is_accepted_and_delivered_into_the_outbox(
    client: ClientSession, settings: NotificationsSettings
) -> None:
    """No mail would be sent."""
    response = await client.post(
        NOTIFICATIONS, json={**MAIL, "metadata": {"order": [1, {"vip": True}]}}, headers={"X-Request-Id": "order-7"}
    )
    accepted = await response.json()
    assert response.status == 202
    assert response.headers["Location"] == f"{NOTIFICATIONS}/{accepted['id']}"
    assert (accepted["status"], accepted["attempts"], accepted["deliveredAt"]) == ("queued", 0, None)
    assert (accepted["metadata"], accepted["correlationId"]) == ({"order": [1, {"vip": True}]}, "order-7")
    delivered = await outcome(client, accepted["id"])
    assert (delivered["status"], delivered["attempts"], delivered["error"]) == ("delivered", 1, None)
    assert delivered["createdAt"] <= delivered["lastAttempt"] <= delivered["sentAt"] <= delivered["deliveredAt"]
    assert {name: delivered[name] for name in (*MAIL, "metadata")} == {**MAIL, "metadata": accepted["metadata"]}
    assert [path.name for path in settings.outbox.iterdir()] == [f"{accepted['id']}.eml"]
    message = message_from_bytes((settings.outbox / f"{accepted['id']}.eml").read_bytes(), policy=default)
    assert (message["To"], message["From"], message["Subject"]) == ("ada@example.org", "orion@example.org", "Hi")


REFUSED: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"type": "sms", "recipient": "+491700000"}, {"type": "channel_not_enabled"}),
    ({"type": "push", "recipient": "token"}, {"type": "channel_not_enabled"}),
    ({"type": "fax"}, {"type": "literal_error"}),
    ({"recipient": "ada"}, {"recipient": "value_error"}),
    ({"subject": "Hi\r\nBcc: eve@example.net"}, {"subject": "value_error"}),
    ({"subject": "", "body": ""}, {"subject": "string_too_short", "body": "string_too_short"}),
    ({"userId": None}, {"userId": "string_type"}),
    ({"metadata": []}, {"metadata": "dict_type"}),
    ({"metadata": {"a": [[[[[[[[1]]]]]]]]}}, {"metadata": "value_error"}),
    ({"metadata": {"a": list(range(100))}}, {"metadata": "value_error"}),
    ({"status": "delivered"}, {"status": "extra_forbidden"}),
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("change", "wrong"), REFUSED)
async def test_what_cannot_be_delivered_is_refused_at_once(
    client: ClientSession, change: dict[str, Any], wrong: dict[str, str]
) -> None:
    """The sender would believe it sent, and only the log would know better."""
    response = await client.post(NOTIFICATIONS, json={**MAIL, **change})
    details = (await response.json())["details"]
    assert (response.status, {detail["field"]: detail["code"] for detail in details}) == (422, wrong)
    assert (await (await client.get(NOTIFICATIONS)).json())["total"] == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_channel_that_is_not_enabled_is_named(client: ClientSession) -> None:
    """The sender could not tell a mistyped channel from one that is off."""
    response = await client.post(NOTIFICATIONS, json={**MAIL, "type": "sms"})
    [detail] = (await response.json())["details"]
    assert detail["message"] == "the channel sms is not enabled here, only email"


async def test_metadata_comes_back_as_it_went_in(client: ClientSession) -> None:
    """A NUL, a large number or a deep list would be a 500 of one of the engines, or come back changed."""
    metadata = {"nul": "a\x00b", "big": 2**63, "real": 0.1, "none": None, "deep": {"a": {"b": [[[["c"]]]]}}, "ü": "王"}
    accepted = await accept(client, metadata=metadata)
    assert (await outcome(client, accepted["id"]))["metadata"] == metadata


async def test_the_list_can_be_narrowed_to_a_user_and_a_status(client: ClientSession) -> None:
    """A person could not be told what became of a mail."""
    mine = [await accept(client, userId="ada") for _ in range(3)]
    await accept(client, userId="bob")
    for notification in mine:
        await outcome(client, notification["id"])
    page = await (await client.get(NOTIFICATIONS, params={"userId": "ada", "limit": "2"})).json()
    assert (page["total"], len(page["items"]), {item["userId"] for item in page["items"]}) == (3, 2, {"ada"})
    rest = await (await client.get(NOTIFICATIONS, params={"userId": "ada", "limit": "2", "page": "2"})).json()
    listed = [item["id"] for item in page["items"] + rest["items"]]
    assert sorted(listed) == sorted(notification["id"] for notification in mine)
    for status, total in (("delivered", 3), ("failed", 0), ("queued", 0)):
        query = {"userId": "ada", "status": status}
        assert (await (await client.get(NOTIFICATIONS, params=query)).json())["total"] == total
    assert (await client.get(NOTIFICATIONS, params={"status": "lost"})).status == 422


async def test_nothing_has_an_unknown_id(client: ClientSession) -> None:
    """A mistyped id would be taken for an error of the program."""
    for unknown in ("7", "0f8fad5b-d9cb-469f-a165-70867728950e"):
        assert (await client.get(f"{NOTIFICATIONS}/{unknown}")).status == 404


async def test_what_cannot_be_written_has_failed_and_says_why(
    client: ClientSession, settings: NotificationsSettings
) -> None:
    """Mail would be lost without anybody being told; and health must say that it will go on."""
    settings.outbox.rmdir()
    failed = await outcome(client, (await accept(client))["id"])
    assert (failed["status"], failed["attempts"], failed["deliveredAt"]) == ("failed", 1, None)
    assert failed["error"] == "the outbox cannot be written: No such file or directory"
    assert failed["failedAt"] >= failed["lastAttempt"]
    response = await client.get("/health")
    report = await response.json()
    assert (response.status, report["status"], report["checks"]["outbox"]["status"]) == (503, "unhealthy", "unhealthy")
    settings.outbox.mkdir()
    assert (await client.get("/health/ready")).status == 200
    assert (await outcome(client, (await accept(client))["id"]))["status"] == "delivered"


async def test_what_was_left_is_delivered_at_the_next_start(serve: Serve, settings: NotificationsSettings) -> None:
    """A mail that was accepted before a crash would never arrive, or wait for ever as `sending`."""
    new = NewNotification.model_validate(MAIL)
    async with open_database(settings.database, TABLES) as engine:
        store = NotificationStore(engine)
        interrupted = await store.add(new, "first")
        assert [claimed.id for claimed in await store.claim(10)] == [interrupted.id]
        queued = await store.add(new, "second")
    client = await serve(build_app(settings))
    assert (await outcome(client, str(interrupted.id)))["attempts"] == 2
    assert (await outcome(client, str(queued.id)))["attempts"] == 1
    names = sorted(path.name for path in settings.outbox.iterdir())
    assert names == sorted(f"{notification.id}.eml" for notification in (interrupted, queued))


async def test_health_names_every_dependency(client: ClientSession) -> None:
    """Whoever is called at night could not see what is broken."""
    response = await client.get("/health")
    report = await response.json()
    assert (response.status, report["status"], report["service"]) == (200, "healthy", "notifications")
    assert {name: check["required"] for name, check in report["checks"].items()} == {
        "database": True,
        "outbox": True,
        "delivery": False,
    }


async def test_a_lost_database_is_503_and_not_ready(
    serve: Serve, tmp_path: Path, postgres_database: str, postgres: str
) -> None:
    """A notification would be answered 202 and be nowhere."""
    url = parse_database_url(postgres_database)
    client = await serve(
        build_app(NotificationsSettings.model_construct(own_database_url=url, outbox_dir=tmp_path / "outbox"))
    )
    await drop_database(postgres, postgres_database)
    response = await client.post(NOTIFICATIONS, json=MAIL)
    assert (response.status, (await response.json())["code"]) == (503, "database_unavailable")
    assert (await client.get("/health/ready")).status == 503


def test_an_outbox_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The program would start, and every mail fail."""
    (tmp_path / "file").touch()
    settings = NotificationsSettings.model_construct(data_dir=tmp_path, outbox_dir=tmp_path / "file" / "outbox")
    with pytest.raises(CannotStartError, match=r"the outbox .* cannot be made"):
        build_app(settings)


async def test_many_notifications_are_delivered_each_once(
    client: ClientSession, settings: NotificationsSettings
) -> None:
    """A second batch would wait for the next start, or a mail be sent twice."""
    accepted = await asyncio.gather(*(accept(client, subject=f"mail {number}") for number in range(150)))
    results = [await outcome(client, notification["id"]) for notification in accepted]
    assert {(result["status"], result["attempts"]) for result in results} == {("delivered", 1)}
    assert len(list(settings.outbox.iterdir())) == 150


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_body_may_be_as_long_as_mail_is(client: ClientSession, settings: NotificationsSettings) -> None:
    """Long mail would be cut or refused."""
    body = "line " * 30_000 + "\nend"
    accepted = await accept(client, body=body)
    assert (await outcome(client, accepted["id"]))["status"] == "delivered"
    content = (settings.outbox / f"{accepted['id']}.eml").read_bytes()
    assert message_from_bytes(content, policy=default).get_content().splitlines() == body.splitlines()
    assert max(len(line) for line in content.splitlines()) <= 998, "RFC 5322, section 2.1.1"
    assert json.loads(json.dumps(accepted))["body"] == body
