"""The environment variables of the notifications backend, beside those that all backends have."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field
from sqlalchemy import URL

from backends.common.fields import Email
from backends.common.settings import BackendSettings, DatabaseUrl, Port


class NotificationsSettings(BackendSettings):
    """Where notifications listens, keeps its table and puts its mail."""

    service: ClassVar[str] = "notifications"

    host: str = Field(
        default="127.0.0.1",
        validation_alias="NOTIFICATION_SERVICE_HOST",
        description="the address that the notifications backend listens on",
    )
    port: Port = Field(
        default=3003,
        validation_alias="NOTIFICATION_SERVICE_PORT",
        description="the port that the notifications backend listens on, 0 to 65535; 0 lets the system choose",
    )
    own_database_url: DatabaseUrl = Field(
        default=None,
        validation_alias="NOTIFICATION_DATABASE_URL",
        description="the database of the notifications; unset, it is what DATABASE_URL says",
        examples=["postgresql://orion:password@localhost:5432/orion_notification"],
        repr=False,  # it holds a password
    )
    outbox_dir: Path | None = Field(
        default=None,
        validation_alias="NOTIFICATION_OUTBOX_DIR",
        description="the directory for delivered e-mail; unset, it is `outbox` in the data directory",
        examples=["var/outbox"],
    )
    email_from: Email = Field(
        default="orion@example.org",
        validation_alias="NOTIFICATION_EMAIL_FROM",
        description="the address that e-mail is sent from",
    )

    @property
    def database(self) -> URL:
        """The database to use: its own, else the one of all backends."""
        return self.own_database_url or super().database

    @property
    def outbox(self) -> Path:
        """The directory of the outbox."""
        return self.outbox_dir or self.data_dir / "outbox"
