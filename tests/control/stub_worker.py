"""A worker that behaves as it is told by its first argument; its descriptor and its number follow.

dies            at once, with exit code 7
mute            never serves
serves          serves and answers, drains with one exchange cut
stays           serves and does not leave when told to
hangs           serves, then answers nothing any more, and leaves when told to
fails           serves and tells at once of failed attempts, a failed exchange, and that it asks for a trial
dies once       dies the first time (its file, the fourth argument, is missing), then serves
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import Counter
from pathlib import Path

from orion_gateway.breaker.news import TrialAsked, Verdicts
from orion_gateway.control.channel import Channel
from orion_gateway.control.messages import (
    Ask,
    Drain,
    Drained,
    Explain,
    Explained,
    Message,
    News,
    Report,
    Serving,
    Snapshot,
)
from orion_gateway.discovery.news import AttemptTold
from orion_gateway.telemetry.metrics import Delta


async def main(behaviour: str, descriptor: int) -> None:
    """Play the part."""
    gone, leave = asyncio.Event(), asyncio.Event()
    heard: Counter[str] = Counter()

    def receive(message: Message) -> None:
        heard[type(message).__name__] += 1
        match message:
            case Snapshot(generation=generation) if behaviour != "mute":
                channel.send(Serving(generation))
                if behaviour == "fails":
                    failed = AttemptTold("slow", 0, succeeded=False)
                    channel.send(News((failed, failed, Verdicts("slow", 0, failures=1), TrialAsked("slow", 0))))
            case Explain(number) if behaviour not in ("hangs", "mute"):
                channel.send(Explained(number, (), False, None, None, None, 1.5, 0))
            case Ask(number) if behaviour not in ("hangs", "mute"):
                delta = Delta({("orion_http_requests_total", ("a",)): 1}, gauges={("orion_connections", ("a",)): 5})
                delta.counters |= {("heard", (name,)): count for name, count in heard.items()}
                heard.clear()
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
