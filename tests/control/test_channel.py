"""Messages arrive whole and in order, however their bytes are cut."""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct

from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.control.channel import Channel
from orion_gateway.control.messages import Ask, Drain, Drained, Message, Report, Serving
from orion_gateway.telemetry.metrics import Delta
from tests.harness.wire import until

messages = st.one_of(
    st.builds(Ask, st.integers()),
    st.builds(Serving, st.integers(0)),
    st.builds(Drained, st.integers(0)),
    st.builds(Drain, st.floats(0, 100), st.floats(0, 100)),
)


def frame(message: Message) -> bytes:
    """Return the frame of a message, as the module describes it."""
    content = pickle.dumps(message)
    return struct.pack(">I", len(content)) + content


@given(st.lists(messages, max_size=8), st.data())
def test_a_stream_cut_anywhere_gives_the_same_messages(sent: list[Message], data: st.DataObject) -> None:
    """A report split by the kernel would be lost, or everything behind it."""
    stream = b"".join(map(frame, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    received: list[Message] = []
    channel = Channel(received.append, lambda: None)
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        channel.data_received(stream[start:end])
    assert received == sent


async def test_both_ends_speak_and_the_end_is_told_after_the_last_message() -> None:
    """The last counts of a worker that leaves would be lost, or its end not be seen."""
    ends = socket.socketpair()
    told: list[object] = []
    answers: list[Message] = []
    one = Channel(answers.append, lambda: None)
    other = Channel(told.append, lambda: told.append("gone"))
    for channel, end in zip((one, other), ends, strict=True):
        end.setblocking(False)
        await channel.open(end)
    large = Report(Delta(counters={("name", (str(number),)): number for number in range(50_000)}))
    one.send(large)
    one.send(Drained(3))
    other.send(Ask(1))
    await until(lambda: answers)
    one.close()
    one.send(Ask(2))  # nobody hears it, and nothing fails
    await until(lambda: told[-1:] == ["gone"])
    assert answers == [Ask(1)]
    assert told == [large, Drained(3), "gone"]
    other.send(Ask(3))


async def test_a_frame_that_cannot_be_read_ends_the_channel() -> None:
    """A worker that goes mad would leave the supervisor waiting for it for ever."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    lost = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    channel = Channel(lambda _message: None, lost.set)
    await channel.open(ours)
    theirs.send(struct.pack(">I", 4) + b"junk")
    await asyncio.wait_for(lost.wait(), 5)
    theirs.close()
