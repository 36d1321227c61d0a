"""The connection in memory, as asyncio's protocols expect connections to be: order, back-pressure, ends, losses."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.proxy.memory_transport import HIGH, LOW, PORTION, MemoryTransport, connect

if TYPE_CHECKING:
    from collections.abc import Callable


class Turns:
    """A loop whose turns the test makes."""

    def __init__(self) -> None:
        self.due: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self.failures: list[str] = []

    def call_soon(self, call: Callable[..., object], *arguments: Any) -> None:
        self.due.append((call, arguments))

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.failures.append(repr(context["exception"]))

    def turn(self) -> None:
        """Run what is due now, and not what becomes due by it."""
        for _ in range(len(self.due)):
            call, arguments = self.due.popleft()
            call(*arguments)

    def settle(self) -> None:
        """Run until nothing is due."""
        for _ in range(10_000):
            if not self.due:
                return
            self.turn()
        raise AssertionError("it never settles")


class End(asyncio.Protocol):
    """Keeps what it is told, and sees that it is told nothing in the wrong order."""

    def __init__(self, keeps_open: bool = False) -> None:
        self.transport = cast("MemoryTransport", None)
        self.pieces: list[bytes] = []
        self.is_held = False
        self.holds = 0
        self.has_ended = False
        self.lost: list[Exception | None] = []
        self.keeps_open = keeps_open
        self.on_data: Callable[[bytes], object] = lambda data: None
        self._is_inside = False

    @property
    def received(self) -> bytes:
        return b"".join(self.pieces)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("MemoryTransport", transport)

    def data_received(self, data: bytes) -> None:
        assert type(data) is bytes, "the codec reads nothing else"
        assert data
        assert not self.has_ended
        assert not self.lost
        assert not self._is_inside
        assert self.transport.is_reading()
        self._is_inside = True
        self.pieces.append(data)
        try:
            self.on_data(data)
        finally:
            self._is_inside = False

    def eof_received(self) -> bool:
        assert not self.has_ended
        assert not self.lost
        assert not self._is_inside
        self.has_ended = True
        return self.keeps_open

    def pause_writing(self) -> None:
        assert not self.is_held
        self.is_held = True
        self.holds += 1

    def resume_writing(self) -> None:
        assert self.is_held
        assert not self.lost
        assert not self._is_inside
        self.is_held = False

    def connection_lost(self, exc: Exception | None) -> None:
        assert not self.lost
        assert not self._is_inside
        self.lost.append(exc)


def pair(*, keeps_open: bool = False) -> tuple[Turns, End, End]:
    """Return a loop and two connected ends."""
    turns, one, other = Turns(), End(keeps_open), End(keeps_open)
    connect(cast("asyncio.AbstractEventLoop", turns), one, other, {"sockname": "memory"})
    return turns, one, other


def test_what_is_written_in_one_turn_arrives_in_one_piece_and_later() -> None:
    """A head and its content would be two packets; and a protocol would be entered from within its own write."""
    turns, one, other = pair()
    one.transport.write(b"head ")
    changed = bytearray(b"and ")
    one.transport.write(changed)
    changed[:] = b"XXXX"
    one.transport.writelines([b"", memoryview(b"con"), b"tent"])
    assert other.pieces == []
    turns.settle()
    assert other.pieces == [b"head and content"]
    assert one.pieces == []


def test_a_large_piece_comes_in_portions_between_which_the_reader_may_pause() -> None:
    """One answer of a hundred megabytes would be written to a slow client whole, and keep every other one waiting."""
    turns, one, other = pair()
    content = bytes(range(256)) * (PORTION // 64)
    one.transport.write(content)
    turns.turn()
    assert [len(piece) for piece in other.pieces] == [PORTION]
    other.transport.pause_reading()
    turns.settle()
    assert len(other.pieces) == 1
    assert one.transport.get_write_buffer_size() == len(content) - PORTION
    other.transport.resume_reading()
    turns.settle()
    assert other.received == content
    assert max(map(len, other.pieces)) == PORTION


def test_a_reader_that_pauses_holds_the_writer_and_lets_it_go_on() -> None:
    """Without it the memory of the worker would hold what a slow client does not read."""
    turns, one, other = pair()
    other.transport.pause_reading()
    one.transport.write(bytes(HIGH))
    assert one.holds == 0
    one.transport.write(b"x")
    assert one.holds == 1
    turns.settle()
    other.transport.resume_reading()
    turns.settle()
    assert (one.is_held, one.holds) == (False, 1)
    assert one.transport.get_write_buffer_size() == 0


def test_the_marks_of_the_write_buffer_can_be_set() -> None:
    """Libraries that lower them would hold far more than they asked for."""
    turns, one, other = pair()
    assert one.transport.get_write_buffer_limits() == (LOW, HIGH)
    one.transport.set_write_buffer_limits(high=8)
    assert one.transport.get_write_buffer_limits() == (2, 8)
    other.transport.pause_reading()
    one.transport.write(b"123456789")
    assert one.is_held
    one.transport.set_write_buffer_limits(low=100)
    assert one.transport.get_write_buffer_limits() == (100, 400)
    with pytest.raises(ValueError, match="high"):
        one.transport.set_write_buffer_limits(high=1, low=2)
    other.transport.resume_reading()
    turns.settle()
    assert not one.is_held


def test_close_lets_everything_arrive_then_the_end() -> None:
    """The last answer of a connection would be cut."""
    turns, one, other = pair()
    other.transport.pause_reading()
    one.transport.write(b"the last words")
    one.transport.close()
    one.transport.write(b"too late")
    turns.settle()
    assert one.transport.is_closing()
    assert not one.lost, "what it wrote has not gone yet"
    other.transport.resume_reading()
    turns.settle()
    assert other.received == b"the last words"
    assert other.has_ended
    assert (one.lost, other.lost) == ([None], [None])


def test_close_drops_what_had_come_and_frees_who_waits_to_write() -> None:
    """A handler that waits for room in a connection that nobody reads would wait for ever."""
    turns, one, other = pair(keeps_open=True)
    one.transport.pause_reading()
    other.transport.write(bytes(HIGH + 1))
    assert other.holds == 1
    one.transport.close()
    turns.settle()
    assert one.pieces == []
    assert not other.is_held
    assert other.has_ended
    other.transport.write(b"to nobody")
    assert other.transport.get_write_buffer_size() == 0
    assert one.lost == [None]
    assert not other.lost
    other.transport.close()
    turns.settle()
    assert other.lost == [None]


def test_abort_drops_what_was_written_and_is_a_reset_to_the_other_end() -> None:
    """A cut answer would look complete; or its half would be taken for one."""
    turns, one, other = pair()
    one.transport.write(b"half of it")
    one.transport.abort()
    one.transport.abort()
    assert not other.lost, "not from within the call"
    turns.settle()
    assert other.pieces == []
    assert not other.has_ended
    assert one.lost == [None]
    assert isinstance(other.lost[0], ConnectionResetError)
    assert other.transport.is_closing()
    other.transport.close()
    other.transport.write(b"x")
    turns.settle()


def test_half_a_connection_can_be_ended() -> None:
    """A WebSocket or an upload that ends its side first would lose the answer."""
    turns, one, other = pair(keeps_open=True)
    assert one.transport.can_write_eof()
    one.transport.write(b"all of it")
    one.transport.write_eof()
    one.transport.write_eof()
    with pytest.raises(RuntimeError):
        one.transport.write(b"more")
    turns.settle()
    assert other.received == b"all of it"
    assert other.has_ended
    other.transport.write(b"answer")
    turns.settle()
    assert one.received == b"answer"
    assert not other.lost


def test_an_end_that_is_not_kept_open_closes() -> None:
    """Connections that the other side has ended would pile up."""
    turns, one, other = pair()
    one.transport.write_eof()
    turns.settle()
    assert other.lost == [None]
    assert one.lost == [None], "which is the end for the other one, too"


def test_a_protocol_that_fails_loses_its_connection_and_is_told_of() -> None:
    """A mistake in one connection would go on with half-read messages, or end the loop."""
    turns, one, other = pair()

    def fail(data: bytes) -> None:
        raise ZeroDivisionError

    other.on_data = fail
    one.transport.write(b"x")
    turns.settle()
    assert turns.failures == ["ZeroDivisionError()"]
    assert isinstance(other.lost[0], ZeroDivisionError)
    assert isinstance(one.lost[0], ConnectionResetError)


def test_what_asks_for_a_socket_is_told_that_there_is_none() -> None:
    """aiohttp and the gateway look for one, and must not find a thing that looks like it."""
    _, one, _ = pair()
    assert one.transport.get_extra_info("socket") is None
    assert one.transport.get_extra_info("peername", "nobody") == "nobody"
    assert one.transport.get_extra_info("sockname") == "memory"


def test_a_protocol_can_be_replaced() -> None:
    """Upgrades do it."""
    turns, one, other = pair()
    later = End()
    later.transport = other.transport
    other.transport.set_protocol(later)
    assert other.transport.get_protocol() is later
    one.transport.write(b"x")
    turns.settle()
    assert (other.received, later.received) == (b"", b"x")


ACTS = ("write", "write much", "pause", "resume", "close", "abort", "end", "turn")


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(ACTS)), max_size=40), st.booleans(), st.booleans())
def test_whatever_both_ends_do_the_rules_hold(
    acts: list[tuple[bool, str]], keeps_open: bool, acts_inside: bool
) -> None:
    """Some order of closing, pausing and writing would hang a connection, lose its end or tell of it twice."""
    turns, one, other = pair(keeps_open=keeps_open)
    ends = {False: one, True: other}
    written = {False: b"", True: b""}
    has_aborted = False
    if acts_inside:  # what is done from within a delivery
        one.on_data = lambda data: one.transport.close() if len(one.pieces) == 2 else None
        other.on_data = lambda data: other.transport.pause_reading()
    for which, act in acts:
        end, transport = ends[which], ends[which].transport
        match act:
            case "write" | "write much" if not transport._writes_end:
                size = 1000 if act == "write" else PORTION + HIGH + 1
                data = bytes([len(written[which]) % 251]) * size
                if not transport.is_closing():
                    written[which] += data
                transport.write(data)
            case "pause":
                transport.pause_reading()
            case "resume":
                transport.resume_reading()
            case "close":
                transport.close()
            case "abort":
                transport.abort()
                has_aborted = True
            case "end":
                transport.write_eof()
            case "turn":
                turns.turn()
        if end.is_held:
            assert transport.get_write_buffer_size() > LOW or transport.is_closing() or turns.due
    other.on_data = lambda data: None
    for _ in range(2):
        for end in (one, other):
            end.transport.resume_reading()
        turns.settle()
    for which, end in ends.items():
        sent = written[not which]
        assert sent.startswith(end.received)
        is_whole = end.received == sent
        assert is_whole or has_aborted or end.lost, "what was written arrives unless somebody closed"
        assert end.transport.get_write_buffer_size() == 0
        assert not end.is_held or end.lost
    for end in (one, other):
        end.transport.close()
    turns.settle()
    assert (len(one.lost), len(other.lost)) == (1, 1)
    assert one.transport._other is None
    assert other.transport._other is None
    assert turns.failures == []
