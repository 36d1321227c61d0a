"""The judge of the services, on virtual time: what it tells the workers, answers them, and tells people."""

from __future__ import annotations

import math
from random import Random

import pytest

from orion_gateway.breaker.news import TrialAsked, TrialEnded, Verdicts
from orion_gateway.control.judge import CircuitTurned, EndpointTurned, Judge, PanicTurned
from orion_gateway.control.messages import CircuitChanged, StandingsChanged, TrialAnswer
from orion_gateway.discovery.news import AttemptTold
from orion_gateway.values import (
    CircuitRules,
    CircuitState,
    Endpoint,
    Health,
    HealthCheck,
    OutlierRules,
    Service,
    Standing,
    Verdict,
)

CHECK = HealthCheck("/health", rise=2, fall=2, timeout=5.0)
OUTLIERS = OutlierRules(consecutive_failures=3, ejection=30.0)
CIRCUIT = CircuitRules(failure_threshold=2, minimum_requests=2, open_for=10.0, success_threshold=1, trial_timeout=5.0)


def service(
    name: str = "users",
    endpoints: int = 2,
    *,
    check: HealthCheck | None = None,
    outliers: OutlierRules | None = None,
    circuit: CircuitRules | None = None,
) -> Service:
    """Return a service with endpoints on ports from 1."""
    made = tuple(Endpoint(f"http://h:{port}", f"h:{port}", "h", port) for port in range(1, endpoints + 1))
    return Service(name, made, health_check=check, outliers=outliers, circuit=circuit)


def standings(judge: Judge, name: str = "users") -> list[Standing]:
    """Return what the workers were told last, if it is told now."""
    (change,) = [change for change in judge.take_changes() if isinstance(change, StandingsChanged)]
    assert change.service == name
    return list(change.standings)


def fail(endpoint: int, times: int = 1) -> list[AttemptTold]:
    """Return the news of attempts that failed."""
    return [AttemptTold("users", endpoint, succeeded=False)] * times


# -- endpoints ---------------------------------------------------------------------------------------------------------


def test_a_service_that_nothing_is_written_about_is_never_told() -> None:
    """Every worker would be sent what it knows already, for every service."""
    judge = Judge([service(endpoints=3)], now=100.0)
    assert judge.everything() == judge.take_changes() == []
    assert judge.next_due == math.inf
    assert judge.take_news(1, [*fail(0, 100), Verdicts("users", 0, failures=100)], now=101.0) == []
    assert judge.take_changes() == []


def test_the_first_verdicts_are_told_and_bring_no_slow_start() -> None:
    """A gateway that starts would send to endpoints that are down, or a trickle to all that are up."""
    judge = Judge([service(check=CHECK)], now=100.0)
    assert judge.everything() == [StandingsChanged("users", (Standing(Health.UNKNOWN),) * 2)]
    judge.take_check("users", 0, True, "status 200", 100.1)
    judge.take_check("users", 1, False, "connection refused", 100.2)
    assert standings(judge) == [Standing(Health.UP), Standing(Health.DOWN)]
    assert judge.take_events() == [EndpointTurned("users", 1, "down", "connection refused")]
    assert (judge.take_changes(), judge.take_events()) == ([], [])


def test_an_endpoint_that_comes_back_says_since_when() -> None:
    """Slow start would not begin, or begin again with each change of something else."""
    judge = Judge([service(check=CHECK, outliers=OUTLIERS)], now=100.0)
    for endpoint in (0, 1):
        judge.take_check("users", endpoint, True, "status 200", 100.0)
    for at in (110.0, 120.0):
        judge.take_check("users", 0, False, "status 503", at)
    assert standings(judge)[0] == Standing(Health.DOWN)
    for at in (130.0, 140.0):
        judge.take_check("users", 0, True, "status 200", at)
    assert standings(judge) == [Standing(Health.UP, back_since=140.0), Standing(Health.UP)]
    assert [(event.to, event.why) for event in judge.take_events() if isinstance(event, EndpointTurned)] == [
        ("down", "status 503"),
        ("up", "status 200"),
    ]
    judge.take_news(1, fail(0), now=150.0)
    assert standings(judge)[0] == Standing(Health.UP, is_suspect=True, back_since=140.0)


def test_an_endpoint_that_fails_is_suspect_then_out_then_back() -> None:
    """Workers would not tell the success that ends the count, or send to an endpoint that fails, or never again."""
    judge = Judge([service(endpoints=4, outliers=OUTLIERS)], now=100.0)
    judge.take_news(1, fail(2), now=101.0)
    assert standings(judge)[2] == Standing(is_suspect=True)
    judge.take_news(2, fail(2), now=102.0)
    assert judge.take_changes() == [], "it is known to be suspect"
    judge.take_news(2, fail(2), now=103.0)
    assert standings(judge)[2] == Standing(is_ejected=True)
    assert judge.next_due == 133.0
    judge.advance(132.9)
    assert judge.take_changes() == []
    judge.advance(133.0)
    assert standings(judge)[2] == Standing(back_since=133.0)
    assert judge.take_events() == [
        EndpointTurned("users", 2, "ejected", "3 failures in a row; out for 30 s"),
        EndpointTurned("users", 2, "back", "the time of its ejection is over"),
    ]


def test_a_success_ends_the_suspicion() -> None:
    """Failures of a month would add up to an ejection."""
    judge = Judge([service(outliers=OUTLIERS)], now=100.0)
    for at in range(10):
        judge.take_news(1, [*fail(0, 2), AttemptTold("users", 0, succeeded=True)], now=101.0 + at)
        assert standings(judge)[0] == Standing()
    assert judge.take_events() == []


def test_a_failure_right_after_the_success_is_told_again() -> None:
    """The worker that told both would keep later successes to itself, and the next failures eject an endpoint."""
    judge = Judge([service(outliers=OUTLIERS)], now=100.0)
    judge.take_news(1, fail(0), now=101.0)
    assert standings(judge)[0].is_suspect
    judge.take_news(1, [AttemptTold("users", 0, succeeded=True), *fail(0)], now=102.0)
    assert standings(judge)[0].is_suspect


def test_active_checks_end_an_ejection_early() -> None:
    """An endpoint that was restarted and answers well would wait for the end of a punishment."""
    judge = Judge([service(check=CHECK, outliers=OUTLIERS)], now=100.0)
    for endpoint in (0, 1):
        judge.take_check("users", endpoint, True, "status 200", 100.0)
    judge.take_news(1, fail(0, 3), now=101.0)
    for at in (102.0, 103.0):
        judge.take_check("users", 0, False, "connection refused", at)
    for at in (104.0, 105.0):
        judge.take_check("users", 0, True, "status 200", at)
    assert standings(judge)[0] == Standing(Health.UP, back_since=105.0)
    assert [event.to for event in judge.take_events() if isinstance(event, EndpointTurned)] == [
        "ejected",
        "down",
        "up",
        "back",
    ]


def test_who_waited_for_room_is_told_too() -> None:
    """An endpoint that fails would go on getting requests after there was room to eject it."""
    judge = Judge([service(outliers=OUTLIERS)], now=100.0)
    judge.take_news(1, [*fail(0, 3), *fail(1, 3)], now=101.0)
    assert [standing.is_ejected for standing in standings(judge)] == [True, False]
    judge.advance(131.0)
    assert [standing.is_ejected for standing in standings(judge)] == [False, True]


def test_panic_is_told_when_it_begins_and_when_it_ends() -> None:
    """Nobody would know why ejected endpoints get requests."""
    rules = OutlierRules(consecutive_failures=1, ejection=30.0, max_ejected=1.0)
    judge = Judge([service(endpoints=3, outliers=rules)], now=100.0)
    judge.take_news(1, [*fail(0), *fail(1)], now=101.0)
    assert PanicTurned("users", is_panic=True) in judge.take_events()
    assert judge.services["users"].is_panic
    judge.advance(131.0)
    assert PanicTurned("users", is_panic=False) in judge.take_events()


def test_equal_standings_share_one_value() -> None:
    """Ten thousand endpoints would make ten thousand pickles of every message."""
    judge = Judge([service(endpoints=100, check=CHECK)], now=100.0)
    for endpoint in range(100):
        judge.take_check("users", endpoint, True, "status 200", 100.0)
    assert len({id(standing) for standing in standings(judge)}) == 1


@pytest.mark.parametrize(
    ("answers", "at", "unchecked"),
    [
        ([], 100.0, ["users"]),
        ([(0, False)], 101.0, ["users"]),
        ([(0, True)], 101.0, []),
        ([(0, False), (1, False)], 101.0, []),
        ([], 104.9, ["users"]),
        ([], 105.0, []),
    ],
)
def test_a_service_is_checked_once_one_endpoint_is_up_or_all_are_judged(
    answers: list[tuple[int, bool]], at: float, unchecked: list[str]
) -> None:
    """A gateway would take traffic before it knows where to, or never because of one endpoint that hangs."""
    judge = Judge([service(check=CHECK), service("other")], now=100.0)
    for endpoint, ok in answers:
        judge.take_check("users", endpoint, ok, "", 100.5)
    assert judge.find_unchecked(at) == unchecked


def test_news_of_what_is_not_in_the_table_is_passed_over() -> None:
    """One late message of a worker would end the control process."""
    judge = Judge([service(outliers=OUTLIERS), service("plain")], now=100.0)
    news: list[AttemptTold | TrialAsked] = [
        AttemptTold("gone", 0, succeeded=False),
        AttemptTold("users", 7, succeeded=False),
        TrialAsked("plain", 0),
    ]
    assert judge.take_news(1, news, now=101.0) == []
    assert judge.take_changes() == []


# -- circuits ----------------------------------------------------------------------------------------------------------


def opened(now: float = 101.0) -> Judge:
    """Return a judge whose circuit has just opened."""
    judge = Judge([service(circuit=CIRCUIT)], now=100.0)
    judge.take_news(1, [Verdicts("users", 0, failures=2)], now=now)
    return judge


def view_of(judge: Judge) -> CircuitChanged:
    """Return the one change that is told now: that of the circuit."""
    (change,) = judge.take_changes()
    assert isinstance(change, CircuitChanged)
    return change


def test_a_circuit_opens_tries_and_closes_and_everybody_is_told() -> None:
    """Workers would go on sending to a service that fails, or never again to one that is well."""
    judge = opened()
    view = view_of(judge).view
    assert (view.state, view.epoch, view.retry_at) == (CircuitState.OPEN, 1, 111.0)
    assert judge.next_due == 111.0
    judge.advance(111.0)
    view = view_of(judge).view
    assert (view.state, view.has_permits) == (CircuitState.HALF_OPEN, True)
    (answer,) = judge.take_news(2, [TrialAsked("users", view.epoch)], now=111.5)
    assert answer.permit
    assert not view_of(judge).view.has_permits
    assert judge.take_news(1, [TrialAsked("users", view.epoch)], now=111.6) == [TrialAnswer("users", 0)]
    judge.take_news(2, [TrialEnded("users", answer.permit, Verdict.SUCCEEDED)], now=112.0)
    view = view_of(judge).view
    assert (view.state, view.back_since) == (CircuitState.CLOSED, 112.0)
    turned = [event for event in judge.take_events() if isinstance(event, CircuitTurned)]
    assert [(event.before, event.after) for event in turned] == [
        (CircuitState.CLOSED, CircuitState.OPEN),
        (CircuitState.OPEN, CircuitState.HALF_OPEN),
        (CircuitState.HALF_OPEN, CircuitState.CLOSED),
    ]
    assert turned[0].why == "2 failures in a row among 2 requests"


def test_a_late_timer_costs_no_trial() -> None:
    """Whoever asks at the very moment would be refused because the control process is busy."""
    judge = opened()
    assert judge.take_news(1, [TrialAsked("users", 2)], now=111.0) == [TrialAnswer("users", 1)]


def test_a_lost_worker_frees_its_permits() -> None:
    """A worker that died in a trial would keep the service shut until the trial's deadline."""
    judge = opened()
    judge.take_news(1, [TrialAsked("users", 2)], now=111.0)
    judge.take_changes()
    judge.lose_worker(2, now=111.5)
    assert judge.take_changes() == []
    judge.lose_worker(1, now=112.0)
    assert view_of(judge).view.has_permits


def test_a_trial_that_nobody_hears_of_has_failed() -> None:
    """A lost answer would hold the circuit half open for ever."""
    judge = opened()
    judge.take_news(1, [TrialAsked("users", 2)], now=111.0)
    assert judge.next_due == 116.0
    judge.advance(116.0)
    assert judge.circuits["users"].view.state is CircuitState.OPEN


def test_people_can_hold_it_let_it_go_and_reset_it() -> None:
    """A service under repair could not be shut, or one that is well not be opened at once."""
    judge = Judge([service(circuit=CIRCUIT)], now=100.0)
    judge.force_circuit("users", CircuitState.OPEN, now=101.0)
    view = view_of(judge).view
    assert (view.state, view.is_forced, judge.next_due) == (CircuitState.OPEN, True, math.inf)
    judge.force_circuit("users", None, now=102.0)
    assert view_of(judge).view.state is CircuitState.HALF_OPEN
    judge.reset_circuit("users", now=103.0)
    assert view_of(judge).view.state is CircuitState.CLOSED
    assert len(judge.take_events()) == 3


def test_a_worker_that_starts_is_told_everything() -> None:
    """It would send to endpoints that are out, and into an open circuit, until something changes."""
    judge = Judge([service(outliers=OUTLIERS, circuit=CIRCUIT), service("plain")], now=100.0)
    judge.take_news(1, [*fail(0, 3), Verdicts("users", 0, failures=2)], now=101.0)
    changed = judge.take_changes()
    assert judge.everything() == changed
    assert judge.everything() == changed, "telling one takes nothing from the next"


# -- walks -------------------------------------------------------------------------------------------------------------


class Mirror:
    """What a worker knows that was started at some time and told every change since."""

    def __init__(self, judge: Judge) -> None:
        self.known = {(type(change), change.service): change for change in judge.everything()}

    def take(self, changes: list[StandingsChanged | CircuitChanged]) -> None:
        self.known |= {(type(change), change.service): change for change in changes}


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_workers_know_how_it_stands_and_everything_recovers(seed: int) -> None:
    """A change that is not told leaves a worker with a wrong picture; a state without an end is a dead service."""
    rng = Random(seed)
    services = [
        service("users", 3, check=CHECK, outliers=OUTLIERS, circuit=CIRCUIT),
        service("files", 2, outliers=OutlierRules(consecutive_failures=1, max_ejected=1.0)),
        service("mail", 1, circuit=CircuitRules(trip="error_rate", minimum_requests=3, success_threshold=2)),
    ]
    now = 100.0
    judge = Judge(services, now)
    mirrors = [Mirror(judge)]
    permits: dict[int, list[tuple[str, int]]] = {1: [], 2: []}
    for _ in range(1500):
        now += rng.choice([0.0, 0.01, 1.0, 15.0])
        worker = rng.choice([1, 2])
        name = rng.choice(["users", "files", "mail"])
        epoch = judge.circuits[name].view.epoch - rng.choice([0, 0, 0, 1]) if name in judge.circuits else 0
        match rng.randrange(8):
            case 0 | 1:
                judge.take_news(worker, [AttemptTold(name, rng.randrange(3), rng.random() < 0.3)], now)
            case 2 | 3:
                judge.take_news(worker, [Verdicts(name, epoch, rng.randrange(3), rng.randrange(3), 1)], now)
            case 4:
                for answer in judge.take_news(worker, [TrialAsked(name, epoch)], now):
                    permits[worker] += [(name, answer.permit)] if answer.permit else []
            case 5 if permits[worker]:
                held, permit = permits[worker].pop()
                judge.take_news(worker, [TrialEnded(held, permit, rng.choice(list(Verdict)))], now)
            case 6:
                judge.take_check("users", rng.randrange(3), rng.random() < 0.5, "as drawn", now)
            case 7 if rng.random() < 0.1:
                permits[worker].clear()
                judge.lose_worker(worker, now)
                mirrors.append(Mirror(judge))
            case _:
                judge.advance(now)
        changes = judge.take_changes()
        for mirror in mirrors:
            mirror.take(changes)
        assert judge.next_due > now, "what is due has been done"
        for name, outliers in judge.outliers.items():
            standing = judge.services[name].standings
            assert [each.is_ejected for each in standing] == [outliers.is_ejected(at) for at in range(len(standing))]
            assert [each.is_suspect for each in standing] == [outliers.is_suspect(at) for at in range(len(standing))]
        assert judge.next_due == min(judged.next_due for judged in judge.services.values())
        assert mirrors[0].known == Mirror(judge).known
    assert all(mirror.known == Mirror(judge).known for mirror in mirrors)
    # Everything is well from now on: in a bounded time all of it is in use again.
    for _ in range(100):
        now += 30.0
        judge.advance(now)
        for endpoint in range(3):
            judge.take_check("users", endpoint, True, "status 200", now)
        for name, circuit in judge.circuits.items():
            epoch = circuit.view.epoch
            (answer,) = judge.take_news(1, [TrialAsked(name, epoch)], now)
            if answer.permit:
                judge.take_news(1, [TrialEnded(name, answer.permit, Verdict.SUCCEEDED)], now)
    assert all(circuit.view.state is CircuitState.CLOSED for circuit in judge.circuits.values())
    for judged in judge.services.values():
        assert all(standing.health is Health.UP and not standing.is_ejected for standing in judged.standings)
