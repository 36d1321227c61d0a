"""What the loader has to say about a table, and how it is shown.

A finding is one mistake at one place. This module knows the codes and the three formats; the loader decides what is
wrong. A finding never holds a secret: the loader blanks source lines and leaves out values that came from elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CODES = {
    "E0101": "A file cannot be read: it is missing, unreadable, too large, or not UTF-8.",
    "E0102": "A key that does not exist here.",
    "E0103": "The same key twice in one mapping; only one of them could count.",
    "E0104": "A key that must be there is missing.",
    "E0105": "The file is not valid YAML.",
    "E0106": "A feature of YAML that the table does not use: tags, merge keys, documents, keys that are no text.",
    "E0107": "The table is nested too deep, or has too many nodes once aliases are expanded.",
    "E0108": "An include that matches no file, includes itself, or includes further files.",
    "E0109": "A `${…}` that cannot be replaced: the variable is not set, the file cannot be read, or it is malformed.",
    "E0110": "A line of an `.env` file that is not `NAME=value`.",
    "E0201": "A value of the wrong type: text, number, true or false, list and mapping are different things.",
    "E0202": "A value that is not written as its kind asks: durations, sizes, rates, shares, names.",
    "E0203": "A number or a length that is out of its range.",
    "E0204": "A value that is not one of the few that exist.",
    "E0205": "A path, or a pattern of paths, that is malformed.",
    "E0206": "A regular expression that RE2 does not accept, or a replacement that does not fit it.",
    "E0207": "A method, a host name, a field name or a field value that HTTP does not allow.",
    "E0208": "An address that is malformed: of a listener, of an endpoint, of a network, of a redirect.",
    "E0209": "Something that this version does not have yet.",
    "E0301": "A name that nothing in the table has: a service, a listener or a filter.",
    "E0302": "Two services, filters, routes or listeners with the same name, or two equal tokens.",
    "E0303": "An address that two listeners would share.",
    "E0304": "A route that says nothing, or more than one thing, about what answers it.",
    "E0305": "Keys that contradict each other.",
    "E0306": "A `${request.…}` template that does not exist, or stands where templates are not filled in.",
    "E0307": "A list of filters that leaves out one of `defaults.filters` which authenticates.",
    "E0308": "A plug-in that cannot be found, imported or made, or that breaks the contract of plug-ins.",
    "W0301": "A route that can never win: other routes take every request that it could take.",
    "W0302": "A key that has no effect here.",
    "W0303": "A rewrite that fits only some of the requests that its route takes.",
    "W0304": "The same endpoint twice in one service; `weight` says how much it gets.",
    "W0305": "A retry of a method that may do its work twice.",
    "W0306": "Durations that do not fit each other: what one promises another cuts off.",
    "W0307": "Pages of every origin may use the credentials of users.",
    "W0308": "A mirror that copies requests to the service that answers them.",
    "W0309": "A list of those who are let through that names nobody.",
    "W0401": "A route without authentication takes requests that an authenticated one would take.",
    "W0402": "Another spelling of the path (`%2F`, `//`) passes by the filters of a guarded route.",
    "W0403": "An expression for origins that also matches origins of others.",
    "W0404": "A secret is written into the table.",
    "W0405": "The admin API can be reached from other machines without a token.",
    "W0406": "Every client is trusted to say who it is: `trusted_proxies` holds all addresses.",
    "W0407": "Clients see addresses and details of errors: the environment is `development`.",
    "W0408": "A filter that judges by who asks, and none before it that establishes who asks.",
    "W0409": "A filter that keeps answers, before the one that establishes who asks: clients get those of others.",
    "N0401": "As W0401, but on purpose (`filters: none`), or answered by the gateway itself.",
    "N0402": "Another spelling (letter case, a final `/`) passes by a guarded route, which matters if the service "
    "takes both for one path.",
    "N0403": "`cors` behind a filter that may refuse: a page cannot read such a refusal.",
    "N0404": "A filter that only counts what it would refuse (`enforce: false`).",
    "N0405": "A filter that does harm on purpose, to test what depends on the gateway.",
    "N0406": "The access log is off.",
    "N0407": "Clients of all networks may connect, and one of them may take all connections.",
    "N0408": "An `orion: allow` comment that allows nothing.",
}
"""Every code with its one-line explanation. `docs/reference/errors.md` is made from it."""

Severity = Literal["error", "warning", "note"]

SEVERITIES: Mapping[str, Severity] = {"E": "error", "W": "warning", "N": "note"}
"""What the first letter of a code says, the worst first."""

FORMAT_VERSION = 1
"""Version of the JSON that `render_json` writes; it grows when a key changes its meaning."""

WIDEST_LINE = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake at one place. Line and column count characters from 1; `length` is how many the caret underlines.

    `suggestion` is what should stand there instead, `help` a hint or the names that exist, `source` the line as it is
    written, with secrets blanked, or `""` when it must not be shown.
    """

    file: str
    line: int
    column: int
    code: str
    message: str
    length: int = 1
    suggestion: str = ""
    help: str = ""
    source: str = ""

    @property
    def severity(self) -> Severity:
        """Errors keep the table from being loaded; warnings are probably mistakes; notes are for who looks closely."""
        return SEVERITIES[self.code[0]]


class TableErrors(Exception):  # noqa: N818 (it holds all of them, not one)
    """The table cannot be loaded. `findings` are all that is wrong with it, warnings too, in the order of the files.

    `is_missing` tells that the table itself could not be read, so that there was nothing to check.
    """

    def __init__(self, findings: Sequence[Finding], *, is_missing: bool = False) -> None:
        self.findings = tuple(findings)
        self.is_missing = is_missing
        super().__init__("\n".join(render_concise(finding) for finding in findings))


def render_concise(finding: Finding) -> str:
    """Return `file:line:column: error[CODE]: message (did you mean …?)` on one line."""
    meant = f' (did you mean "{finding.suggestion}"?)' if finding.suggestion else ""
    where = f"{finding.file}:{finding.line}:{finding.column}"
    return _make_visible(f"{where}: {finding.severity}[{finding.code}]: {finding.message}{meant}")


def _make_visible(text: str) -> str:
    """Return the text on one line: a message repeats values of the table, which may hold line breaks or escapes.

    Raw, they would look like another finding, move the cursor of a terminal, or command whoever reads the log of a job.
    """
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def render_full(finding: Finding) -> str:
    """Return the finding with its source line, a caret under what is meant, the suggestion, and the help."""
    head = f"{finding.file}:{finding.line}:{finding.column}: {finding.severity}[{finding.code}]: {finding.message}"
    meant = _make_visible(f'did you mean "{finding.suggestion}"?') if finding.suggestion else ""
    margin = " " * (len(str(finding.line)) + 1)
    lines = [_make_visible(head)]
    if finding.source.strip():
        shown, start = _window(finding.source, finding.column - 1)
        carets = "^" * max(1, min(finding.length, len(shown) - start))
        lines += [f" {finding.line} | {shown}", f"{margin} | {' ' * start}{carets} {meant}".rstrip()]
    elif meant:
        lines.append(f"{margin} = {meant}")
    if finding.help:
        lines.append(_make_visible(f"{margin} = help: {finding.help}"))
    return "\n".join(lines)


def render_json(findings: Sequence[Finding]) -> str:
    """Return all findings as one JSON object: `version`, `findings` and how many `errors`, `warnings` and `notes`."""
    listed = [
        {
            "file": finding.file,
            "line": finding.line,
            "column": finding.column,
            "length": finding.length,
            "code": finding.code,
            "severity": finding.severity,
            "message": finding.message,
            "suggestion": finding.suggestion or None,
            "help": finding.help or None,
        }
        for finding in findings
    ]
    counts = {
        f"{severity}s": sum(finding.severity == severity for finding in findings) for severity in SEVERITIES.values()
    }
    document = {"version": FORMAT_VERSION, "findings": listed, **counts}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _window(line: str, start: int) -> tuple[str, int]:
    """Return at most `WIDEST_LINE` characters of the line around `start`, and where `start` is in them."""
    # Control characters would move the caret, or the terminal.
    line = "".join(char if char.isprintable() else " " for char in line.rstrip())
    if len(line) <= WIDEST_LINE:
        return line, min(start, len(line))
    first = max(0, min(start - WIDEST_LINE // 2, len(line) - WIDEST_LINE))
    shown = line[first : first + WIDEST_LINE]
    shown = f"…{shown[1:]}" if first else shown
    shown = f"{shown[:-1]}…" if first + WIDEST_LINE < len(line) else shown
    return shown, start - first
