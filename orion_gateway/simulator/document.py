"""Write what happened as one JSON document, for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from orion_gateway.simulator.measure import MEASURES, summarize
from orion_gateway.simulator.record import Deed, Lane, Look
from orion_gateway.simulator.timeline import Band, build_timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.simulator.expectations import Held
    from orion_gateway.simulator.record import Record
    from orion_gateway.simulator.timeline import OneLane

FORMAT_VERSION = 1
"""It grows when a key changes its meaning."""

BINS = 120


def render_json(record: Record, judged: Sequence[Held]) -> str:
    """Return the document. Times are seconds, rates per second, shares parts of one; rates and bands have 120 bins."""
    timeline = build_timeline(record, BINS)
    document = {
        "version": FORMAT_VERSION,
        "title": record.title,
        "duration": record.duration,
        "seed": record.seed,
        "gateways": record.gateways,
        "workers": record.workers,
        "summary": asdict(summarize(record)),
        "services": {known.name: asdict(summarize(record, n)) for n, known in enumerate(record.services)},
        "timeline": [_row(row) for row in timeline.rows],
        "rates": {curve.name: [round(rate, 3) for rate in curve.rates] for curve in timeline.curves},
        "expectations": [
            {
                "said": held.said,
                "what": held.expectation.what,
                "unit": MEASURES[held.expectation.what].unit,
                "value": held.value,
                "held": held.has_held,
            }
            for held in judged
        ],
        "held": all(held.has_held for held in judged),
    }
    return json.dumps(document, indent=2)


def _row(row: OneLane | Band) -> dict[str, Any]:
    names = [kind.name.lower() for kind in (Look if row.of == "endpoint" else Lane)]
    if isinstance(row, Band):
        shares = {name: [round(one[kind], 6) for one in row.shares] for kind, name in enumerate(names)}
        return {"label": row.label, "of": row.of, "count": row.count, "shares": shares}
    spans = [{"from": span.since, "until": span.until, "is": names[span.kind]} for span in row.spans]
    lane: dict[str, Any] = {"label": row.label, "of": row.of, "spans": spans}
    if row.deeds:
        lane["does"] = [
            {"from": span.since, "until": span.until, "is": Deed(span.kind).name.lower()} for span in row.deeds
        ]
    if row.rates:
        lane["attempts"] = [round(rate, 3) for rate in row.rates]
    return lane
