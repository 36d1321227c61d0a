"""Work out the request target that is sent upstream when a route rewrites it.

Pure: bytes in, bytes out. Without a rewrite nothing is called and the target goes on byte for byte. What comes out is
judged as a received path is, so that a rewrite can never produce what a client may not send: dot segments, a path that
begins with `//`, or empty segments where there were none. The Host field (`host: upstream`) is left to the caller.

- `strip_prefix` takes away whole segments, compared decoded; a path that does not begin with them stays as it is.
- `path` is the new path. `{name}` stands for what the route's `{name}` took, and a final `/**` for what the route's
  `/**` took: `/a/**` to `/b/**` makes `/a`, `/a/` and `/a/x` into `/b`, `/b/` and `/b/x`.
- `regex` replaces every match in the path as received, percent-encoding included. In the replacement `\\1` to `\\99`
  and `\\g<name>` are groups, `\\0` is the whole match; no other backslash is allowed.
- `query_remove` drops parameters by name, `query_set` does and then appends its own; the others keep their bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from orion_gateway.expression import Expression, Match, compile_expression
from orion_gateway.routing.found import REST
from orion_gateway.routing.path import JudgedPath, PathRefused, judge_path
from orion_gateway.routing.precedence import Kind, encode_path_text, path_steps
from orion_gateway.routing.query import split_query

if TYPE_CHECKING:
    from orion_gateway.values import Rewrite, Route

Params = Mapping[str, bytes]
RewriteTarget = Callable[[bytes, bytes, Params], bytes]
"""(raw path, raw query without `?`, `Matched.params`) → the target to send. Raises PathRefused."""

_PathChange = Callable[[JudgedPath, Params], bytes]
_PARAM = re.compile(rb"\{(\w+)\}")
_GROUP = re.compile(r"\\(?:(\d{1,2})|g<(\w+)>)?")


def compile_rewrite(rewrite: Rewrite, route: Route) -> RewriteTarget:
    """Return what rewrites the targets of one route's requests.

    Raises ValueError when the rewrite names a param, a `**` or a group that the route or its expression does not have,
    or can only make paths that are refused.
    """
    steps = path_steps(route.match)
    known = {step.text.decode() for step in steps if step.kind is Kind.PARAM}
    known |= {REST} if steps[-1].kind is Kind.REST else set()
    if rewrite.path is not None and (unknown := _names_in(rewrite.path) - known):
        raise ValueError(
            f"the path of route {route.name!r} has no {', '.join(sorted(unknown))} to put into its rewrite"
        )
    return _compile(rewrite)


def rewrite_target(rewrite: Rewrite, path: bytes, query: bytes, params: Params) -> bytes:
    """Rewrite one target: `compile_rewrite` for a single use. Raises PathRefused."""
    return _compile(rewrite)(path, query, params)


def _compile(rewrite: Rewrite) -> RewriteTarget:
    change_path = _compile_path_change(rewrite)
    change_query = _compile_query_change(rewrite)

    def rewrite_one(path: bytes, query: bytes, params: Params) -> bytes:
        if change_path is not None:
            received = judge_path(path)
            path = change_path(received, params)
            judged = judge_path(path)
            # RFC 3986, section 4.2: what begins with `//` is read as an authority by whoever resolves it.
            if path.startswith(b"//") or (judged.has_empty_segments and not received.has_empty_segments):
                raise PathRefused("the rewritten path contains an empty segment")
        if change_query is not None:
            query = change_query(query)
        return path + b"?" + query if query else path

    return rewrite_one


def _compile_path_change(rewrite: Rewrite) -> _PathChange | None:
    if rewrite.strip_prefix is not None:
        return _strip_prefix(rewrite.strip_prefix)
    if rewrite.path is not None:
        return _replace_path(rewrite.path)
    if rewrite.regex is not None:
        return _substitute(*rewrite.regex)
    return None


def _strip_prefix(prefix: str) -> _PathChange:
    stripped = _judge_text(prefix.rstrip("/") or "/").segments
    if stripped == [b""]:
        stripped = []
    count = len(stripped)

    def strip(path: JudgedPath, params: Params) -> bytes:  # noqa: ARG001
        if path.segments[:count] != stripped:
            return path.raw
        return b"/" + b"/".join(path.raw[1:].split(b"/")[count:])

    return strip


def _replace_path(text: str) -> _PathChange:
    keeps_rest = text.endswith("/" + REST)
    template = encode_path_text(text.removesuffix("/" + REST) if keeps_rest else text)
    if template or not keeps_rest:
        _judge_text(_PARAM.sub(b"x", template).decode())

    def replace(path: JudgedPath, params: Params) -> bytes:  # noqa: ARG001
        begun = _PARAM.sub(lambda name: params[name[1].decode()], template)
        return (begun + params[REST] if keeps_rest else begun) or b"/"

    return replace


def _substitute(pattern: str, replacement: str) -> _PathChange:
    expression = compile_expression(pattern)
    pieces = _compile_replacement(replacement, expression)

    def fill(match: Match) -> bytes:
        return b"".join(piece if isinstance(piece, bytes) else match.group(piece) or b"" for piece in pieces)

    return lambda path, params: expression.sub(fill, path.raw)  # noqa: ARG005


def _compile_replacement(text: str, expression: Expression) -> tuple[bytes | int, ...]:
    """Return literal pieces and numbers of groups. Raises ValueError for a group that the expression does not have."""
    pieces: list[bytes | int] = []
    end = 0
    for reference in _GROUP.finditer(text):
        pieces.append(encode_path_text(text[end : reference.start()]))
        end = reference.end()
        number, name = reference.groups()
        group = int(number) if number else expression.groupindex.get((name or "").encode(), -1)
        if not 0 <= group <= expression.groups:
            raise ValueError(f"{reference[0]!r} in the replacement is no group of the expression")
        pieces.append(group)
    return (*pieces, encode_path_text(text[end:]))


def _compile_query_change(rewrite: Rewrite) -> Callable[[bytes], bytes] | None:
    if not (rewrite.query_set or rewrite.query_remove):
        return None
    dropped = {name.encode() for name in (*rewrite.query_remove, *(name for name, _ in rewrite.query_set))}
    added = [f"{quote(name, safe='')}={quote(value, safe='')}".encode() for name, value in rewrite.query_set]

    def change(query: bytes) -> bytes:
        kept = [parameter.raw for parameter in split_query(query) if parameter.name not in dropped]
        return b"&".join(kept + added)

    return change


def _names_in(path: str) -> set[str]:
    names = {name.decode() for name in _PARAM.findall(path.encode())}
    return names | {REST} if path.endswith("/" + REST) else names


def _judge_text(text: str) -> JudgedPath:
    try:
        return judge_path(encode_path_text(text))
    except PathRefused as refusal:
        raise ValueError(f"the rewrite to {text!r} can never be sent: {refusal.message}") from None
