"""A circuit, the gates of several workers, and the queues between them: what tests walk through at random.

Every step is one thing that happens in a gateway: a request, an answer, a message that arrives, a worker that dies.
Messages of one worker keep their order, those of different workers do not. After every step the promises are checked.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orion_gateway.breaker.circuit import Circuit, Trial
from orion_gateway.breaker.gate import Entry, Gate
from orion_gateway.breaker.news import GateNews, TrialAsked, TrialEnded, Verdicts
from orion_gateway.breaker.window import SLICES
from orion_gateway.values import CircuitRules, CircuitState, CircuitView, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN

RULED = {(CLOSED, OPEN), (OPEN, HALF_OPEN), (HALF_OPEN, OPEN), (HALF_OPEN, CLOSED)}
"""The transitions that the rules make; operators may make others."""


@dataclass
class Exchange:
    """In flight; `permit` is that of a trial, else 0."""

    epoch: int
    permit: int = 0


@dataclass
class Worker:
    """One process: its gate, the queues from and to the supervisor, and what it has in flight."""

    gate: Gate
    up: deque[GateNews]
    down: deque[CircuitView | int] = field(default_factory=deque)
    in_flight: list[Exchange] = field(default_factory=list)
    asked_epoch: int | None = None
    """Of the exchange that waits for an answer."""
    successes: int = 0
    """Of the gate's epoch, not told yet."""
    is_client_gone: bool = False
    """Its client has left meanwhile."""


class Oracle:
    """Exact counts of a closed circuit: every verdict with its time, kept as long as anybody could count it."""

    def __init__(self, rules: CircuitRules) -> None:
        self.rules = rules
        self.in_a_row = 0
        self.past: list[tuple[float, int, int]] = []

    def clear(self) -> None:
        self.in_a_row = 0
        self.past = []

    def take(self, successes: int, failures: int, now: float) -> set[bool]:
        """Count, and return which answers to "does it open?" are right: the window is exact to a slice."""
        self.in_a_row = failures + (0 if successes else self.in_a_row)
        longest = self.rules.window * (1 + 1 / SLICES) + 1e-6
        self.past = [event for event in self.past if event[0] >= now - longest] + [(now, successes, failures)]
        if not failures:
            return {False}
        return {
            self._must_open([event for event in self.past if event[0] > now - length])
            for length in (self.rules.window, *(now - at + 1e-9 for at, _, _ in self.past))
            if length >= self.rules.window
        }

    def _must_open(self, window: list[tuple[float, int, int]]) -> bool:
        failures = sum(event[2] for event in window)
        requests = failures + sum(event[1] for event in window)
        if requests < self.rules.minimum_requests:
            return False
        if self.rules.trip == "consecutive":
            return self.in_a_row >= self.rules.failure_threshold
        return failures / requests >= self.rules.threshold


class World:
    """Everything about one service. Steps are methods; each leaves the promises checked."""

    def __init__(
        self, rules: CircuitRules, workers: int, slow_start: float | None = None, start: float = 100.0
    ) -> None:
        self.rules = rules
        self.slow_start = slow_start
        self.now = start
        self.circuit = Circuit("users", rules, start)
        self.oracle = Oracle(rules)
        self.sent = self.circuit.view
        self.epoch = 0
        self.granted: dict[int, float] = {}
        """Permits of this epoch that were not given back, and when they were granted."""
        self.counts = dict.fromkeys(
            ("requests", "trials", "refused", "opened", "closed", "late", "lost workers", "recoveries"), 0
        )
        self.workers = [self._start_worker() for _ in range(workers)]

    # Steps.

    def wait(self, seconds: float, *, is_timer_on_time: bool) -> None:
        """Let time pass; the supervisor's timer may be late."""
        self.now += seconds
        if is_timer_on_time:
            self._drive(lambda: self.circuit.advance(self.now))

    def request(self, number: int) -> None:
        """A client asks a worker for the service."""
        worker = self.workers[number]
        gate, said = worker.gate, len(worker.up)
        self.counts["requests"] += 1
        was_clean, view, refused = gate.is_clean, gate.view, gate.refused
        entry = gate.enter(self.now)
        assert entry is Entry.ADMITTED or not was_clean
        if entry is Entry.ASKED:
            assert view.state is HALF_OPEN
            assert view.has_permits
            assert worker.asked_epoch is None, "a second question before the answer to the first"
            assert len(worker.up) == said + 1
            worker.asked_epoch, worker.is_client_gone = gate.epoch, False
        else:
            assert len(worker.up) == said, "entering sends only questions"
            if entry is Entry.ADMITTED:
                assert view.state is CLOSED, "admitted without leave while not closed"
                worker.in_flight.append(Exchange(gate.epoch))
            else:
                assert view.state is not CLOSED or self.slow_start
                self.counts["refused"] += 1
        assert gate.refused == refused + (entry is Entry.REFUSED)
        self._check()

    def finish(self, number: int, place: int, verdict: Verdict) -> bool:
        """An exchange in flight ends; return whether there was one."""
        worker = self.workers[number]
        if not worker.in_flight:
            return False
        exchange = worker.in_flight.pop(place % len(worker.in_flight))
        was_clean, said = worker.gate.is_clean, len(worker.up)
        is_waited_for = (
            self.rules.trip == "consecutive"
            and self.circuit.view.is_counting
            and exchange.epoch == self.circuit.view.epoch
            and not (worker.up or worker.down)
        )
        is_late = exchange.epoch != worker.gate.epoch
        worker.gate.record(verdict, exchange.epoch, exchange.permit, self.now)
        told = len(worker.up) - said
        if exchange.permit:
            assert told == 1
        elif is_late:
            assert told == 0, "a late result is told"
            assert worker.gate.is_clean is was_clean
        elif verdict is not Verdict.FAILED and was_clean:
            assert told == 0, "a clean gate says nothing of a success"
        elif verdict is Verdict.FAILED:
            assert told == 1
        elif is_waited_for and verdict is Verdict.SUCCEEDED:
            assert told == 1, "a success that would end the run of failures is not told"
        if not (exchange.permit or is_late):
            worker.successes += verdict is Verdict.SUCCEEDED
            if told:
                self._expect_verdicts(worker, worker.up[-1], verdict is Verdict.FAILED)
        self._check()
        return True

    def leave(self, number: int) -> None:
        """The client of the exchange that waits for an answer goes away."""
        self.workers[number].is_client_gone = True

    def count(self, number: int) -> None:
        """A worker's second is over."""
        worker = self.workers[number]
        news = worker.gate.take_counts()
        if news is not None:
            self._expect_verdicts(worker, news, 0)
            worker.up.append(news)

    def hear(self, *numbers: int, is_answer_first: bool = True) -> bool:
        """The supervisor takes the oldest message of each of these workers in turn, and then says what is new.

        The answer to a question may reach a worker before or after the view of the circuit as it is then. Returns
        whether any message came.
        """
        if not any(self.workers[number].up for number in numbers):
            return False
        answers: list[tuple[Worker, int]] = []

        def take() -> None:
            for worker, number in ((self.workers[number], number) for number in numbers):
                if worker.up:
                    answers.extend((worker, permit) for permit in self._take(number, worker.up.popleft()))
                    self._note_transitions()
            if is_answer_first:
                answer()

        def answer() -> None:
            for worker, permit in answers:
                worker.down.append(permit)

        self._drive(take)
        if not is_answer_first:
            answer()
        return True

    def tell(self, number: int) -> bool:
        """A worker takes the oldest message of the supervisor; return whether there was one."""
        worker = self.workers[number]
        if not worker.down:
            return False
        message = worker.down.popleft()
        if isinstance(message, CircuitView):
            if message.epoch != worker.gate.epoch:
                worker.successes = 0
            worker.gate.take_view(message)
        else:
            self._answer(worker, message)
        self._check()
        return True

    def kill(self, number: int, *, is_read: bool) -> None:
        """A worker dies with all it had; the supervisor has read what it said, or it is lost. Another one starts."""
        self.counts["lost workers"] += 1
        while is_read and self.workers[number].up:
            self.hear(number)

        def lose() -> None:
            owned = {trial.permit for trial in self._trials() if trial.worker == number}
            self.circuit.lose_worker(number, self.now)
            for permit in owned:
                del self.granted[permit]
            assert not [trial for trial in self._trials() if trial.worker == number]

        self._drive(lose)
        self.workers[number] = self._start_worker()

    def force(self, state: CircuitState | None) -> None:
        """An operator forces the circuit, or gives it back."""
        self._drive(lambda: self.circuit.force(state, self.now))

    def reset(self) -> None:
        """An operator resets the circuit."""
        self._drive(lambda: self.circuit.reset(self.now))

    def recover(self) -> None:
        """Faults stop and every request succeeds: the circuit must be closed again in bounded time."""
        self.counts["recoveries"] += 1
        self.force(None)
        for number, worker in enumerate(self.workers):
            while worker.in_flight:
                self.finish(number, 0, Verdict.ABANDONED)
        # What is under way may still open it once; then it is open for its time, and each trial needs a round.
        deadline = self.now + 2 * self.rules.open_for + self.rules.trial_timeout + 10.0 * self.rules.success_threshold
        while True:
            self._settle()
            if self.circuit.state is CLOSED and not any(worker.in_flight for worker in self.workers):
                break
            assert self.now <= deadline, f"stuck in {self.circuit.state}: {self.circuit.statistics(self.now)}"
            for number in range(len(self.workers)):
                self.request(number)
            self._settle()
            for number, worker in enumerate(self.workers):
                while worker.in_flight:
                    self.finish(number, 0, Verdict.SUCCEEDED)
            # Heard before time passes: a success on its way for as long as a trial may take has come too late.
            self._settle()
            self.wait(1.0, is_timer_on_time=True)
        for worker in self.workers:
            assert worker.gate.view == self.circuit.view, "a gate that has heard everything knows another circuit"

    # What happens within the steps.

    def _start_worker(self) -> Worker:
        up: deque[GateNews] = deque()
        worker = Worker(Gate("users", self.rules, self.slow_start, up.append), up)
        worker.gate.take_view(self.circuit.view)
        return worker

    def _settle(self) -> None:
        while any(worker.up or worker.down for worker in self.workers):
            for number in range(len(self.workers)):
                self.hear(number)
                self.tell(number)

    def _answer(self, worker: Worker, permit: int) -> None:
        epoch = worker.asked_epoch
        assert epoch is not None, "an answer to nobody"
        worker.asked_epoch = None
        if not worker.gate.take_answer(permit):
            return
        assert permit
        assert worker.gate.view.state is HALF_OPEN, "a trial that this worker knows to be over"
        if worker.is_client_gone:
            worker.gate.record(Verdict.ABANDONED, epoch, permit, self.now)
        else:
            self.counts["trials"] += 1
            worker.in_flight.append(Exchange(epoch, permit))

    def _expect_verdicts(self, worker: Worker, news: GateNews, failures: int) -> None:
        """What is told is what this worker saw since it told the last time, under this epoch."""
        assert isinstance(news, Verdicts)
        assert (news.epoch, news.successes, news.failures) == (worker.gate.epoch, worker.successes, failures)
        worker.successes = 0

    def _take(self, number: int, news: GateNews) -> list[int]:
        """Do what the supervisor does with a message, and compare with what it must do; return the answer if any."""
        before = self.circuit.view
        trials = {trial.permit for trial in self._trials()}
        match news:
            case TrialAsked(_, epoch):
                permit = self.circuit.ask_trial(number, epoch, self.now)
                assert (permit > 0) is (before.has_permits and epoch == before.epoch)
                assert permit not in trials
                if permit:
                    self.granted[permit] = self.now
                return [permit]
            case TrialEnded(_, permit, verdict):
                self.circuit.end_trial(permit, verdict, self.now)
                if permit not in trials:
                    self._expect_late(before)
                elif verdict in (Verdict.ABANDONED, Verdict.REFUSED):
                    del self.granted[permit]
                    assert self.circuit.view.epoch == before.epoch
                elif verdict is Verdict.FAILED and not before.is_forced:
                    assert self.circuit.state is OPEN
            case Verdicts(_, epoch, successes, failures, refused):
                self.circuit.take_verdicts(epoch, successes, failures, self.now, refused)
                if epoch != before.epoch or before.state is not CLOSED:
                    self._expect_late(before)
                else:
                    right = self.oracle.take(successes, failures, self.now)
                    assert (self.circuit.state is OPEN) in ({False} if before.is_forced else right)
        return []

    def _expect_late(self, before: CircuitView) -> None:
        self.counts["late"] += 1
        assert self.circuit.view is before, "a late result changed the circuit"

    def _drive(self, step: Callable[[], None]) -> None:
        """Do something to the circuit, check what became of it, and tell the workers if they must know."""
        due, before = self.circuit.next_due, self.circuit.view
        self.circuit.advance(self.now)
        assert self.circuit.view is before or self.now >= due, "time alone changes it only when it is due"
        for trial in self._trials():
            assert self.now < self.granted[trial.permit] + self.rules.trial_timeout, "a trial outlives its deadline"
        self._note_transitions()
        step()
        self._note_transitions()
        if self.circuit.view != self.sent:
            self.sent = self.circuit.view
            for worker in self.workers:
                worker.down.append(self.sent)
        self._check()

    def _note_transitions(self) -> None:
        turns = self.circuit.view.epoch - self.epoch
        if not turns:
            return
        assert turns == 1, "one thing that happens turns the circuit once"
        turn = self.circuit.transitions[-1]
        assert (turn.at, turn.after) == (self.now, self.circuit.state)
        if turn.why not in ("forced", "reset", "given back to its rules"):
            assert (turn.before, turn.after) in RULED
            assert turn.after is not CLOSED or len(self.granted) == self.rules.success_threshold
        self.counts["opened"] += turn.after is OPEN
        self.counts["closed"] += turn.after is CLOSED
        self.epoch = self.circuit.view.epoch
        self.granted.clear()
        self.oracle.clear()

    def _trials(self) -> list[Trial]:
        return list(self.circuit._trials.values())

    def _check(self) -> None:
        """The promises that hold after every step."""
        view, trials = self.circuit.view, {trial.permit for trial in self._trials()}
        limit = self.rules.half_open_requests
        assert len(trials) <= limit
        assert not trials or view.state is HALF_OPEN
        under_way = [
            exchange.permit for worker in self.workers for exchange in worker.in_flight if exchange.permit in trials
        ]
        assert len(set(under_way)) == len(under_way) <= limit, "more trials in flight than allowed"
        assert trials <= self.granted.keys()
        if view.state is HALF_OPEN and not view.is_forced:
            assert len(self.granted) <= self.rules.success_threshold, "more trials than needed"
            assert trials or view.has_permits, "nobody tries and nobody may: stuck"
        if view.state is CLOSED and not view.is_forced and self.rules.trip == "consecutive":
            assert view.is_counting is (self.oracle.in_a_row > 0)
        for worker in self.workers:
            gate = worker.gate
            assert gate.view.epoch <= view.epoch
            assert gate.epoch == gate.view.epoch
            assert not gate.is_clean or gate.view.state is CLOSED
