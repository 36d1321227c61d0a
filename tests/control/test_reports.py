"""What filters report: merged over workers, kept beyond their death, bounded, and counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from orion_gateway.control import reports
from orion_gateway.control.reports import FilterReports, ShownReport
from orion_gateway.control.worker import count_reports
from orion_gateway.telemetry.metrics import Delta

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orion_gateway.filters.filter import Report


@dataclass(frozen=True)
class Count:
    """A report that counts."""

    seen: int

    def merge(self, newer: Report) -> Count:
        assert isinstance(newer, Count)
        return Count(self.seen + newer.seen)

    def document(self) -> Mapping[str, object]:
        return {"seen": self.seen}

    def counted(self) -> Iterable[tuple[str, tuple[str, ...], float]]:
        yield "orion_seen_total", ("x",), self.seen


@dataclass(frozen=True)
class Refused(Count):
    """Another kind of report, of the same filter."""

    def document(self) -> Mapping[str, object]:
        return {"refused": self.seen}


class Broken(Count):
    """A report that cannot be merged."""

    def merge(self, newer: Report) -> Count:
        raise ValueError


def test_reports_of_all_workers_are_one() -> None:
    """Whoever looks asks about the gateway, not about the worker that happened to answer."""
    kept = FilterReports()
    kept.take([("b", "mirror", Count(1)), ("a", "mirror", Count(5))])
    kept.take([("b", "mirror", Count(2)), ("", "shared", Count(7))])
    assert kept.find("b", "mirror") == ShownReport("b", "mirror", {"seen": 3})
    assert [(shown.route, shown.filter) for shown in kept.everything()] == [
        ("", "shared"),
        ("a", "mirror"),
        ("b", "mirror"),
    ]
    assert kept.find("a", "other") is None


def test_kinds_of_reports_of_one_filter_stand_side_by_side() -> None:
    """A filter that is not enforced tells of itself, and the gateway whom it would have refused."""
    kept = FilterReports()
    kept.take([("a", "limit", Count(1)), ("a", "limit", Refused(2)), ("a", "limit", Count(1))])
    found = kept.find("a", "limit")
    assert found is not None
    assert found.document == {"seen": 2, "refused": 2}


def test_a_report_that_cannot_be_merged_begins_anew() -> None:
    """A defect in a plug-in must not stop the supervisor, which keeps everything else running."""
    kept = FilterReports()
    kept.take([("a", "plugin", Broken(1))])
    kept.take([("a", "plugin", Broken(2))])
    assert kept.everything() == [ShownReport("a", "plugin", {"seen": 2})]


def test_reports_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand routes with a mirror each must not fill the supervisor's memory; those kept go on."""
    monkeypatch.setattr(reports, "MOST_REPORTS", 2)
    kept = FilterReports()
    kept.take([(route, "mirror", Count(1)) for route in ("a", "b", "c", "a", "d")])
    assert [shown.document for shown in kept.everything()] == [{"seen": 2}, {"seen": 1}]


def test_what_a_report_counts_goes_into_the_metrics() -> None:
    """Alerts are made of metrics; nobody polls a report."""
    delta = Delta()
    count_reports([("a", "one", Count(1)), ("a", "two", Count(2)), ("b", "one", Count(4))], delta)
    assert delta.counters == {("orion_seen_total", ("a", "x")): 3, ("orion_seen_total", ("b", "x")): 4}
