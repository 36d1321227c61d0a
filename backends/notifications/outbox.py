"""The channel that keeps e-mail as files: one `<id>.eml` per notification in a directory that other programs read.

A file appears whole or not at all, and is on the disk before the notification is called delivered. Delivering the
same notification again replaces its file.
"""

import asyncio
import os
import tempfile
from pathlib import Path

from backends.common.start import CannotStartError

from .mail import render_mail
from .model import Notification


class Outbox:
    """A directory of mail, made when missing. Raises `CannotStartError` when it cannot be made."""

    def __init__(self, directory: Path, sender: str) -> None:
        self._directory = directory
        self._sender = sender
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotStartError(f"the outbox {directory} cannot be made: {error.strerror}") from error

    async def deliver(self, notification: Notification) -> str | None:
        """Write the mail of a notification; return why it could not be written, or None."""
        return await asyncio.to_thread(self._write, f"{notification.id}.eml", render_mail(notification, self._sender))

    async def check(self) -> str | None:
        """Return why nothing can be written into the directory, or None."""
        return await asyncio.to_thread(self._try)

    def _write(self, name: str, content: bytes) -> str | None:
        # A hidden name until it is whole; always the same one, so that a crash leaves nothing that stays.
        unfinished = self._directory / f".{name}"
        try:
            with unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._directory / name)
        except OSError as error:
            return f"the outbox cannot be written: {error.strerror}"
        return None

    def _try(self) -> str | None:
        try:
            with tempfile.TemporaryFile(dir=self._directory) as file:
                file.write(b"x")
        except OSError as error:
            return f"the outbox cannot be written: {error.strerror}"
        return None
