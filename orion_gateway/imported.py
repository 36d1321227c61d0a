"""Import what the table names as `module:attribute`: code of the user's own, which runs in this process from then on.

Modules are looked for where Python looks, and last in the table's own folder: last, so that no file there can stand in
for a module of the gateway, of a library or of Python itself.
"""

from __future__ import annotations

import sys
import traceback
from difflib import get_close_matches
from importlib import import_module


class NotImportableError(Exception):
    """The name leads to nothing; the message says why, for the person who wrote it."""


def import_named(name: str, folder: str) -> object:
    """Return what `module:attribute` names; an attribute may have dots. `folder` is the table's.

    Raises NotImportableError; what the module itself raised is its cause.
    """
    if folder not in sys.path:
        sys.path.append(folder)
    module_name, _, path = name.partition(":")
    try:
        found: object = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise NotImportableError(f'importing "{module_name}" failed: {describe_error(error)}') from error
        message = f'there is no module "{error.name}", neither installed nor in {folder}'
        raise NotImportableError(message) from error
    except (Exception, SystemExit) as error:
        raise NotImportableError(f'importing "{module_name}" failed: {describe_error(error)}') from error
    file = getattr(found, "__file__", None) or "built in"
    for attribute in path.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            meant = get_close_matches(attribute, dir(found), 1)
            hint = f'; did you mean "{meant[0]}"?' if meant else ""
            raise NotImportableError(f'"{module_name}" ({file}) has no "{attribute}"{hint}') from None
    return found


def describe_error(error: BaseException) -> str:
    """Return what an exception of the user's code says, and where it was raised."""
    said = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, SyntaxError):
        return f"{said} ({error.filename}, line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    # The last of what is not the import machinery.
    own = [frame for frame in frames if not frame.filename.startswith("<frozen")]
    return f"{said} ({own[-1].filename}, line {own[-1].lineno})" if own else said
