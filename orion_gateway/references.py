"""Find what `module:name` in a table means: the object, or the reason why there is none, for the person who wrote it.

Modules are looked for where Python looks, and last in the folder of the table: last, so that no file beside a table can
stand in for a module of the gateway, of a library or of Python itself.
"""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from difflib import get_close_matches
from pathlib import Path

_REFERENCE = re.compile(r"(?!\d)\w+(\.(?!\d)\w+)*:(?!\d)\w+(\.(?!\d)\w+)*")
MOST_SHOWN = 200
"""Characters of a foreign exception's text that a message repeats."""


class ReferenceFault(Exception):  # noqa: N818 (a finding about a table, not an error of ours)
    """A reference that leads nowhere. `str()` says why, `hint` where it was looked for or what would help."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def is_reference(text: str) -> bool:
    """Say whether the text has the form `module:name`; both may be dotted."""
    return _REFERENCE.fullmatch(text) is not None


def find_reference(reference: str, folder: str) -> object:
    """Import the module of `module:name`, `folder` searched last, and return what the name means in it.

    Raises:
        ReferenceFault: it has another form, or there is no such module or name, or importing it failed.
    """
    if not is_reference(reference):
        raise ReferenceFault(f'"{reference}" is not of the form module:name')
    module_name, _, path = reference.partition(":")
    found: object = _import(module_name, folder)
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            hint = f"it was read from {_tell_file(module_name)}"
            if meant := get_close_matches(name, dir(found), 1):
                hint += f'; did you mean "{meant[0]}"?'
            raise ReferenceFault(f'the module "{module_name}" has no "{path}"', hint) from None
    return found


def _import(module_name: str, folder: str) -> object:
    if folder not in sys.path:
        sys.path.append(folder)
    # A file that was written a moment ago is not in the finders' lists of what is there.
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            hint = f"it was looked for where Python finds modules, then in {folder}"
            raise ReferenceFault(f'there is no module "{error.name}"', hint) from None
        raise _tell_failure(module_name, error) from error
    except (Exception, SystemExit) as error:  # a script that exits would end the whole command without a word
        raise _tell_failure(module_name, error) from error


def _tell_failure(module_name: str, error: BaseException) -> ReferenceFault:
    """Say what went wrong in somebody else's code, and in which line of it."""
    return ReferenceFault(f'the module "{module_name}" cannot be imported: {describe(error)}', locate(error))


def describe(error: BaseException) -> str:
    """Return the kind and the text of an exception on one line, not longer than a person reads."""
    text = " ".join(str(error).split())
    text = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def locate(error: BaseException) -> str:
    """Return the line in which an exception was raised, as `at file:line`; empty when nothing tells."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"at {error.filename}:{error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    # The first frames are this module's and importlib's.
    own = [frame for frame in frames if frame.filename not in {__file__, importlib.__file__}]
    return f"at {own[-1].filename}:{own[-1].lineno}" if own else ""


def _tell_file(module_name: str) -> str:
    file = getattr(sys.modules.get(module_name), "__file__", None)
    return str(Path(file)) if file else "no file"
