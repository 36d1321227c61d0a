"""Secrets that are written into the table, where everybody sees them who sees the table or its history.

Judged by the key, by the field, or by a shape that only secrets have. What comes from `${VAR}` or `${file:/path}` is
not written into the table. The value is never shown: its place is hidden before anything is said about its line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orion_gateway.config.nodes import ListNode, MappingNode, ScalarNode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orion_gateway.config.errors import Finding
    from orion_gateway.config.load import Loaded
    from orion_gateway.config.nodes import Node
    from orion_gateway.config.places import Location
    from orion_gateway.config.source import Source
    from orion_gateway.lint.rule import Subject

SECRET_KEY = re.compile(
    r"(?:.*[_-])?(?:token|secret|password|passwd|passphrase|credential|api[_-]?key|private[_-]?key|access[_-]?key)s?",
    re.IGNORECASE,
)
"""Keys whose values are secrets, wherever they stand."""
SECRET_FIELDS = frozenset(("authorization", "proxy-authorization", "x-api-key", "x-auth-token", "x-access-token"))
"""Fields whose values are secrets."""
NO_SECRET = re.compile(
    r"(?:header|cookie|query|websocket_protocol|form)(?::.*)?|\.{0,2}/.*|.*\.\w{1,5}|.{0,5}|https?://[^@]*"
)
"""What stands under such a key and is none: where a token is found, a path, a file, a word."""
USER_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/@\s:]*:(?P<secret>[^/@\s]+)@", re.IGNORECASE)
SHAPES = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,})"),
    "a GitLab token": re.compile(r"\bglpat-[\w-]{20,}"),
    "a Google API key": re.compile(r"\bAIza[\w-]{35}"),
    "a JSON Web Token": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"),
    "a SendGrid key": re.compile(r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    "a Slack token": re.compile(r"\bxox[abeprs]-[\w-]{10,}"),
    "a Stripe key": re.compile(r"\b[rs]k_live_[A-Za-z0-9]{16,}"),
}
"""Shapes that only secrets have, as their makers document them."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret at a place of the table, and in words what it is."""

    location: Location
    what: str


def hide_secrets(loaded: Loaded) -> tuple[Loaded, tuple[Secret, ...]]:
    """Return the table with its secrets hidden from all that shows lines of it, and the secrets."""
    found = []
    sources: dict[str, Source] = {}
    for location, key, node in _each_scalar(loaded.places.node(())):
        what = judge_value(key, node)
        if what is None:
            continue
        found.append(Secret(location, what))
        source, start, end = node.span
        source.hidden.append((start, end))
        sources[source.name] = source
    warnings = tuple(
        replace(warning, source=sources[warning.file].show(warning.line)) if warning.file in sources else warning
        for warning in loaded.warnings
    )
    return replace(loaded, warnings=warnings), tuple(found)


def find_written_secrets(subject: Subject) -> Iterator[Finding]:
    """Yield a warning for each secret that is written into the table."""
    yield from (
        subject.finding(
            secret.location,
            "W0404",
            f"{secret.what} is written into the table",
            "take it from ${VAR} or ${file:/path}, and replace it: whoever has seen the table knows it",
        )
        for secret in subject.secrets
    )


def judge_value(key: str, node: ScalarNode) -> str | None:
    """Say in words what secret a value is, None when it is none. `key` is the nearest one above it."""
    if isinstance(node.value, bool | int | float) or not node.text:
        return None
    # A reference leaves nothing of the secret in the table; what stands around it may still be one.
    written = re.sub(r"\$\{[^}]*\}", "", node.raw)
    for name, shape in SHAPES.items():
        if shape.search(written):
            return name
    if (match := USER_IN_URL.search(node.raw)) is not None and "${" not in match["secret"]:
        return "a password in a URL"
    if "${" in node.raw:
        return None
    if key.lower() in SECRET_FIELDS:
        return f'the value of the field "{key}"' if len(written.split()[-1]) > 5 else None
    if SECRET_KEY.fullmatch(key) and NO_SECRET.fullmatch(written) is None:
        return f'the value of "{key}"'
    return None


def _each_scalar(root: Node) -> Iterator[tuple[Location, str, ScalarNode]]:
    """Yield every scalar once, with its path and the nearest key above it."""
    seen: set[int] = set()
    pending: list[tuple[Location, str, Node]] = [((), "", root)]
    while pending:
        location, key, node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        below: Sequence[tuple[Location, str, Node]] = ()
        if isinstance(node, ScalarNode):
            yield location, key, node
        elif isinstance(node, ListNode):
            below = [((*location, at), key, item) for at, item in enumerate(node.items)]
        elif isinstance(node, MappingNode):
            # `exact` is a way to write a value, and the words under `may` are none.
            below = [
                ((*location, name), key if name == "exact" else name, entry) for name, entry in node.entries.items()
            ]
        pending.extend(reversed(below))
