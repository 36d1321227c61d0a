"""The source of a module that may be running compiled, to compare the two."""

from __future__ import annotations

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


def load_pure(name: str) -> Any:
    """Return a module of the gateway run from its source, beside the one that `import` gives."""
    path = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    loader = SourceFileLoader(f"pure.{name}", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module
