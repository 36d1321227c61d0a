"""The environment variables of the users backend, beside those that all backends have."""

from typing import ClassVar

from pydantic import Field

from backends.common.settings import BackendSettings, Port


class UsersSettings(BackendSettings):
    """Where users listens."""

    service: ClassVar[str] = "users"

    host: str = Field(
        default="127.0.0.1",
        validation_alias="USER_SERVICE_HOST",
        description="the address that the users backend listens on",
    )
    port: Port = Field(
        default=3002,
        validation_alias="USER_SERVICE_PORT",
        description="the port that the users backend listens on, 0 to 65535; 0 lets the system choose",
    )
