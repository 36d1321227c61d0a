"""The content of a message as plug-ins read it, once all of it has been collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import orjson

if TYPE_CHECKING:
    from orion_gateway.filters.filter import BodyNeed


class NoContentError(RuntimeError):
    """Content was asked for that was not declared, or has not been collected yet."""


class WithContent:
    """What the two messages have in common; `need` is what the plug-in declares for this direction."""

    __slots__ = ("_body", "_need")

    direction: ClassVar[str]
    """`request` or `response`."""

    def __init__(self, need: BodyNeed) -> None:
        self._need = need
        self._body: bytes | None = None

    @property
    def body(self) -> bytes:
        """The whole content. Raises NoContentError unless it was declared, and before the hook for it is called."""
        if self._body is None:
            if self._need.kind == "buffered":
                raise NoContentError(f"the content of the {self.direction} is there from on_{self.direction}_body on")
            declared = f"{self.direction}_body = buffered(64 * 1024)"
            raise NoContentError(
                f"the plug-in does not declare that it needs the content of the {self.direction}: {declared}"
            )
        return self._body

    async def read(self) -> bytes:
        """Return `body`."""
        return self.body

    async def text(self) -> str:
        """Return the content as text. Raises UnicodeDecodeError when it is no UTF-8."""
        return self.body.decode("utf-8")

    async def json(self) -> Any:
        """Return the JSON value that the content is. Raises ValueError when it is none."""
        return orjson.loads(self.body)

    def take_body(self, content: bytes) -> None:
        """Take the content that was collected; the gateway's."""
        self._body = content
