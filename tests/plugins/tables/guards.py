"""Plug-ins that the broken table uses."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from orion_gateway.plugins import Plugin, Request, Response, buffered


class Window(BaseModel):
    """A mapping within the keys."""

    model_config = ConfigDict(extra="forbid")

    begin: int = 0
    end: int = 24


class GuardConfig(BaseModel):
    """Keys of all sorts."""

    limit: int = Field(ge=1)
    message: str = "no"
    mode: str = "strict"
    window: Window = Window()
    ports: list[int] = []

    @field_validator("mode")
    @classmethod
    def check_mode(cls, mode: str) -> str:
        """Refuse what does not exist, and say what was written."""
        if mode not in ("strict", "lenient"):
            raise ValueError(f"there is no mode {mode}")
        return mode


class Guard(Plugin):
    """Takes keys."""

    Config: ClassVar[type[BaseModel]] = GuardConfig
    decides = True

    def __init__(self, config: GuardConfig) -> None:
        if config.message == "explode":
            raise RuntimeError("cannot begin")

    def on_request(self, request: Request) -> Response | None:
        """Let everything pass."""
        return None


class Shaper(Plugin):
    """Takes no keys, and decides nothing."""

    def on_request(self, request: Request) -> Response | None:
        """Let everything pass."""
        return None


class Stranger:
    """No plug-in."""


class Undeclared(Plugin):
    """Wants content, and does not say so."""

    def on_request_body(self, request: Request) -> None:
        """See it."""


class Misfit(Plugin):
    """Its hook does not take the request: authors make this mistake, and type checkers are not always asked."""

    def on_request(self) -> None:  # type: ignore[override]
        """See nothing."""


class Hookless(Plugin):
    """Does nothing."""


class Attempting(Plugin):
    """Cannot refuse an attempt."""

    scope = "attempt"
    decides = True

    def on_request(self, request: Request) -> Response | None:
        """Let everything pass."""
        return None


class Waiting(Plugin):
    """Cannot wait for an attempt."""

    scope = "attempt"
    response_body = buffered(10)

    async def on_request(self, request: Request) -> Response | None:
        """Let everything pass."""
        return None


number = 5
