"""Read a route table: files to nodes, variables replaced, includes added, nodes to the frozen model.

Everything wrong is reported in one pass and nothing is loaded then. No other module of this package reads
files. What is well-formed YAML is decided by `nodes`, single values by their kinds, what fits together by `checks`.
"""

from __future__ import annotations

import re
from collections import ChainMap
from dataclasses import dataclass, field, replace
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from orion_gateway.config.checks import check_table
from orion_gateway.config.errors import Finding, TableErrors
from orion_gateway.config.ip_access_filter import LIST_FILES
from orion_gateway.config.lookup import text_of
from orion_gateway.config.model import Config
from orion_gateway.config.network_list import LARGEST_LIST, NetworkList, parse_network_list
from orion_gateway.config.nodes import (
    ListNode,
    MappingNode,
    Node,
    ScalarNode,
    begin_of,
    each_scalar,
    read_nodes,
    to_plain,
    walk,
)
from orion_gateway.config.places import Places
from orion_gateway.config.report import Report
from orion_gateway.config.source import Source, Span
from orion_gateway.config.suggest import closest
from orion_gateway.config.translate import Translator, describe, hint_at_colon
from orion_gateway.config.variables import REFERENCE, UnreadableError, interpolate, read_env

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

    from orion_gateway.config.places import Location

LARGEST_FILE = 16 << 20
LARGEST_SECRET = 1 << 20
INCLUDABLE = ("services", "filters", "routes")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A table that was read: the model, where everything stands, what is doubtful, and the files in the order read."""

    config: Config
    places: Places
    warnings: tuple[Finding, ...]
    files: tuple[Path, ...]
    """Those that make up the table; lists of networks are not among them."""
    network_lists: Mapping[str, NetworkList] = field(default_factory=dict)
    """What the lists hold that filters name, by their absolute paths, which the model has in the place of theirs."""

    def finding(self, location: Location, code: str, message: str, hint: str = "") -> Finding:
        """Return a finding about a setting, for checks that need more than the table."""
        report = Report()
        report(begin_of(self.places.node(location)), code, message, help=hint)
        return report.findings[0]


def load_table(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Read the table at `path`; `environ` is the process environment.

    Raises:
        TableErrors: with everything that is wrong, or with `is_missing` when the table itself cannot be read.
    """
    report = Report()
    try:
        source = _read_source(path, str(path))
    except UnreadableError as error:
        raise TableErrors([Finding(str(path), 1, 1, "E0101", str(error))], is_missing=True) from None
    report.sources.append(source)
    env_files, variables = _read_variables(path.parent, environ, report)
    root = read_nodes(source, report)
    if root is not None and not isinstance(root, MappingNode):
        report(begin_of(root), "E0201", "a table is a mapping of keys and values", help=hint_at_colon(root))
    if not isinstance(root, MappingNode):
        raise TableErrors(report.findings)
    _interpolate(root, variables, report)
    are_all_read = _include(root, source, variables, report)
    lists = _read_lists(root, report)
    config = _judge(root, variables.get("ORION_ENV", ""), report, are_services_known=are_all_read)
    findings = report.findings
    if config is None or any(finding.severity == "error" for finding in findings):
        raise TableErrors(findings)
    files = (*(source.path for source in report.sources), *env_files)
    return Loaded(config, Places(root), tuple(findings), files, lists)


def read_network_list(path: Path, name: str) -> NetworkList:
    """Return what a list of networks holds; findings call the file `name`.

    Raises:
        UnreadableError: the text says why.
    """
    return parse_network_list(name, _read_text(path, LARGEST_LIST))


def _read_bytes(path: Path, largest: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UnreadableError(f"cannot be read: {reason}") from None
    if len(content) > largest:
        raise UnreadableError(f"larger than {largest >> 20} MiB")
    return content


def _read_text(path: Path, largest: int) -> str:
    try:
        return _read_bytes(path, largest).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"not UTF-8: byte {error.start + 1} belongs to no character") from None


def _read_source(path: Path, name: str) -> Source:
    return Source(name, path, _read_text(path, LARGEST_FILE))


def _read_variables(folder: Path, environ: Mapping[str, str], report: Report) -> tuple[list[Path], ChainMap[str, str]]:
    """Return the `.env` files that were read, and the variables: process first, `.env.<ORION_ENV>`, then `.env`."""
    files: list[Path] = []

    def read(name: str) -> dict[str, str]:
        path = folder / name
        if not path.is_file():
            return {}
        files.append(path)
        try:
            found, malformed = read_env(_read_text(path, LARGEST_SECRET))
        except UnreadableError as error:
            report.elsewhere.append(Finding(str(path), 1, 1, "E0101", str(error)))
            return {}
        # The line itself is not shown: it may hold a secret.
        for line in malformed:
            report.elsewhere.append(Finding(str(path), line, 1, "E0110", "expected NAME=value"))
        return found

    general = read(".env")
    environment = environ.get("ORION_ENV") or general.get("ORION_ENV") or "production"
    if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", environment) is None:
        message = 'the variable "ORION_ENV" is not a name of letters, digits, "-" and "_"'
        report.elsewhere.append(Finding(report.sources[0].name, 1, 1, "E0109", message))
        environment = "production"
    special = read(f".env.{environment}")
    variables = ChainMap({"ORION_ENV": environment}, dict(environ), special, general)
    return files, variables


def _interpolate(root: Node, variables: Mapping[str, str], report: Report) -> None:
    """Replace `${…}` in every scalar of one file."""
    for node in each_scalar(root):
        if REFERENCE.search(node.raw) is None:
            continue
        folder = node.span.source.path.parent

        def read(written: str, folder: Path = folder) -> str:
            try:
                return _read_text(folder / written, LARGEST_SECRET)
            except UnreadableError as error:
                raise UnreadableError(f'the file "{written}": {error}') from None

        node.text, problems = interpolate(node.raw, variables, read)
        node.is_interpolated = True
        node.is_broken = bool(problems)
        for problem in problems:
            span = _find_reference(node.span, problem.position)
            report(span, "E0109", problem.message, problem.suggestion, problem.help)


def _find_reference(span: Span, position: int) -> Span:
    """Return the reference at `position` in the source of a scalar, or the scalar itself when escapes hide it."""
    written = span.source.text[span.start : span.end]
    for index, match in enumerate(REFERENCE.finditer(written)):
        if index == position:
            return span._replace(start=span.start + match.start(), end=span.start + match.end())
    return span


def _include(root: MappingNode, source: Source, variables: Mapping[str, str], report: Report) -> bool:
    """Add the services, filters and routes of the included files to the table; return whether all of them were read."""
    patterns = root.entries.get("include")
    if not isinstance(patterns, ListNode):
        return True
    known = {source.path.resolve()}
    are_all_read = True
    for node in patterns.items:
        if not isinstance(node, ScalarNode) or node.is_broken or not isinstance(node.value, str):
            are_all_read = False
            continue
        paths = _find_files(source.path.parent, node.text)
        for path in paths:
            if path.resolve() == source.path.resolve():
                report(node.span, "E0108", "a file cannot include itself")
            elif path.resolve() not in known:
                known.add(path.resolve())
                are_all_read &= _include_file(root, path, node, variables, report)
        if not paths and not has_magic(node.text):
            report(node.span, "E0108", f'there is no file "{node.raw}" beside this one')
            are_all_read = False
    return are_all_read


def _find_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files that a pattern of `include` names, hidden ones only when they are named."""
    if not has_magic(pattern):
        return [folder / pattern] if (folder / pattern).exists() else []
    anchor = Path(pattern).anchor
    found = (Path(anchor) if anchor else folder).glob(str(Path(pattern).relative_to(anchor)))
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def _include_file(
    root: MappingNode, path: Path, pattern: ScalarNode, variables: Mapping[str, str], report: Report
) -> bool:
    try:
        source = _read_source(path, str(path))
    except UnreadableError as error:
        report(pattern.span, "E0101", f"{path} {error}")
        return False
    report.sources.append(source)
    part = read_nodes(source, report)
    if part is None:
        return False
    if not isinstance(part, MappingNode):
        report(begin_of(part), "E0201", "an included file is a mapping of keys and values", help=hint_at_colon(part))
        return False
    _interpolate(part, variables, report)
    for key in part.entries:
        if key == "include":
            report(
                part.keys[key], "E0108", "an included file cannot include others", help="name them in the table itself"
            )
        elif key not in INCLUDABLE:
            hint = f"an included file has only {', '.join(INCLUDABLE[:-1])} and {INCLUDABLE[-1]}"
            report(part.keys[key], "E0102", f'unknown key "{key}" in an included file', closest(key, INCLUDABLE), hint)
    are_added = [_add_named(root, part, "services", report), _add_named(root, part, "filters", report)]
    return _add_routes(root, part, report) and all(are_added)


def _add_named(root: MappingNode, part: MappingNode, group: str, report: Report) -> bool:
    """Add what stands under names of its own: services or filters."""
    added = part.entries.get(group)
    if added is None:
        return True
    present = root.entries.setdefault(group, MappingNode(added.span, is_flow=False))
    root.keys.setdefault(group, part.keys[group])
    if not isinstance(added, MappingNode) or not isinstance(present, MappingNode):
        _report_type(report, added, MappingNode, "expected a mapping")
        return False
    # A copy: the mapping of the table may have an alias somewhere.
    merged = replace(present, entries=dict(present.entries), keys=dict(present.keys))
    for name, entry in added.entries.items():
        if name in merged.entries:
            first = merged.keys[name].place
            report(added.keys[name], "E0302", f'two {group} are named "{name}"', help=f"the other is at {first}")
        else:
            merged.entries[name], merged.keys[name] = entry, added.keys[name]
    root.entries[group] = merged
    return True


def _add_routes(root: MappingNode, part: MappingNode, report: Report) -> bool:
    added = part.entries.get("routes")
    if added is None:
        return True
    present = root.entries.setdefault("routes", ListNode(added.span, is_flow=False))
    root.keys.setdefault("routes", part.keys["routes"])
    if not isinstance(added, ListNode) or not isinstance(present, ListNode):
        _report_type(report, added, ListNode, "expected a list")
        return False
    root.entries["routes"] = replace(present, items=[*present.items, *added.items])
    return True


def _read_lists(root: MappingNode, report: Report) -> dict[str, NetworkList]:
    """Read the lists of networks that filters name, each once, and put their absolute paths into the nodes."""
    lists: dict[str, NetworkList] = {}
    for path, node in walk(root):
        written = text_of(node) if path[-2:-1] == ("ip_access",) and path[-1] in LIST_FILES else None
        if written is None or not isinstance(node, ScalarNode) or "\0" in written:
            continue
        file = node.span.source.path.parent / written
        node.text = str(file.absolute())
        if node.text in lists:
            continue
        try:
            found = lists[node.text] = read_network_list(file, str(file))
        except UnreadableError as error:
            report(node.span, "E0101", f'the list "{node.raw}": {error}')
            continue
        report.elsewhere += found.findings
        if path[-1] == "allow_file" and not found and not found.findings:
            report(node.span, "W0309", f'the list "{node.raw}" names nobody', help="everybody is refused")
    return lists


def _report_type(report: Report, node: Node, wanted: type[Node], message: str) -> None:
    if not isinstance(node, wanted):
        report(begin_of(node), "E0201", f"{message}, not {describe(node)}")


def _judge(root: MappingNode, environment: str, report: Report, *, are_services_known: bool) -> Config | None:
    """Return the model, or `None`; everything wrong with it is reported."""
    table = to_plain(root)
    assert isinstance(table, dict)
    gateway = table.setdefault("gateway", {})
    if isinstance(gateway, dict):
        gateway.setdefault("environment", environment)
    config: Config | None = None
    errors: list[ErrorDetails] = []
    try:
        config = Config.model_validate(table)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
    Translator(Places(root), report).report_all(errors, root)
    check_table(root, report, are_services_known=are_services_known)
    return config
