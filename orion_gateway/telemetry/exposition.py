"""Write totals in the text format of Prometheus, with the renderer of its own client library.

Rendering is pure and slow (ten thousand busy routes are 40 MB of text), so the admin API lets a thread do it, from a
copy of the totals.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from orion_gateway.telemetry.metrics import BOUNDS
from orion_gateway.telemetry.totals import DESCRIPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from orion_gateway.telemetry.metrics import Histogram
    from orion_gateway.telemetry.totals import Totals

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""The version that every scraper reads."""

_BUCKETS = (*map(str, BOUNDS), "+Inf")


def render(totals: Totals) -> bytes:
    """Return every metric that has a sample, in the order of `DESCRIPTIONS`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(totals))
    return generate_latest(registry)


class _Families(Collector):
    """Totals as the families of samples that the library renders."""

    def __init__(self, totals: Totals) -> None:
        self._totals = totals

    def collect(self) -> Iterator[Metric]:
        """Yield one family per metric."""
        totals = self._totals
        gauges = totals.gauges()
        for name, description in DESCRIPTIONS.items():
            if name in totals.histograms:
                histogram = HistogramMetricFamily(name, description.help, labels=description.labels)
                for labels, counts in totals.histograms[name].items():
                    histogram.add_metric(labels, _accumulate(counts), counts.total)
                yield histogram
            elif name in totals.counters:
                counter = CounterMetricFamily(name, description.help, labels=description.labels)
                for labels, value in totals.counters[name].items():
                    counter.add_metric(labels, value)
                yield counter
            elif name in gauges:
                gauge = GaugeMetricFamily(name, description.help, labels=description.labels)
                for labels, value in gauges[name].items():
                    gauge.add_metric(labels, value)
                yield gauge


def _accumulate(histogram: Histogram) -> list[tuple[str, float]]:
    return [(bound, float(count)) for bound, count in zip(_BUCKETS, accumulate(histogram.buckets), strict=True)]
