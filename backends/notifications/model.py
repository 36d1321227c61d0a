"""What clients may say about a notification, what they are told, and which channels are enabled here."""

from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, JsonValue, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from backends.common.fields import Line, Text, check_email
from backends.common.paging import PageQuestion
from backends.common.reading import Question
from backends.common.replies import Answer, Time

Channel = Literal["email", "sms", "push"]

ENABLED: tuple[Channel, ...] = ("email",)

METADATA_DEPTH = 8
METADATA_ENTRIES = 100


class Status(Enum):
    """How far a notification has come."""

    QUEUED = "queued"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


def check_metadata(value: Any) -> Any:
    """Return JSON that is neither nested deeper nor larger than anybody needs. Raises `ValueError`."""
    level, entries = [value], 0
    for _ in range(METADATA_DEPTH):
        level = [child for node in level for child in _children(node)]
        entries += len(level)
    if level or entries > METADATA_ENTRIES:
        raise ValueError(f"it may be {METADATA_DEPTH} levels deep and have {METADATA_ENTRIES} entries in all")
    return value


def _children(node: Any) -> list[Any]:
    match node:
        case dict():
            return list(node.values())
        case list():
            return node
        case _:
            return []


class NewNotification(Question):
    """A notification to deliver."""

    user_id: Line
    type: Channel
    recipient: Line
    subject: Line
    body: Text
    metadata: Annotated[dict[str, JsonValue], BeforeValidator(check_metadata)] = Field(default_factory=dict)

    @field_validator("type")
    @classmethod
    def _is_enabled(cls, channel: Channel) -> Channel:
        if channel not in ENABLED:
            raise PydanticCustomError(
                "channel_not_enabled",
                "the channel {channel} is not enabled here, only {enabled}",
                {"channel": channel, "enabled": ", ".join(ENABLED)},
            )
        return channel

    @field_validator("recipient")
    @classmethod
    def _fits_channel(cls, recipient: str, info: ValidationInfo) -> str:
        return check_email(recipient) if info.data.get("type") == "email" else recipient


class NotificationsQuestion(PageQuestion):
    """Which notifications to list."""

    user_id: Line | None = None
    status: Status | None = None


class Notification(Answer):
    """A notification as clients see it. `error` says why it failed."""

    id: UUID
    user_id: str
    type: Channel
    recipient: str
    subject: str
    body: str
    metadata: dict[str, JsonValue]
    status: Status
    attempts: int
    error: str | None
    correlation_id: str
    created_at: Time
    last_attempt: Time | None
    sent_at: Time | None
    delivered_at: Time | None
    failed_at: Time | None
