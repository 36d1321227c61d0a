"""Findings as workflow commands of GitHub Actions, which shows them beside the lines of a pull request.

Escaping is that of `@actions/core` (`command.ts`): `%`, CR and LF everywhere, in properties `:` and `,` too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orion_gateway.config.errors import Finding

COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def render_github(finding: Finding) -> str:
    """Return one finding as one line."""
    meant = f' (did you mean "{finding.suggestion}"?)' if finding.suggestion else ""
    text = f"{finding.message}{meant}" + (f"\n{finding.help}" if finding.help else "")
    properties = {
        "file": finding.file,
        "line": finding.line,
        "col": finding.column,
        "endLine": finding.line,
        "endColumn": finding.column + max(1, finding.length),
        "title": finding.code,
    }
    written = ",".join(f"{name}={_escape_property(str(value))}" for name, value in properties.items())
    return f"::{COMMANDS[finding.severity]} {written}::{_escape(text)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
