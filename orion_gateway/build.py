"""Which build of the hot path runs: compiled modules, or the pure ones that they were made from.

A compiled module lies beside its source and is found first. With `ORION_PURE` set the sources run; that is how the two
are compared.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

PACKAGE = __name__.partition(".")[0]
ROOT = Path(__file__).parent

REMEDY = "run `make setup`, or set ORION_PURE=1"
"""What helps when compiled modules do not match their sources."""


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
    if is_pure_asked():
        sys.meta_path.insert(0, SourceFinder)


def is_pure_asked() -> bool:
    """Say whether `ORION_PURE` asks for the pure modules."""
    return bool(os.environ.get("ORION_PURE"))


def is_compiled(root: Path = ROOT) -> bool:
    """Say whether compiled modules run in a process with this environment; `root` is the directory of the package."""
    return not is_pure_asked() and any(compiled is not None for _, compiled in _list_modules(root))


def name_build() -> str:
    """Return what runs, in the words of `orion version` and of the log."""
    return "compiled" if is_compiled() else "pure Python"


def find_stale(root: Path = ROOT) -> list[str]:
    """Return the modules whose compiled form is missing or older than what it is made of; none for the pure build.

    Such a gateway does not do what its sources say. Only a source tree is judged: an installer writes files in an order
    of its own, and what it wrote is not edited.
    """
    if not is_compiled(root) or not (root.parent / "setup.py").exists():
        return []
    return [
        ".".join((PACKAGE, *typed.relative_to(root).with_suffix("").parts))
        for typed, compiled in _list_modules(root)
        if compiled is None or compiled.stat().st_mtime < _date_sources(typed)
    ]


def _list_modules(root: Path) -> Iterator[tuple[Path, Path | None]]:
    """Yield what says that a module is to be compiled (its `.pxd`, else its `.pyx`), and the compiled one if any."""
    untwinned = [path for path in root.rglob("*.pyx") if not path.with_suffix(".pxd").exists()]
    for typed in sorted([*root.rglob("*.pxd"), *untwinned]):
        found = (typed.with_name(typed.stem + suffix) for suffix in EXTENSION_SUFFIXES)
        yield typed, next((path for path in found if path.exists()), None)


def _date_sources(typed: Path) -> float:
    """Return when the newest of a module's sources was written. With a `.pyx`, that and not the `.py` is compiled."""
    written = typed.with_suffix(".pyx")
    sources = {typed, written if written.exists() else typed.with_suffix(".py")}
    return max(path.stat().st_mtime for path in sources)
