"""What `orion check` and `orion audit` share: reading a table, looking at it, and showing what is found.

Findings are the data and go to stdout in the format asked for; the summary for people goes to stderr.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from orion_gateway.config.errors import Finding, Severity
    from orion_gateway.config.load import Loaded

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(["full", "concise", "json", "sarif", "github"]),
    default="full",
    show_default=True,
    help="full: with the source line and help; concise: one line each; json: one object; sarif: SARIF 2.1.0; "
    "github: workflow commands of GitHub Actions.",
)


def fail_on_option(default: Severity) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the option that says which findings make the exit code 1."""
    return click.option(
        "--fail-on",
        type=click.Choice(SEVERITIES),
        default=default,
        show_default=True,
        help="The mildest findings that make the exit code 1.",
    )


def examine(config: Path, output_format: str, fail_on: Severity, *, is_audit: bool) -> int:
    """Look at a table, show what is found, and return the exit code: 0, 1, or 2 when the table could not be read."""
    from orion_gateway.assembly import build_routes
    from orion_gateway.config.errors import TableErrors
    from orion_gateway.lint import lint
    from orion_gateway.loading import read_route_table
    from orion_gateway.routing.table import RouteTable

    loaded: Loaded | None = None
    is_missing = False
    try:
        loaded = read_route_table(config, os.environ)
        findings: Sequence[Finding] = lint(loaded, RouteTable(build_routes(loaded)), is_audit=is_audit)
    except TableErrors as error:
        findings, is_missing = error.findings, error.is_missing
    show(findings, output_format)
    click.echo(_summarize(config, loaded, findings), err=True)
    if is_missing:
        return 2
    failing = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
    return 1 if any(finding.severity in failing for finding in findings) else 0


def show(findings: Sequence[Finding], output_format: str) -> None:
    """Write findings to stdout."""
    from orion_gateway.config.errors import render_concise, render_full, render_json
    from orion_gateway.lint.github import render_github
    from orion_gateway.lint.sarif import render_sarif

    if output_format in {"json", "sarif"}:
        click.echo((render_json if output_format == "json" else render_sarif)(findings))
        return
    render = {"full": render_full, "concise": render_concise, "github": render_github}[output_format]
    for finding in findings:
        click.echo(render(finding))


def _summarize(config: Path, loaded: Loaded | None, findings: Sequence[Finding]) -> str:
    counts = ((sum(finding.severity == severity for finding in findings), severity) for severity in SEVERITIES)
    said = [_count(number, what) for number, what in counts if number]
    if loaded is None:
        return f"{', '.join(said)} in {_count(len({finding.file for finding in findings}), 'file')}."
    table = loaded.config
    parts = (
        (len(table.routes), "route"),
        (len(table.services), "service"),
        (len(table.listeners), "listener"),
    )
    contents = ", ".join(_count(number, what) for number, what in parts)
    return f"{config}: {contents}; {', '.join(said) or 'nothing wrong'}."


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
