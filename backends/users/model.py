"""What clients may say about a user, and what they are told."""

from uuid import UUID

from pydantic import Field

from backends.common.fields import Email, Line
from backends.common.reading import Question
from backends.common.replies import Answer, Time


class NewUser(Question):
    """A user to create."""

    email: Email
    name: Line | None = None


class UserChanges(Question):
    """What to change of a user: only the fields that were sent (`model_fields_set`)."""

    # The default is never used, it only lets the field be absent: `null` is no e-mail address.
    email: Email = Field(default="")
    name: Line | None = None


class User(Answer):
    """A user as clients see it."""

    id: UUID
    email: str
    name: str | None
    created_at: Time
    updated_at: Time
