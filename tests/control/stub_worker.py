"""A worker that behaves as it is told by its first argument; its descriptor and its number follow.

dies            at once, with exit code 7
mute            never serves
serves          serves and answers, drains with one exchange cut
stays           serves and does not leave when told to
hangs           serves, then answers nothing any more, and leaves when told to
dies once       dies the first time (its file, the fourth argument, is missing), then serves
"""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

from orion_gateway.control.channel import Channel
from orion_gateway.control.messages import Ask, Drain, Drained, Message, Report, Serving, Snapshot
from orion_gateway.telemetry.metrics import Delta


async def main(behaviour: str, descriptor: int) -> None:
    """Play the part."""
    gone, leave = asyncio.Event(), asyncio.Event()

    def receive(message: Message) -> None:
        match message:
            case Snapshot(generation=generation) if behaviour != "mute":
                channel.send(Serving(generation))
            case Ask(number) if behaviour not in ("hangs", "mute"):
                delta = Delta({("orion_http_requests_total", ("a",)): 1}, gauges={("orion_connections", ("a",)): 5})
                channel.send(Report(delta, number))
            case Drain() if behaviour != "stays":
                leave.set()

    channel = Channel(receive, gone.set)
    await channel.open(socket.socket(fileno=descriptor))
    waiting = [asyncio.create_task(event.wait()) for event in (leave, gone)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if leave.is_set():
        channel.send(Drained(1))
        channel.close()
    await gone.wait()


if __name__ == "__main__":
    part, *rest = sys.argv[1:]
    if part == "dies once":
        mark = Path(rest.pop(0))
        part = "serves" if mark.exists() else "dies"
        mark.touch()
    if part == "dies":
        sys.exit(7)
    asyncio.run(main(part, int(rest[0])))
