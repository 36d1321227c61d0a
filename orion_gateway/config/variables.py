"""Replace `${…}` in values, and know the variables: the process environment and the `.env` files beside the table.

`${NAME}`, `${NAME:-default}` and `${NAME:?message}` as a shell has them, `${file:/path}` for the text of a file without
its final line break, `$${` for a literal `${`. `${request.…}` is left as it is: it is filled in per request.
A default is taken, and a message given, when the variable is not set or empty. Nothing is replaced twice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from orion_gateway.config.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REFERENCE = re.compile(r"\$\$\{|\$\{(?!request\.)(?P<inside>[^}]*)(?P<end>\}?)")
VARIABLE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(:(?P<how>[-?])(?P<rest>.*))?", re.DOTALL)
ASSIGNMENT = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
QUOTED = re.compile(r"""'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)\"""")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class Problem(NamedTuple):
    """A `${…}` that cannot be replaced. `position` is its index among what `REFERENCE` finds in the text."""

    position: int
    message: str
    suggestion: str = ""
    help: str = ""


class UnreadableError(Exception):
    """A file named by `${file:…}` cannot be read; the text says why."""


def interpolate(text: str, variables: Mapping[str, str], read: Callable[[str], str]) -> tuple[str, list[Problem]]:
    """Return the text with every reference replaced, and what is wrong with those that cannot be.

    `read` returns the text of the file at a path, or raises `UnreadableError`.
    """
    problems: list[Problem] = []
    position = -1

    def replace(match: re.Match[str]) -> str:
        nonlocal position
        position += 1
        if match["inside"] is None:
            return "${"
        found = _look_up(match["inside"], is_closed=bool(match["end"]), variables=variables, read=read)
        if isinstance(found, str):
            return found
        problems.append(found._replace(position=position))
        return match[0]

    return REFERENCE.sub(replace, text), problems


def _look_up(
    inside: str, *, is_closed: bool, variables: Mapping[str, str], read: Callable[[str], str]
) -> str | Problem:
    if not is_closed:
        return Problem(0, '"${" is not closed', help='write "$${" for a literal "${"')
    if inside.startswith("file:"):
        try:
            content = read(inside.removeprefix("file:"))
        except UnreadableError as error:
            return Problem(0, str(error))
        return content.removesuffix("\n").removesuffix("\r")
    match = VARIABLE.fullmatch(inside)
    if match is None:
        return Problem(
            0,
            '"${…}" holds no name of a variable',
            help="write ${NAME}, ${NAME:-default}, ${NAME:?message} or ${file:/path}, or $${ for a literal ${",
        )
    if "${" in (match["rest"] or ""):
        return Problem(0, "a default cannot hold another ${…}")
    name, value = match["name"], variables.get(match["name"])
    if value or (value is not None and match["how"] is None):
        return value
    if match["how"] == "-":
        return match["rest"]
    if match["how"] == "?":
        return Problem(0, f'the variable "{name}" is not set: {match["rest"] or "it must be"}')
    return Problem(
        0,
        f'the variable "{name}" is not set',
        closest(name, variables),
        f"set it in the environment or in .env beside the table, or give a default: ${{{name}:-…}}",
    )


def read_env(text: str) -> tuple[dict[str, str], list[int]]:
    """Return the variables of an `.env` file, and the lines, from 1, that are not `NAME=value`.

    `export` before a name, comments and quotes are understood; `\\n`, `\\t`, `\\"` and so on only in double quotes.
    """
    variables: dict[str, str] = {}
    malformed: list[int] = []
    for number, written in enumerate(text.split("\n"), 1):
        line = written.strip()
        if not line or line.startswith("#"):
            continue
        match = ASSIGNMENT.fullmatch(line)
        value = _read_env_value(match["value"]) if match else None
        if match is None or value is None:
            malformed.append(number)
        else:
            variables[match["name"]] = value
    return variables, malformed


def _read_env_value(written: str) -> str | None:
    if not written.startswith(("'", '"')):
        return re.split(r"(?:^|\s)#", written, maxsplit=1)[0].rstrip()
    match = QUOTED.match(written)
    if match is None or not re.fullmatch(r"\s*(#.*)?", written[match.end() :]):
        return None
    if match["single"] is not None:
        return match["single"]
    return re.sub(r"\\(.)", lambda escape: ESCAPES.get(escape[1], escape[1]), match["double"])
