"""Active checks turn an endpoint down and up only for good reasons."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from orion_gateway.discovery.health import Answer, HealthRecord
from orion_gateway.values import Health

INTERVAL = 10.0


def walk(record: HealthRecord, answers: str) -> str:
    """Give a record one answer per interval, `+` good and `-` bad; return what it says after each."""
    said = ""
    for at, answer in enumerate(answers, start=1):
        before = record.health
        has_changed = record.observe(answer == "+", now=at * INTERVAL)
        assert has_changed == (record.health is not before)
        said += record.health.name[0]
    return said


@pytest.mark.parametrize(
    ("rise", "fall", "answers", "verdicts"),
    [
        pytest.param(2, 3, "+", "U", id="the first good answer is enough"),
        pytest.param(2, 3, "-", "D", id="the first bad answer is enough"),
        pytest.param(2, 3, "+--+--+", "UUUUUUU", id="two failures of three needed change nothing"),
        pytest.param(2, 3, "+---", "UUUD", id="three in a row turn it down"),
        pytest.param(2, 3, "-+-+-++", "DDDDDDU", id="one good answer does not revive what needs two"),
        pytest.param(2, 3, "+---++---", "UUUDDUUUD", id="after each turn the count begins anew"),
        pytest.param(1, 1, "+-+-", "UDUD", id="without hysteresis it says what it was told last"),
    ],
)
def test_a_verdict_changes_only_after_equal_answers_in_a_row(rise: int, fall: int, answers: str, verdicts: str) -> None:
    """Traffic would otherwise jump to and fro with every lost packet."""
    assert walk(HealthRecord(rise, fall), answers) == verdicts


def test_nothing_is_known_before_the_first_answer() -> None:
    """An endpoint nobody has asked yet is neither up nor down."""
    record = HealthRecord(rise=2, fall=3)
    assert (record.health, record.since, record.last, record.changes) == (Health.UNKNOWN, 0.0, None, 0)


def test_a_verdict_says_since_when() -> None:
    """Who looks after an incident wants to know when it began."""
    record = HealthRecord(rise=2, fall=3)
    walk(record, "++---")
    assert (record.health, record.since) == (Health.DOWN, 50.0)
    record.observe(False, now=60.0)
    assert record.since == 50.0


def test_the_last_answer_and_the_counts_are_kept() -> None:
    """The admin API shows why an endpoint is down, in the words of the check."""
    record = HealthRecord(rise=1, fall=2)
    record.observe(True, 1.0, "status 200")
    record.observe(False, 2.0, "status 503")
    assert (record.last, record.streak) == (Answer(False, "status 503", 2.0), 1)
    record.observe(False, 3.0, "connection refused")
    assert record.last == Answer(False, "connection refused", 3.0)
    assert (record.good, record.bad, record.changes, record.streak) == (1, 2, 1, 0)


def test_a_flapping_endpoint_is_turned_every_hundred_seconds_on_average() -> None:
    """Half of all answers bad at random, rise 2, fall 3, one answer per 10 s: far less than one turn per 30 s.

    By arithmetic: two in a row take 6 answers, three in a row 14, so that it turns twice in 20 answers. What does not
    hold is that two turns are never closer than 30 s: rising takes two answers, 20 s.
    """
    rng = Random(1)
    record = HealthRecord(rise=2, fall=3)
    count = 100_000
    turns = [at * INTERVAL for at in range(count) if record.observe(rng.random() < 0.5, at * INTERVAL)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(turns)]
    assert count * INTERVAL / len(turns) == pytest.approx(100.0, rel=0.05)
    assert min(gaps) == 20.0
    assert sum(gap < 30.0 for gap in gaps) / len(gaps) == pytest.approx(0.125, abs=0.02)  # ++ at once, of the rises
    assert record.changes == len(turns) - 1
