"""Damaged tables: whatever is written, the loader answers with a configuration or with findings."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from orion_gateway.config.errors import Finding, TableErrors, render_full
from orion_gateway.config.load import load_table

GOOD = (Path(__file__).parent / "good" / "everything.yaml").read_text(encoding="utf-8")
LINES = GOOD.splitlines(keepends=True)
PIECES = st.one_of(
    st.text(max_size=4),
    st.sampled_from(
        ["{", "}", "[", "]", ": ", "- ", "\n", "\n  ", "*a", "&a ", "!!x ", "${", "}", "'", '"', "null", "~"]
    ),
    st.sampled_from(LINES),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 30), PIECES), min_size=1, max_size=3),
)
def test_a_damaged_table_gives_findings_and_no_crash(damages: list[tuple[int, int, str]]) -> None:
    """A user would get a traceback instead of the line with the mistake."""
    table = GOOD
    for start, length, piece in damages:
        table = table[:start] + piece + table[start + length :]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "routes.yaml"
        path.write_bytes(table.encode("utf-8", errors="surrogatepass"))
        findings: tuple[Finding, ...] = ()
        try:
            loaded = load_table(path, {"ADMIN_TOKEN": "fedcba9876543210"})
            assert loaded.config.listeners
        except TableErrors as errors:
            findings = errors.findings
            assert findings
    for finding in findings:
        assert (finding.line >= 1, finding.column >= 1) == (True, True)
        assert "fedcba9876543210" not in render_full(finding)
