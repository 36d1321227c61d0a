"""Both builds of the codec in one process: the one that runs, and the pure one that it was made from.

Without compiled modules they are two copies of the same, and what compares them proves nothing but itself.
"""

import sys
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from orion_gateway.build import SourceFinder, is_compiled

_PACKAGE = "orion_gateway.http1"


@dataclass(frozen=True)
class Codec:
    """The modules of one build."""

    name: str
    body: ModuleType
    fields: ModuleType
    head: ModuleType
    scan: ModuleType
    write: ModuleType


def _load(name: str) -> Codec:
    return Codec(name, *(import_module(f"{_PACKAGE}.{part}") for part in ("body", "fields", "head", "scan", "write")))


def _load_pure() -> Codec:
    """Load the sources a second time, beside what is loaded: their classes are others, and know only each other."""
    package = import_module("orion_gateway")
    loaded = {name: module for name, module in sys.modules.items() if f"{name}.".startswith(f"{_PACKAGE}.")}
    for name in loaded:
        del sys.modules[name]
    sys.meta_path.insert(0, SourceFinder)
    try:
        return _load("pure")
    finally:
        sys.meta_path.remove(SourceFinder)
        for name in [name for name in sys.modules if f"{name}.".startswith(f"{_PACKAGE}.")]:
            del sys.modules[name]
        sys.modules.update(loaded)
        package.http1 = loaded[_PACKAGE]  # type: ignore[attr-defined]


RUNNING = _load("compiled" if is_compiled() else "running")
PURE = _load_pure()
