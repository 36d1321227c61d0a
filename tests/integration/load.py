"""Clients that ask on and on, each on one connection as long as that lasts, and count what they get."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tests.harness.wire import Wire, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

CONTENT = b"the content of a POST"


@dataclass(frozen=True)
class Answer:
    """What came back. `status` 0: none did, the connection was `cut` or it `hangs`."""

    status: int
    content: bytes = b""
    end: str = ""

    @property
    def reason(self) -> str:
        """Why the gateway answered itself, empty when it did not."""
        with contextlib.suppress(ValueError):
            body = json.loads(self.content)
            if isinstance(body, dict):
                return str(body.get("reason", ""))
        return ""


@dataclass
class Tally:
    """What clients got."""

    gets: Counter[str] = field(default_factory=Counter)
    """Answers to GET: the status, and the gateway's reason."""
    posts: dict[str, Answer] = field(default_factory=dict)
    """The answer to each POST by its path, which is no other's."""
    seconds: list[float] = field(default_factory=list)
    """How long each answer took."""

    @property
    def good(self) -> int:
        """GETs that were answered with 200 and the right content."""
        return self.gets["200"]

    def describe(self) -> str:
        """Return the counts in words."""
        posts = Counter(describe(answer) for answer in self.posts.values())
        shown = [f"GET {_show(self.gets)}"]
        return "; ".join(shown + ([f"POST {_show(posts)}"] if posts else []))


def describe(answer: Answer) -> str:
    """Return an answer in a word or two."""
    return f"{answer.status} {answer.reason}".strip() if answer.status else answer.end


def _show(counts: Counter[str]) -> str:
    return ", ".join(f"{count} x {what}" for what, count in sorted(counts.items())) or "none"


class Client:
    """One connection at a time, made again when it has ended."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._wire: Wire | None = None

    async def ask(self, path: str, method: str = "GET", fields: str = "") -> Answer:
        """Make a request."""
        content = CONTENT if method == "POST" else b""
        length = f"Content-Length: {len(content)}\r\n" if content else ""
        request = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}{length}\r\n".encode() + content
        try:
            if self._wire is None:
                self._wire = await connect(self._port)
            await self._wire.send(request)
            return await read_answer(self._wire)
        except TimeoutError:
            self.close()
            return Answer(0, end="hangs")
        except (OSError, EOFError):
            self.close()
            return Answer(0, end="cut")

    def close(self) -> None:
        """Leave."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None


async def read_answer(wire: Wire) -> Answer:
    """Read one answer with a Content-Length."""
    head = await wire.read_head()
    _, _, length = head.lower().partition(b"\r\ncontent-length:")
    return Answer(int(head[9:12]), await wire.read(int(length.partition(b"\r\n")[0])))


class Load:
    """So many clients at work. `get` and `post` make the paths: both get the number of the request."""

    def __init__(
        self,
        port: int,
        rng: Random,
        *,
        clients: int = 16,
        pause: float = 0.02,
        post_share: float = 0.0,
        prefix: str = "/",
        choose: Callable[[int], tuple[str, str]] | None = None,
    ) -> None:
        """Each client pauses between nothing and twice `pause` seconds after an answer.

        `choose` returns path and fields for the request of a number, instead of `prefix` and none.
        """
        self.tally = Tally()
        self._port = port
        self._rng = rng
        self._clients = clients
        self._pause = pause
        self._post_share = post_share
        self._prefix = prefix
        self._choose = choose
        self._asked = 0
        self._ends = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Tally]:
        """Ask while the block lasts; at its end every client has had its last answer."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._clients):
                group.create_task(self._ask_on())
            try:
                yield self.tally
            finally:
                self._ends = True

    async def _ask_on(self) -> None:
        client = Client(self._port)
        try:
            while not self._ends:
                await self._ask(client)
                if self._pause:
                    await asyncio.sleep(self._rng.uniform(0.0, 2 * self._pause))
        finally:
            client.close()

    async def _ask(self, client: Client) -> None:
        self._asked += 1
        is_post = self._rng.random() < self._post_share
        path, fields = (f"{self._prefix}{self._asked}", "") if self._choose is None else self._choose(self._asked)
        started = time.monotonic()
        answer = await client.ask(path, "POST" if is_post else "GET", fields)
        self.tally.seconds.append(time.monotonic() - started)
        if is_post:
            self.tally.posts[path] = answer
        else:
            is_right = answer.status != 200 or answer.content == path.encode()
            self.tally.gets[describe(answer) if is_right else "wrong content"] += 1
