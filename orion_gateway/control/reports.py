"""What the filters of all workers have reported, merged and kept: a worker that dies takes only its last second along.

There is one report for each route, filter and kind of report, and none grows without bound (`Report.merge`). A named
filter has one state wherever it is used, so that its report names no route.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from orion_gateway.filters.filter import Report

MOST_REPORTS = 1000
"""Reports that are kept: a table with more filters that report must be looked at by its metrics."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ShownReport:
    """What a filter has to show. `route` is empty when it serves all routes that name it."""

    route: str
    filter: str
    document: Mapping[str, object]


class FilterReports:
    """The reports since the gateway started."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], dict[type, Report]] = {}
        self._count = 0
        self._has_dropped = False

    def take(self, items: Iterable[tuple[str, str, Report]]) -> None:
        """Merge what a worker tells: route, filter, report."""
        for route, name, report in items:
            kept = self._kept.get((route, name), {})
            before = kept.get(type(report))
            if before is not None:
                report = _merge(before, report, route, name)
            elif self._count >= MOST_REPORTS:
                self._drop(route, name)
                continue
            else:
                self._count += 1
            # By the kind, because a filter may tell of itself while the gateway tells what it would have refused.
            self._kept.setdefault((route, name), kept)[type(report)] = report

    def find(self, route: str, name: str) -> ShownReport | None:
        """Return what one filter has to show, None when it has told nothing."""
        kept = self._kept.get((route, name))
        if kept is None:
            return None
        document: dict[str, object] = {}
        for report in kept.values():
            document |= report.document()
        return ShownReport(route, name, document)

    def everything(self) -> list[ShownReport]:
        """Return what every filter has to show, by route and name."""
        shown = (self.find(route, name) for route, name in sorted(self._kept))
        return [report for report in shown if report is not None]

    def _drop(self, route: str, name: str) -> None:
        if not self._has_dropped:
            self._has_dropped = True
            log.warning("too many filters report, further ones are not shown", route=route, filter=name)


def _merge(before: Report, newer: Report, route: str, name: str) -> Report:
    """Return both in one; a report that cannot be merged begins anew, since it must not stop the supervisor."""
    try:
        return before.merge(newer)
    except Exception:
        log.exception("a report of a filter cannot be merged and begins anew", route=route, filter=name)
        return newer
