"""Look for what a table says and nobody can have meant: `orion check` for mistakes, `orion audit` for security too.

`CHECKS` and `AUDITS` are the only lists: a new rule is a function, a line here, and codes in `config.errors`. What is
looked for while a table is read (`config`) comes before all of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.config.errors import CODES
from orion_gateway.filters import FILTERS
from orion_gateway.lint.allowances import heed
from orion_gateway.lint.chains import (
    find_late_cross_origin,
    find_loose_origins,
    find_misplaced_filters,
    find_open_origins,
    find_unenforced_filters,
)
from orion_gateway.lint.credentials import find_written_secrets, hide_secrets
from orion_gateway.lint.durations import find_cut_off, find_hopeless
from orion_gateway.lint.edge import (
    find_development,
    find_open_admin,
    find_silent_log,
    find_trust_in_everybody,
    find_unlimited_listeners,
)
from orion_gateway.lint.exposure import find_exposed_routes, find_other_spellings
from orion_gateway.lint.hidden import find_hidden_routes
from orion_gateway.lint.rule import Rule, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orion_gateway.config.errors import Finding
    from orion_gateway.config.load import Loaded
    from orion_gateway.routing.table import RouteTable

CHECKS: Mapping[Rule, tuple[str, ...]] = {
    find_hidden_routes: ("W0301",),
    find_hopeless: ("W0306",),
    find_cut_off: ("W0306",),
    find_misplaced_filters: ("W0408", "W0409"),
    find_open_origins: ("W0307",),
}
"""The rules of `orion check`, each with the codes of what it finds."""

AUDITS: Mapping[Rule, tuple[str, ...]] = {
    find_exposed_routes: ("W0401", "N0401"),
    find_other_spellings: ("W0402", "N0402"),
    find_loose_origins: ("W0403",),
    find_late_cross_origin: ("N0403",),
    find_written_secrets: ("W0404",),
    find_unenforced_filters: ("N0404", "N0405"),
    find_open_admin: ("W0405",),
    find_trust_in_everybody: ("W0406",),
    find_silent_log: ("N0406",),
    find_development: ("W0407",),
    find_unlimited_listeners: ("N0407",),
}
"""The rules that `orion audit` has beside those."""

FOUND_BY_LINT = frozenset(
    ("E0307", "N0408", *(code for rules in (CHECKS, AUDITS) for codes in rules.values() for code in codes))
)
"""What `config` alone does not find."""


def lint(
    loaded: Loaded, table: RouteTable, *, is_audit: bool = False, filters: Mapping[str, object] = FILTERS
) -> list[Finding]:
    """Return what is doubtful about a table, in the order of its files; `table` is compiled from `loaded`.

    `filters` are the kinds of filters, or others for a test. What a comment allows is left out.
    """
    loaded, secrets = hide_secrets(loaded)
    subject = Subject(loaded, table, filters, secrets)
    rules = {**CHECKS, **(AUDITS if is_audit else {})}
    findings = [*loaded.warnings, *(finding for rule in rules for finding in rule(subject))]
    looked_for = {code for codes in rules.values() for code in codes} | (set(CODES) - FOUND_BY_LINT)
    kept = heed(findings, loaded, looked_for)
    return sorted(dict.fromkeys(kept), key=lambda finding: (finding.file, finding.line, finding.column, finding.code))
