"""A whole message read from a wire: what a client got, or what an endpoint was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.harness.wire import Wire


@dataclass(frozen=True)
class Message:
    """A request or a response. Names of fields are in lower case."""

    start: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    content: bytes

    @property
    def status(self) -> int:
        """That of a response."""
        return int(self.start.split(b" ")[1])

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of all fields of a lower-case name."""
        return [value for field, value in self.fields if field == name]


async def read_message(wire: Wire, *, has_content: bool = True) -> Message:
    """Read a message with its content, if it can have any."""
    start, *lines = (await wire.read_head()).rstrip(b"\r\n").split(b"\r\n")
    pairs = [line.partition(b":") for line in lines]
    message = Message(start, tuple((name.lower(), value.strip()) for name, _, value in pairs), b"")
    if not has_content:
        return message
    content = b""
    if message.values(b"transfer-encoding") == [b"chunked"]:
        while size := int((await wire.read_until(b"\r\n")).split(b";")[0], 16):
            content += await wire.read(size)
            assert await wire.read(2) == b"\r\n"
        while await wire.read_until(b"\r\n") != b"\r\n":
            pass
    else:
        content = await wire.read(int((message.values(b"content-length") or [b"0"])[0]))
    return Message(start, message.fields, content)
