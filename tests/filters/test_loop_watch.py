"""What blocks the event loop is named while it does."""

from __future__ import annotations

import sys
import threading

from orion_gateway.filters.loop_watch import MOST_FRAMES, Blocked, LoopWatch, describe_stack


class Step:
    """Something that runs on the loop, and keeps what is said of it."""

    blocked = 0.05
    boundary = __file__

    def __init__(self) -> None:
        self.told: list[Blocked] = []

    def tell_blocked(self, found: Blocked) -> None:
        self.told.append(found)


def start(watch: LoopWatch, step: Step, now: float) -> None:
    watch.began, watch.what = now, step


def test_a_step_that_runs_too_long_is_told_once() -> None:
    """Nobody would learn which plug-in holds everybody up, or the log would fill with it."""
    watch, step = LoopWatch(threading.get_ident()), Step()
    start(watch, step, 10.0)
    watch.look(10.049)
    assert step.told == []
    watch.look(10.06)
    watch.look(10.2)
    assert [round(found.seconds, 3) for found in step.told] == [0.06]
    assert watch.was_told(10.0)


def test_the_next_step_is_told_again() -> None:
    """Only the first block of a worker's life would be seen."""
    watch, step = LoopWatch(threading.get_ident()), Step()
    start(watch, step, 10.0)
    watch.look(10.1)
    start(watch, step, 20.0)
    watch.look(20.1)
    assert len(step.told) == 2


def test_a_loop_without_a_step_blocks_nothing() -> None:
    """Waiting for the network would be called blocking."""
    watch, step = LoopWatch(threading.get_ident()), Step()
    start(watch, step, 10.0)
    watch.what = None
    watch.look(99.0)
    assert step.told == []


def test_the_stack_is_that_of_the_watched_thread_from_the_boundary_inwards() -> None:
    """The log would show where the watching thread stands, or bury the plug-in's line under the gateway's frames."""
    entered, released = threading.Event(), threading.Event()

    def work() -> None:
        code = compile("def hang():\n    entered.set()\n    released.wait()\nhang()\n", "plugin.py", "exec")
        exec(code, {"entered": entered, "released": released})

    thread = threading.Thread(target=work)
    thread.start()
    entered.wait()
    assert thread.ident is not None
    watch, step = LoopWatch(thread.ident), Step()
    start(watch, step, 0.0)
    watch.look(1.0)
    released.set()
    thread.join()
    stack = step.told[0].stack
    assert any(frame.startswith("plugin.py:3 in hang") for frame in stack)
    assert not any(__file__ in frame for frame in stack)


def test_a_deep_stack_is_cut() -> None:
    """A recursion would make a line of the log that no reader takes."""

    def dive(depth: int) -> tuple[str, ...]:
        return dive(depth - 1) if depth else describe_stack(sys._getframe(), "elsewhere")

    assert len(dive(50)) == MOST_FRAMES


def test_the_thread_looks_only_while_there_is_a_member() -> None:
    """Every worker would have a thread more, also without plug-ins, and a reload would leak one."""

    def looking() -> int:
        return sum(thread.name == "loop watch" for thread in threading.enumerate())

    before = looking()
    one, other = Step(), Step()
    watch = LoopWatch.join(one)
    assert LoopWatch.join(other) is watch
    assert looking() == before + 1
    watch.leave(one)
    watch.leave(one)
    assert looking() == before + 1
    watch.leave(other)
    assert looking() == before


def test_the_thread_finds_what_blocks() -> None:
    """The thread could run and never look."""
    found = threading.Event()

    class Telling(Step):
        blocked = 0.001

        def tell_blocked(self, what: Blocked) -> None:
            found.set()

    step = Telling()
    watch = LoopWatch.join(step)
    start(watch, step, 0.0)
    assert found.wait(timeout=30)
    watch.what = None
    watch.leave(step)
