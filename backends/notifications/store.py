"""The table of notifications and every statement on it, the same for SQLite and PostgreSQL.

The table is the queue too: a notification is claimed, finished or put back by one statement each, so that an answer
of 202 survives every crash. Statuses only go forward, except when what was interrupted is put back.
"""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, Column, Index, Integer, MetaData, Row, String, Table, Uuid, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from backends.common.clock import utc_now
from backends.common.database import UtcTime, check_database, transaction
from backends.common.paging import Page

from .model import NewNotification, Notification, NotificationsQuestion, Status

TABLES = MetaData()

NOTIFICATIONS = Table(
    "notifications",
    TABLES,
    Column("id", Uuid, primary_key=True),
    Column("user_id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("recipient", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("body", String, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("status", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", String),
    Column("correlation_id", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("last_attempt", UtcTime),
    Column("sent_at", UtcTime),
    Column("delivered_at", UtcTime),
    Column("failed_at", UtcTime),
    Index("notifications_by_status", "status", "created_at"),
    Index("notifications_by_user", "user_id", "created_at"),
    Index("notifications_by_creation", "created_at", "id"),
)

COLUMNS = NOTIFICATIONS.c


class NotificationStore:
    """The notifications in a database. Raises `DatabaseUnavailableError` when it cannot be used."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def check(self) -> str | None:
        """Return why the database cannot be used, or None when it can."""
        return await check_database(self._engine)

    async def add(self, new: NewNotification, correlation_id: str) -> Notification:
        """Keep a new notification, queued."""
        notification = Notification(
            id=uuid4(),
            **new.model_dump(),
            status=Status.QUEUED,
            attempts=0,
            error=None,
            correlation_id=correlation_id,
            created_at=utc_now(),
            last_attempt=None,
            sent_at=None,
            delivered_at=None,
            failed_at=None,
        )
        row = {**notification.model_dump(), "status": notification.status.value}
        async with transaction(self._engine) as connection:
            await connection.execute(insert(NOTIFICATIONS).values(row))
        return notification

    async def find(self, notification_id: UUID) -> Notification | None:
        """Return a notification, or None when none has this id."""
        statement = select(NOTIFICATIONS).where(COLUMNS.id == notification_id)
        async with transaction(self._engine) as connection:
            row = (await connection.execute(statement)).one_or_none()
        return None if row is None else _notification(row)

    async def page(self, question: NotificationsQuestion) -> Page[Notification]:
        """Return one page of the notifications that the question asks for, newest first."""
        conditions = []
        if question.user_id is not None:
            conditions.append(COLUMNS.user_id == question.user_id)
        if question.status is not None:
            conditions.append(COLUMNS.status == question.status.value)
        count = select(func.count()).select_from(NOTIFICATIONS).where(*conditions)
        statement = (
            select(NOTIFICATIONS)
            .where(*conditions)
            .order_by(COLUMNS.created_at.desc(), COLUMNS.id)
            .limit(question.limit)
            .offset(question.offset)
        )
        async with transaction(self._engine) as connection:
            total = (await connection.execute(count)).scalar_one()
            rows = (await connection.execute(statement)).all()
        return Page(items=[_notification(row) for row in rows], page=question.page, limit=question.limit, total=total)

    async def claim(self, limit: int) -> list[Notification]:
        """Mark up to `limit` queued notifications as sending, and return them, oldest first."""
        # A CTE and not a subquery: PostgreSQL may run a subquery again and then claim more than the limit.
        oldest = (
            select(COLUMNS.id)
            .where(COLUMNS.status == Status.QUEUED.value)
            .order_by(COLUMNS.created_at, COLUMNS.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("oldest")
        )
        statement = (
            update(NOTIFICATIONS)
            .where(COLUMNS.id.in_(select(oldest.c.id)))
            .values(status=Status.SENDING.value, attempts=COLUMNS.attempts + 1, last_attempt=utc_now())
            .returning(NOTIFICATIONS)
        )
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(statement)).all()
        return sorted((_notification(row) for row in rows), key=lambda claimed: (claimed.created_at, claimed.id.hex))

    async def finish(self, notification_id: UUID, error: str | None) -> None:
        """Record that a notification was delivered, or why it failed."""
        now = utc_now()
        if error is None:
            values: dict[str, Any] = {"status": Status.DELIVERED.value, "sent_at": now, "delivered_at": now}
        else:
            values = {"status": Status.FAILED.value, "failed_at": now}
        statement = update(NOTIFICATIONS).where(COLUMNS.id == notification_id).values(**values, error=error)
        async with transaction(self._engine) as connection:
            await connection.execute(statement)

    async def put_back(self) -> int:
        """Queue again what is marked as sending; return how many that were. Only for who sends nothing just now."""
        statement = (
            update(NOTIFICATIONS).where(COLUMNS.status == Status.SENDING.value).values(status=Status.QUEUED.value)
        )
        async with transaction(self._engine) as connection:
            return (await connection.execute(statement)).rowcount


def _notification(row: Row[Any]) -> Notification:
    return Notification.model_validate(row._asdict())
