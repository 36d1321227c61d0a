"""Findings as SARIF 2.1.0 (OASIS Standard, 27 March 2020), which code hosts and editors read.

A fingerprint says the same as long as the finding is the same, also when lines above it come or go: places are left
out of it, and equal findings of one file are numbered.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import quote

from orion_gateway import __version__
from orion_gateway.config.errors import CODES, SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orion_gateway.config.errors import Finding

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "orionFinding/v1"

# SARIF's own words for severities are ours (section 3.27.10).
_CODES = tuple(CODES)


def render_sarif(findings: Sequence[Finding]) -> str:
    """Return all findings as one SARIF log with one run."""
    rules = [
        {
            "id": code,
            "shortDescription": {"text": meaning},
            "defaultConfiguration": {"level": SEVERITIES[code[0]]},
            "help": {"text": f"{meaning} See docs/reference/errors.md and docs/how-to/lint.md of Orion Gateway."},
        }
        for code, meaning in CODES.items()
    ]
    seen: Counter[str] = Counter()
    run = {
        "tool": {"driver": {"name": "orion", "version": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_make_result(finding, seen) for finding in findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _make_result(finding: Finding, seen: Counter[str]) -> dict[str, object]:
    meant = f' (did you mean "{finding.suggestion}"?)' if finding.suggestion else ""
    text = f"{finding.message}{meant}" + (f"\n{finding.help}" if finding.help else "")
    digest = _digest(finding)
    seen[digest] += 1
    region = {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endLine": finding.line,
        "endColumn": finding.column + max(1, finding.length),
    }
    return {
        "ruleId": finding.code,
        "ruleIndex": _CODES.index(finding.code),
        "level": finding.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": {"artifactLocation": _locate(finding.file), "region": region}}],
        "partialFingerprints": {FINGERPRINT: f"{digest}:{seen[digest]}"},
    }


def _locate(file: str) -> dict[str, str]:
    """Return where a file is: relative ones below the root of whoever reads this (section 3.4.4)."""
    path = PurePath(file)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix()), "uriBaseId": "%SRCROOT%"}


def _digest(finding: Finding) -> str:
    """Return what stays equal while the finding does: its code, its file and its message, without lines in it."""
    message = re.sub(rf"(?<={re.escape(finding.file)}):\d+|\bline \d+", "", finding.message)
    return hashlib.sha256("\n".join((finding.code, finding.file, message)).encode()).hexdigest()[:32]
