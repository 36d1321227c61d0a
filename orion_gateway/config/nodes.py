"""Turn the text of a file into a tree of nodes that know where they stand.

YAML is read from the events of PyYAML's C parser, not from its composer: that calls itself for every level, and deep
nesting crashes the process. Here a mapping has each key once, keys are text, an alias shares its anchor's node, and
tags, merge keys and further documents are refused: YAML 1.2 has no merge keys, and the table has `defaults`.
What the values mean is left to the model.

`size` and `height` of a node are those with its aliases expanded; both are bounded here, so that whoever walks the tree
may call itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from orion_gateway.config.scalars import Interpolated, resolve
from orion_gateway.config.source import Source, Span, is_secret_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Report = Callable[..., None]
    """`report(span, code, message, suggestion="", help="")` takes down one finding."""

DEEPEST = 64
MOST_NODES = 500_000
UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
URL_USER = re.compile(r"://(?P<user>[^/@\s]+)@")
QUOTE_HELP = "quote this value"
MERGE_HELP = "YAML 1.2 has none: write the keys out, use `defaults` for all routes, or an alias for a whole value"


@dataclass(slots=True, eq=False)
class ScalarNode:
    """A scalar. `raw` is what the file says, `text` what it is once `${…}` is replaced; `is_broken`: that failed."""

    span: Span
    raw: str
    text: str
    is_plain: bool
    is_interpolated: bool = False
    is_broken: bool = False

    @property
    def value(self) -> bool | int | float | str | None:
        """Return what the scalar means."""
        if self.is_interpolated:
            return Interpolated(self.text)
        return resolve(self.text) if self.is_plain else self.text


@dataclass(slots=True, eq=False)
class ListNode:
    """A sequence."""

    span: Span
    is_flow: bool
    items: list[Node] = field(default_factory=list)
    size: int = 1
    height: int = 1


@dataclass(slots=True, eq=False)
class MappingNode:
    """A mapping. `keys` says where each key of `entries` is written; `is_partial`: a key was refused and left out."""

    span: Span
    is_flow: bool
    entries: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Span] = field(default_factory=dict)
    is_partial: bool = False
    size: int = 1
    height: int = 1


Node = ScalarNode | ListNode | MappingNode


class _StopError(Exception):
    """What was read last makes the rest of the file meaningless; it has been reported."""


def read_nodes(source: Source, report: Report) -> Node | None:
    """Return the tree of a file, or `None` when it cannot be read; everything wrong with it is reported."""
    unprintable = UNPRINTABLE.search(source.text)
    if unprintable:
        span = Span(source, unprintable.start(), unprintable.end())
        report(span, "E0105", f"the character U+{ord(unprintable[0]):04X} cannot stand in YAML")
        return None
    tree = _Tree(source, report)
    try:
        for event in yaml.parse(source.text, Loader=yaml.CSafeLoader):
            tree.take(event)
    except _StopError:
        return None
    except yaml.MarkedYAMLError as error:
        _report_yaml_error(source, error, report)
        return None
    if tree.root is None:
        report(Span(source, 0, 0), "E0105", "the file is empty")
        return None
    _hide_secrets(tree.root, is_secret=False)
    for key, node in tree.dropped:
        _hide_secrets(node, is_secret=is_secret_key(key))
    source.is_parsed = True
    return tree.root


def to_plain(root: Node) -> object:
    """Return the tree as dicts, lists and scalars."""
    if isinstance(root, ScalarNode):
        return root.value
    if isinstance(root, ListNode):
        return [to_plain(item) for item in root.items]
    return {key: to_plain(entry) for key, entry in root.entries.items()}


def begin_of(node: Node) -> Span:
    """Return the span of a scalar, or the first character of a collection."""
    return node.span if isinstance(node, ScalarNode) else node.span._replace(end=node.span.start + 1)


def walk(node: Node, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Node]]:
    """Yield `node` and every node below it, each with its path."""
    yield path, node
    if isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            yield from walk(item, (*path, index))
    elif isinstance(node, MappingNode):
        for key, entry in node.entries.items():
            yield from walk(entry, (*path, key))


class _Tree:
    """The tree while it grows: `open` holds the collections that the next node belongs to, the innermost last."""

    def __init__(self, source: Source, report: Report) -> None:
        self.source = source
        self.report = report
        self.root: Node | None = None
        self.open: list[tuple[ListNode | MappingNode, list[tuple[str, Span]]]] = []
        self.anchors: dict[str, Node] = {}
        self.dropped: list[tuple[str, Node]] = []
        self.documents = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event of the parser."""
        if isinstance(event, yaml.ScalarEvent):
            self._take_scalar(event, self._span(event))
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event, self._span(event))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            node, _ = self.open.pop()
            node.span = node.span._replace(end=self._span(event).end)
            self._count(node, node.span)
        elif isinstance(event, yaml.AliasEvent):
            self._take_alias(event.anchor or "", self._span(event))
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self._stop(self._span(event), "a file holds one table: a second YAML document begins here")

    def _span(self, event: yaml.Event) -> Span:
        assert event.start_mark is not None
        assert event.end_mark is not None
        return Span(self.source, event.start_mark.index, event.end_mark.index)

    def _stop(self, span: Span, message: str, hint: str = "", code: str = "E0106") -> None:
        self.report(span, code, message, help=hint)
        raise _StopError

    def _is_key_next(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1][0], MappingNode) and not self.open[-1][1]

    def _take_scalar(self, event: yaml.ScalarEvent, span: Span) -> None:
        self._refuse_tag(event.tag, span)
        if self._is_key_next():
            self._take_key(event.value, span, is_plain=not event.style)
            return
        node = ScalarNode(span, raw=event.value, text=event.value, is_plain=not event.style)
        self._attach(node, event.anchor)
        self._count(node, span)

    def _take_key(self, key: str, span: Span, *, is_plain: bool) -> None:
        mapping, pending = self.open[-1]
        assert isinstance(mapping, MappingNode)
        if key == "<<" and is_plain:
            self.report(span, "E0106", "merge keys are not used in the table", help=MERGE_HELP)
        elif "${" in key:
            self.report(span, "E0109", "variables are replaced in values, never in keys")
        elif key in mapping.keys:
            first = mapping.keys[key].place
            self.report(span, "E0103", f'the key "{key}" stands here twice', help=f"it is in line {first.line} already")
        pending.append((key, span))

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, span: Span) -> None:
        self._refuse_tag(event.tag, span)
        if self._is_key_next():
            self._stop(span, "a key must be text, not a list or a mapping", QUOTE_HELP)
        if len(self.open) >= DEEPEST:
            self._stop(span, f"nested deeper than {DEEPEST} levels", code="E0107")
        flow = bool(event.flow_style)
        node = MappingNode(span, flow) if isinstance(event, yaml.MappingStartEvent) else ListNode(span, flow)
        self._attach(node, event.anchor)
        self.open.append((node, []))

    def _take_alias(self, anchor: str, span: Span) -> None:
        if self._is_key_next():
            self._stop(span, "a key must be text, not an alias", QUOTE_HELP)
        node = self.anchors.get(anchor)
        if node is None:
            hint = f'"*" begins an alias in YAML: {QUOTE_HELP} if it is meant as it stands'
            self._stop(span, f'no anchor "&{anchor}" stands before this alias', hint)
            return
        if any(node is collection for collection, _ in self.open):
            self._stop(span, f'the alias "*{anchor}" stands inside of what it repeats')
        self._attach(node, None)
        self._count(node, span)

    def _count(self, node: Node, span: Span) -> None:
        """Add a complete node to the size and height of the collection it stands in."""
        if not self.open:
            return
        size, height = (1, 1) if isinstance(node, ScalarNode) else (node.size, node.height)
        collection, _ = self.open[-1]
        collection.size += size
        collection.height = max(collection.height, height + 1)
        if collection.size > MOST_NODES:
            self._stop(span, f"more than {MOST_NODES:,} nodes, aliases expanded", code="E0107")
        if len(self.open) + height > DEEPEST:
            self._stop(span, f"nested deeper than {DEEPEST} levels", code="E0107")

    def _attach(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = node
        if not self.open:
            self.root = node
            return
        collection, pending = self.open[-1]
        if isinstance(collection, ListNode):
            collection.items.append(node)
            return
        key, span = pending.pop()
        if key in collection.entries or key == "<<" or "${" in key:
            self.dropped.append((key, node))
            collection.is_partial |= key not in collection.entries
        else:
            collection.entries[key] = node
            collection.keys[key] = span

    def _refuse_tag(self, tag: str | None, span: Span) -> None:
        if tag is not None:
            written = self.source.text[span.start : span.end].split(maxsplit=1)[0]
            self.report(
                span._replace(end=span.start + len(written)),
                "E0106",
                "YAML tags are not used in the table",
                help="remove the tag; a quoted value is text",
            )


def each_scalar(root: Node) -> list[ScalarNode]:
    """Return every scalar once, in the order written, however many aliases lead to it."""
    seen: set[int] = set()
    found: list[ScalarNode] = []
    pending: list[Node] = [root]
    while pending:
        node = pending.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, ScalarNode):
            found.append(node)
        else:
            below = node.items if isinstance(node, ListNode) else list(node.entries.values())
            pending.extend(reversed(below))
    return found


def _hide_secrets(node: Node, *, is_secret: bool) -> None:
    """Mark in the source what may be a secret: scalars under `token`, under `tokens` save `may`, users in URLs."""
    if isinstance(node, ScalarNode):
        # A bare reference gives nothing away, and shows which variable is meant.
        is_reference = re.fullmatch(r"\$\{(\w+|file:[^}]*)\}", node.raw)
        source, start, end = node.span
        if is_secret and not is_reference:
            source.hidden.append((start, end))
        elif "@" in node.raw and (match := URL_USER.search(source.text, start, end)):
            source.hidden.append(match.span("user"))
    elif isinstance(node, ListNode):
        for item in node.items:
            _hide_secrets(item, is_secret=is_secret)
    else:
        for key, entry in node.entries.items():
            _hide_secrets(entry, is_secret=is_secret_key(key) or (is_secret and key != "may"))


def _report_yaml_error(source: Source, error: yaml.MarkedYAMLError, report: Report) -> None:
    """Say in the words of somebody who writes a table what the parser stumbled over."""
    assert error.problem_mark is not None
    problem = error.problem or ""
    at = min(error.problem_mark.index, len(source.text))
    begun = error.context_mark.index if error.context_mark else at
    char = source.text[at : at + 1]
    here = Span(source, at, at + 1)
    opened = f"line {source.line_of(begun)}"
    if "did not find expected" in problem and at and source.text[at - 1] in "'\"":
        hint = "inside 'single quotes' write '' for one, inside \"double quotes\" \\\""
        report(Span(source, at - 1, at), "E0105", "this quote ends the value, and more follows", help=hint)
        return
    if "did not find expected ',' or" in problem:
        if char in {"{", "["}:
            value = _find_unquoted(source, at)
            place = value.place
            is_hidden = "*" in source.show(place.line)[place.column - 1 : place.column]
            written = "" if is_hidden else f": {_quote(source.text[value.start : value.end])}"
            message = f'"{char}" has a meaning of its own inside {{…}} and […]'
            report(value, "E0105", message, help=QUOTE_HELP + written)
            return
        message = f'the "{source.text[begun : begun + 1]}" opened here is not closed'
        report(Span(source, begun, begun + 1), "E0105", message, help=f"the file reads on to line {source.line_of(at)}")
    elif "cannot start any token" in problem and char == "\t":
        report(here, "E0105", "a tab cannot indent YAML", help="use spaces")
    elif "cannot start any token" in problem:
        report(here, "E0105", f'an unquoted value cannot begin with "{char}"', help=QUOTE_HELP)
    elif error.context in {"while scanning an alias", "while scanning an anchor"}:
        sign, what = source.text[begun : begun + 1], (error.context or "").rsplit(" ", 1)[-1]
        report(Span(source, begun, at), "E0105", f'"{sign}" begins an {what} in YAML', help=QUOTE_HELP)
    elif "mapping values are not allowed" in problem:
        hint = f'{QUOTE_HELP} if the ":" belongs to it; else check the indentation'
        report(here, "E0105", 'a key cannot begin here, and a ":" before a space makes one', help=hint)
    elif "unexpected end of stream" in problem:
        report(Span(source, begun, begun + 1), "E0105", "the quote opened here is not closed")
    elif "unknown escape character" in problem:
        escape = source.text[at : at + 2]
        hint = "in 'single quotes' a backslash is only a backslash"
        report(Span(source, at, at + 2), "E0105", f'"{escape}" is no escape in double quotes', help=hint)
    elif "did not find expected node content" in problem:
        report(here, "E0105", f'a value cannot begin with "{char}"', help=QUOTE_HELP)
    elif "did not find expected key" in problem or "did not find expected '-'" in problem:
        what = "list" if "'-'" in problem else "mapping"
        hint = "check the indentation, and quote values that hold quotes or other special characters"
        report(here, "E0105", f"this does not continue the {what} begun in {opened}", help=hint)
    else:
        report(here, "E0105", problem)


def _quote(text: str) -> str:
    return f"'{text}'" if '"' in text or "\\" in text else f'"{text}"'


def _find_unquoted(source: Source, at: int) -> Span:
    """Return the whole unquoted value that the bracket at `at` breaks in two, up to where it was meant to end."""
    start = at
    while start > 0 and source.text[start - 1] not in " \t\n,[{":
        start -= 1
    depth, end = 0, at
    while end < len(source.text) and source.text[end] not in "\r\n":
        char = source.text[end]
        depth += (char in "[{") - (char in "]}")
        if depth < 0 or (depth == 0 and char == ","):
            break
        end += 1
    while end > at and source.text[end - 1] == " ":
        end -= 1
    return Span(source, start, end)
