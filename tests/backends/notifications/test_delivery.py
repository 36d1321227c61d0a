"""The delivering task, with channels that do what real ones seldom do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backends.common.database import check_database, open_database, parse_database_url, transaction
from backends.notifications import delivery as delivery_module
from backends.notifications.delivery import Delivery
from backends.notifications.model import NewNotification, Notification, Status
from backends.notifications.store import TABLES, NotificationStore

NEW = NewNotification.model_validate(
    {"userId": "7", "type": "email", "recipient": "ada@example.org", "subject": "Hi", "body": "Hello"}
)


class Channel:
    """A channel that does with each notification what the test says."""

    def __init__(self, behave: Callable[[Notification], Awaitable[str | None]]) -> None:
        self._behave = behave

    async def deliver(self, notification: Notification) -> str | None:
        return await self._behave(notification)


@pytest_asyncio.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An open, empty database."""
    async with open_database(parse_database_url(database_url), TABLES) as opened:
        yield opened


@pytest.fixture
def store(engine: AsyncEngine) -> NotificationStore:
    """The notifications in it."""
    return NotificationStore(engine)


async def statuses(store: NotificationStore, *ids: UUID) -> list[tuple[Status, int]]:
    """Return status and attempts of each notification."""
    found = [await store.find(notification_id) for notification_id in ids]
    return [(one.status, one.attempts) for one in found if one is not None]


async def test_one_that_raises_does_not_hold_up_the_others(store: NotificationStore) -> None:
    """One broken mail would stop all mail."""
    ids = [(await store.add(NEW, str(number))).id for number in range(3)]
    done = asyncio.Event()

    async def behave(notification: Notification) -> str | None:
        if notification.correlation_id == "0":
            raise RuntimeError("secret")
        if notification.correlation_id == "2":
            done.set()
        return None

    async with Delivery(store, Channel(behave)).running(), asyncio.timeout(20):
        await done.wait()
    assert await statuses(store, *ids) == [(Status.FAILED, 1), (Status.DELIVERED, 1), (Status.DELIVERED, 1)]
    broken = await store.find(ids[0])
    assert broken is not None
    assert broken.error is not None
    assert "secret" not in broken.error


async def test_a_stop_finishes_the_one_in_hand_and_queues_the_rest(store: NotificationStore) -> None:
    """A restart would leave mail as `sending`, or send one again that was just sent."""
    ids = [(await store.add(NEW, str(number))).id for number in range(3)]
    entered, release = asyncio.Event(), asyncio.Event()

    async def behave(notification: Notification) -> str | None:
        entered.set()
        await release.wait()
        return None

    async with Delivery(store, Channel(behave)).running(), asyncio.timeout(20):
        await entered.wait()
        asyncio.get_running_loop().call_soon(release.set)
    assert await statuses(store, *ids) == [(Status.DELIVERED, 1), (Status.QUEUED, 1), (Status.QUEUED, 1)]


async def test_a_wake_is_enough_to_deliver_at_once(store: NotificationStore) -> None:
    """Mail would wait for the next look at the queue."""
    delivered = asyncio.Event()

    async def behave(notification: Notification) -> str | None:
        delivered.set()
        return None

    delivery = Delivery(store, Channel(behave))
    async with delivery.running(), asyncio.timeout(20):
        first = await store.add(NEW, "first")
        delivery.wake()
        await delivered.wait()
    assert await statuses(store, first.id) == [(Status.DELIVERED, 1)]


async def test_what_came_another_way_is_found_without_a_wake(
    store: NotificationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another replica accepted would wait until this one accepts something."""
    monkeypatch.setattr(delivery_module, "POLL", 0.01)
    delivered = asyncio.Event()

    async def behave(notification: Notification) -> str | None:
        delivered.set()
        return None

    async with Delivery(store, Channel(behave)).running(), asyncio.timeout(20):
        await store.add(NEW, "first")
        await delivered.wait()


async def test_a_trouble_with_the_database_is_told_and_outlived(
    store: NotificationStore, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail would stay queued until somebody restarts the program, and health would call it healthy."""
    monkeypatch.setattr(delivery_module, "PAUSE", 0.01)
    notification = await store.add(NEW, "first")
    in_hand, release, again = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def behave(notification: Notification) -> str | None:
        if notification.attempts == 1:
            in_hand.set()
            await release.wait()
        else:
            again.set()
        return None

    delivery = Delivery(store, Channel(behave))
    async with delivery.running(), asyncio.timeout(20):
        await in_hand.wait()
        await tell(engine, "ALTER TABLE notifications RENAME TO hidden")
        release.set()
        while delivery.trouble is None:
            assert await check_database(engine) is None
        await tell(engine, "ALTER TABLE hidden RENAME TO notifications")
        await again.wait()
    assert not delivery.trouble
    assert await statuses(store, notification.id) == [(Status.DELIVERED, 2)]


async def tell(engine: AsyncEngine, statement: str) -> None:
    """Run a statement in a transaction of its own."""
    async with transaction(engine) as connection:
        await connection.execute(text(statement))


async def test_claimers_share_the_queue(store: NotificationStore) -> None:
    """Two programs on one database would send the same mail."""
    ids = [(await store.add(NEW, str(number))).id for number in range(30)]
    claims = await asyncio.gather(*(store.claim(10) for _ in range(3)))
    claimed = [notification.id for claim in claims for notification in claim]
    assert len(claimed) == len(set(claimed))
    assert all(len(claim) <= 10 for claim in claims)
    rest = await store.claim(100)
    assert sorted([*claimed, *(notification.id for notification in rest)], key=str) == sorted(ids, key=str)


async def test_the_oldest_are_claimed_first(store: NotificationStore) -> None:
    """Old mail would wait while new mail passes it."""
    added = [await store.add(NEW, str(number)) for number in range(5)]
    oldest = sorted(added, key=lambda notification: (notification.created_at, notification.id.hex))
    assert [claimed.id for claimed in await store.claim(3)] == [notification.id for notification in oldest[:3]]
