"""Deliver what is queued, one notification after the other, for as long as the program runs.

Decides when: at once when woken, and every `POLL` seconds for what came another way. What was left half done is put
back before anything is claimed, at the start and after every trouble with the database. How to deliver is the
channel's, what to record the store's.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import structlog

from .model import Notification
from .store import NotificationStore

BATCH = 100
"""How many notifications are claimed at once."""

POLL = 5.0
"""Seconds until the queue is looked at without having been woken."""

PAUSE = 1.0
"""Seconds to wait after a trouble."""

log = structlog.get_logger()


class DeliveryChannel(Protocol):
    """A way to a person."""

    async def deliver(self, notification: Notification) -> str | None:
        """Deliver one notification; return why it failed, or None."""
        ...


class Delivery:
    """The task that delivers. `trouble` says why nothing is delivered at the moment, or is None."""

    def __init__(self, store: NotificationStore, channel: DeliveryChannel) -> None:
        self._store = store
        self._channel = channel
        self._awake = asyncio.Event()
        self._stopping = False
        self.trouble: str | None = None

    def wake(self) -> None:
        """Look at the queue now."""
        self._awake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver while the block runs; on return the notification in hand is finished and the rest is queued."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._stopping = True
            self.wake()
            await task

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self._put_back()
                while not self._stopping:
                    await self._deliver_queued()
            except Exception:
                # The task must outlive whatever happens, or mail would stay queued until somebody restarts it.
                self.trouble = "interrupted; the log has the cause"
                log.exception("delivery interrupted")
                await self._rest(PAUSE)

    async def _put_back(self) -> None:
        count = await self._store.put_back()
        if count:
            log.info("interrupted deliveries queued again", count=count)

    async def _deliver_queued(self) -> None:
        # Cleared before the queue is read: what is queued after the reading wakes us again.
        self._awake.clear()
        claimed = await self._store.claim(BATCH)
        self.trouble = None
        for notification in claimed:
            if self._stopping:
                await self._put_back()
                return
            await self._deliver(notification)
        if not claimed:
            await self._rest(POLL)

    async def _deliver(self, notification: Notification) -> None:
        with structlog.contextvars.bound_contextvars(
            correlation_id=notification.correlation_id, notification=str(notification.id)
        ):
            try:
                error = await self._channel.deliver(notification)
            except Exception:
                # One message that nobody can deliver must not hold up all others.
                log.exception("delivery raised")
                error = "it cannot be delivered: an error of this program, which has been logged"
            await self._store.finish(notification.id, error)
            if error is None:
                log.info("delivered", type=notification.type)
            else:
                log.warning("not delivered", type=notification.type, error=error)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._awake.wait()
