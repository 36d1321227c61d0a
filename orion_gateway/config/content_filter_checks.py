"""Judge whether edits of JSON contradict each other, and whether filters that change content stand in a good order.

Like all checks these read the nodes, and leave out what is not of the expected type: the model has reported it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.config.json_paths import join_json_path, split_json_path
from orion_gateway.config.lookup import items_at, mapping_at, text_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from orion_gateway.config.json_paths import JsonPath
    from orion_gateway.config.nodes import MappingNode, Node, Report
    from orion_gateway.config.source import Span

    Written = tuple[JsonPath, Span]
    """A path and where it is written."""

DIRECTIONS = ("request", "response")


def check_compress(node: MappingNode, report: Report) -> None:
    """Report what does not fit within `compress`."""
    encodings = items_at(node, "encodings")
    known = {text_of(encoding) for encoding in encodings}
    seen: set[str | None] = set()
    for encoding in encodings:
        if text_of(encoding) in seen and text_of(encoding) is not None:
            report(encoding.span, "E0305", f'"{text_of(encoding)}" stands here twice', help="one place says how liked")
        seen.add(text_of(encoding))
    levels = mapping_at(node, "level")
    for name in levels.entries if levels and encodings else ():
        if name in ("zstd", "br", "gzip") and name not in known:
            assert levels is not None
            report(levels.keys[name], "W0302", f'"{name}" has no effect here: it is not among the encodings')


def check_transform(node: MappingNode, report: Report) -> None:
    """Report what does not fit within `transform`."""
    written = [direction for direction in DIRECTIONS if direction in node.entries]
    if not written and not node.is_partial:
        report(node.span, "E0104", "nothing says what is edited", help='write "request", "response" or both')
    for direction in written:
        edits = mapping_at(node, direction)
        if edits is None:
            continue
        if not edits.entries:
            report(node.keys[direction], "W0302", f'"{direction}" has no effect: it edits nothing')
        _check_edits(edits, report)


def check_order(listed: Iterable[tuple[Node, MappingNode | None]], report: Report) -> None:
    """Report a `compress` behind a `transform` that edits responses.

    Responses pass the last filter first, so that `transform` would find them compressed. It takes Accept-Encoding off
    the request before `compress` sees it, so this cannot happen; but then nothing is compressed.

    `listed` are the entries of one list of filters, each with the filter that it means.
    """
    edits_responses = False
    for entry, filter_ in listed:
        if mapping_at(filter_, "transform", "response") is not None:
            edits_responses = True
        elif mapping_at(filter_, "compress") is not None and edits_responses:
            message = '"compress" has no effect behind "transform", which must find responses as they are'
            report(entry.span, "W0302", message, help='list "compress" before "transform"')


def _check_edits(edits: MappingNode, report: Report) -> None:
    rename = mapping_at(edits, "rename")
    renamed = list(_paths_of_keys(rename))
    dropped = list(_paths_of_items(items_at(edits, "drop")))
    added = list(_paths_of_keys(mapping_at(edits, "add")))
    mapped = list(_paths_of_keys(mapping_at(edits, "map")))
    for paths in (renamed, dropped, added, mapped):
        _check_equal(paths, report)
    names = _check_renames(renamed, rename, report)
    now = {_follow(path, names): path for path in names}
    gone = {path for path in names if path not in now}
    for path, span in dropped:
        if path in now:
            message = f'"{join_json_path(path)}" gets its name from "rename" and is dropped then'
            report(span, "E0305", message, help=f'drop "{join_json_path(now[path])}", and do not rename it')
    for operation, paths in (("drop", dropped), ("map", mapped)):
        for path, span in paths:
            if old := _find_beginning(path, gone):
                message = f'"{join_json_path(old)}" has another name when "{operation}" looks for it'
                report(span, "E0305", message, join_json_path(_follow(path, names)))
    for path, span in dropped:
        if whole := _find_beginning(path[:-1], {other for other, _ in dropped}):
            message = f'"{join_json_path(path)}" has no effect: all of "{join_json_path(whole)}" is dropped'
            report(span, "W0302", message)
    for path, span in added:
        if whole := _find_beginning(path[:-1], {other for other, _ in added}):
            message = f'"{join_json_path(whole)}" is added, and "{join_json_path(path)}" into it'
            report(span, "E0305", message, help=f'write it into the value of "{join_json_path(whole)}"')
    for path, span in mapped:
        whole = _find_beginning(path, {other for other, _ in dropped})
        if whole and not any(other[: len(whole)] == whole for other, _ in added):
            report(span, "E0305", f'"{join_json_path(whole)}" is dropped before anything in it is mapped')


def _check_renames(renamed: list[Written], rename: MappingNode | None, report: Report) -> dict[JsonPath, str]:
    """Report new names that clash; return the new name at each path."""
    names: dict[JsonPath, str] = {}
    taken: dict[JsonPath, JsonPath] = {}
    written = (
        {span: node for node, span in zip(rename.entries.values(), rename.keys.values(), strict=True)} if rename else {}
    )
    for path, span in renamed:
        new = _split(text_of(written[span]))
        if new is None or len(new) != 1 or new[0] is None or path in names:
            continue
        target = (*path[:-1], new[0])
        if target == path:
            report(span, "E0305", f'"{join_json_path(path)}" has this name already')
            continue
        if target in taken:
            both = f'"{join_json_path(taken[target])}" and "{join_json_path(path)}"'
            report(span, "E0305", f'{both} would both be "{join_json_path(target)}"')
        taken.setdefault(target, path)
        names[path] = new[0]
    return names


def _follow(path: JsonPath, names: dict[JsonPath, str]) -> JsonPath:
    """Return where that which stood at a path stands once everything has its new name."""
    return tuple(names.get(path[: depth + 1], step) for depth, step in enumerate(path))


def _find_beginning(path: JsonPath, paths: Container[JsonPath]) -> JsonPath | None:
    """Return the shortest of `paths` that `path` is or begins with."""
    return next((path[:depth] for depth in range(1, len(path) + 1) if path[:depth] in paths), None)


def _check_equal(paths: list[Written], report: Report) -> None:
    seen: set[JsonPath] = set()
    for path, span in paths:
        if path in seen:
            report(span, "E0305", f'"{join_json_path(path)}" stands here twice')
        seen.add(path)


def _paths_of_keys(node: MappingNode | None) -> Iterable[Written]:
    for key in node.entries if node else ():
        path = _split(key)
        if path is not None:
            assert node is not None
            yield path, node.keys[key]


def _paths_of_items(items: list[Node]) -> Iterable[Written]:
    for item in items:
        path = _split(text_of(item))
        if path is not None:
            yield path, item.span


def _split(text: str | None) -> JsonPath | None:
    if text is None:
        return None
    try:
        return split_json_path(text)
    except ValueError:
        return None
