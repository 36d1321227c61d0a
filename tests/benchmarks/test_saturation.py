"""Reading wrk's output."""

from __future__ import annotations

import pytest

from benchmarks.loads.load import Answers
from benchmarks.loads.saturation import Report, parse_report

OUTPUT = """\
Running 1s test @ http://127.0.0.1:18999/
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   482.51us    1.28ms   9.69ms   90.79%
  77152 requests in 1.10s, 11.26MB read
Requests/sec:  70112.11
report {"requests": 77152, "duration_us": 1100409, "bytes": 11806966, "errors": 3, "p50_us": 65, "p90_us": 900, \
"p95_us": 1200, "p99_us": 6700, "p999_us": 9000}
"""


def test_the_report_line_gives_exact_figures_in_seconds() -> None:
    """Latencies reach the table in the unit it says."""
    assert parse_report(OUTPUT) == Report(
        Answers(
            requests=77152, duration=1.100409, p50=65e-6, p90=900e-6, p95=1200e-6, p99=6700e-6, p999=9000e-6, errors=3
        ),
        received=11_806_966,
    )


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        ("", "printed no report"),
        ("Requests/sec:  70112.11\n", "printed no report"),
        ('report {"requests": 1}\n', "has no 'duration_us'"),
        ('report {"requests": \n', "Expecting value"),
    ],
)
def test_a_missing_or_damaged_report_is_an_error(output: str, complaint: str) -> None:
    """A run of wrk that was cut short never becomes a row of the table."""
    with pytest.raises(ValueError, match=complaint):
        parse_report(output)
