"""The table of users and every statement on it, the same for SQLite and PostgreSQL.

An e-mail address is unique without regard to case: `email_key` carries that, computed here because the engines' own
`lower` disagree beyond ASCII. Every change is one statement, so two clients at once cannot undo each other's field.
"""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Column, Index, MetaData, String, Table, Uuid, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from backends.common.clock import utc_now
from backends.common.database import UtcTime, check_database, transaction
from backends.common.fields import email_key
from backends.common.paging import Page, PageQuestion

from .model import NewUser, User, UserChanges

TABLES = MetaData()

USERS = Table(
    "users",
    TABLES,
    Column("id", Uuid, primary_key=True),
    Column("email", String, nullable=False),
    Column("email_key", String, nullable=False, unique=True),
    Column("name", String),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Index("users_by_creation", "created_at", "id"),
)


class EmailTakenError(Exception):
    """Another user has this e-mail address."""


class UserStore:
    """The users in a database. Raises `DatabaseUnavailableError` when it cannot be used."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def check(self) -> str | None:
        """Return why the database cannot be used, or None when it can."""
        return await check_database(self._engine)

    async def create(self, new: NewUser) -> User:
        """Keep a new user. Raises `EmailTakenError`."""
        now = utc_now()
        user = User(id=uuid4(), email=new.email, name=new.name, created_at=now, updated_at=now)
        row = {**user.model_dump(), "email_key": email_key(user.email)}
        try:
            async with transaction(self._engine) as connection:
                await connection.execute(insert(USERS).values(row))
        except IntegrityError as error:
            raise EmailTakenError from error
        return user

    async def find(self, user_id: UUID) -> User | None:
        """Return a user, or None when nobody has this id."""
        async with transaction(self._engine) as connection:
            row = (await connection.execute(select(USERS).where(USERS.c.id == user_id))).one_or_none()
        return None if row is None else User.model_validate(row._asdict())

    async def change(self, user_id: UUID, changes: UserChanges) -> User | None:
        """Change what was sent and return the user, or None when nobody has this id. Raises `EmailTakenError`."""
        values: dict[str, Any] = changes.model_dump(exclude_unset=True)
        if not values:
            return await self.find(user_id)
        if "email" in values:
            values["email_key"] = email_key(values["email"])
        statement = update(USERS).where(USERS.c.id == user_id).values(**values, updated_at=utc_now()).returning(USERS)
        try:
            async with transaction(self._engine) as connection:
                row = (await connection.execute(statement)).one_or_none()
        except IntegrityError as error:
            raise EmailTakenError from error
        return None if row is None else User.model_validate(row._asdict())

    async def delete(self, user_id: UUID) -> bool:
        """Delete a user; return whether there was one."""
        async with transaction(self._engine) as connection:
            result = await connection.execute(delete(USERS).where(USERS.c.id == user_id))
        return result.rowcount > 0

    async def page(self, question: PageQuestion) -> Page[User]:
        """Return one page of the users, newest first."""
        statement = (
            select(USERS).order_by(USERS.c.created_at.desc(), USERS.c.id).limit(question.limit).offset(question.offset)
        )
        async with transaction(self._engine) as connection:
            total = (await connection.execute(select(func.count()).select_from(USERS))).scalar_one()
            rows = (await connection.execute(statement)).all()
        users = [User.model_validate(row._asdict()) for row in rows]
        return Page(items=users, page=question.page, limit=question.limit, total=total)
