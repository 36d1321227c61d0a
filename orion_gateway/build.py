"""Which build of the hot path runs: compiled modules, or the pure ones that they were made from.

A compiled module lies beside its source and is found first. With `ORION_PURE` set the sources run; that is how the two
are compared.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

PACKAGE = __name__.partition(".")[0]


class SourceFinder:
    """Finds the modules of this package as source only."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of a module of this package, None for all others."""
        del target
        if not name.startswith(PACKAGE + "."):
            return None
        for place in path or ():
            spec = FileFinder(place, (SourceFileLoader, SOURCE_SUFFIXES)).find_spec(name)
            if spec is not None:
                return spec
        return None


def choose_build() -> None:
    """Let the pure modules run when `ORION_PURE` asks for them. Called before any other module is imported."""
    if os.environ.get("ORION_PURE"):
        sys.meta_path.insert(0, SourceFinder)


def is_compiled() -> bool:
    """Say whether the hot path of this process is compiled."""
    from orion_gateway.http1 import parsed

    return not str(parsed.__file__).endswith(".py")
