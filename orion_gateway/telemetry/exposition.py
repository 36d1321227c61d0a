"""Write totals in the text format of Prometheus (version 0.0.4, which every scraper reads).

Ten thousand busy routes are 40 MB of text, written while the supervisor's loop waits: so a histogram is one formatting
step, not one per bucket.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from orion_gateway.telemetry.metrics import BOUNDS
from orion_gateway.telemetry.totals import DESCRIPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orion_gateway.telemetry.metrics import Histogram, Labels
    from orion_gateway.telemetry.totals import Totals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def render(totals: Totals) -> bytes:
    """Return every metric that has a sample, in the order of `DESCRIPTIONS`."""
    gauges = totals.gauges()
    parts: list[str] = []
    for name, description in DESCRIPTIONS.items():
        names = description.labels
        if name in totals.histograms:
            parts.append(_open_family(name, "histogram"))
            parts += _render_histograms(name, names, totals.histograms[name])
        elif name in totals.counters:
            parts.append(_open_family(name, "counter"))
            parts += _render_samples(name, names, totals.counters[name])
        elif name in gauges:
            parts.append(_open_family(name, "gauge"))
            parts += _render_samples(name, names, gauges[name])
    return "".join(parts).encode()


def _open_family(name: str, kind: str) -> str:
    return f"# HELP {name} {DESCRIPTIONS[name].help}\n# TYPE {name} {kind}\n"


def _render_samples(name: str, names: Labels, samples: Mapping[Labels, float]) -> Iterator[str]:
    for labels, value in samples.items():
        written = _write_labels(names, labels)
        yield f"{name}{{{written}}} {value!r}\n" if written else f"{name} {value!r}\n"


def _render_histograms(name: str, names: Labels, samples: Mapping[Labels, Histogram]) -> Iterator[str]:
    # A zero byte stands where the labels go: no label holds one.
    lines = [f'{name}_bucket{{\0,le="{bound}"}} %d\n' for bound in (*BOUNDS, "+Inf")]
    template = "".join((*lines, f"{name}_sum{{\0}} %r\n", f"{name}_count{{\0}} %d\n"))
    for labels, histogram in samples.items():
        counts = list(accumulate(histogram.buckets))
        yield (template % (*counts, histogram.total, counts[-1])).replace("\0", _write_labels(names, labels))


def _write_labels(names: Labels, values: Labels) -> str:
    return ",".join([f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(names, values, strict=True)])
