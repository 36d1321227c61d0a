"""Compile the hot path; everything else about the package stands in `pyproject.toml`.

A module with a `.pxd` beside it is compiled as it is, with the types that the `.pxd` adds; one with a `.pyx` beside it
is a second implementation of the same contract. It is all of them or none: compiled modules reach into each other's
types. Without Cython, a compiler or Python's headers, and with `ORION_PURE` set, the pure modules run.
"""

import os
import sys
from pathlib import Path
from textwrap import shorten

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

PACKAGE = Path("orion_gateway")
# The wheel may run on any processor of its kind, so nothing here is tuned to this one.
FLAGS = ["-O2", "-g0", "-fno-semantic-interposition", "-Wno-unused-function", "-Wno-unreachable-code"]
# A typed method taken as a value, and not called, becomes a pointer of the wrong type.
FLAGS += ["-Werror=incompatible-pointer-types"]
DIRECTIVES = {
    "language_level": 3,
    "annotation_typing": False,  # the .pxd alone says what is a C type; an `int` in the source has no bounds
    "binding": True,  # compiled functions and methods look like Python's to who inspects them
    "embedsignature": False,
    "initializedcheck": False,
    "nonecheck": True,  # an attribute of None raises, as in Python, where C would crash
}


class BuildAllOrNone(build_ext):
    """Builds every extension, or leaves none behind and says why."""

    def run(self) -> None:
        """Build in parallel; a failure ends in the pure package."""
        self.parallel = self.parallel or os.cpu_count() or 1
        try:
            super().run()
        except Exception as error:
            give_up(error, Path(self.build_lib))
            self.extensions.clear()


def give_up(error: Exception, *built: Path) -> None:
    """Leave the pure package, here and in the directories `built`, and say why; raise when it is not good enough."""
    if os.environ.get("ORION_REQUIRE_COMPILED"):
        raise error
    for path in {path for root in (PACKAGE, *built) for path in root.glob("**/*.so")}:
        path.unlink()
    # One line: the whole command of a compiler is of no use to who has none.
    reason = shorten(str(error), 120, placeholder=" …")
    print(f"note: the hot path is not compiled and runs as pure Python: {reason}", file=sys.stderr)


def find_sources() -> list[Path]:
    """Return the source of every module to compile, in a fixed order."""
    twins = [path.with_suffix(".py") for path in PACKAGE.glob("**/*.pxd") if not path.with_suffix(".pyx").exists()]
    return sorted([*twins, *PACKAGE.glob("**/*.pyx")])


def describe_extensions() -> list[Extension]:
    """Return the extensions to build; none when the pure package was asked for or Cython is missing or fails."""
    if os.environ.get("ORION_PURE"):
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        print("note: the hot path runs as pure Python: Cython is not installed", file=sys.stderr)
        return []
    extensions = [
        Extension(
            ".".join(path.with_suffix("").parts),
            [str(path)],
            extra_compile_args=[*FLAGS, *os.environ.get("ORION_CFLAGS", "").split()],
        )
        for path in find_sources()
    ]
    try:
        modules: list[Extension] = cythonize(
            extensions,
            build_dir="build/cython",
            compiler_directives=DIRECTIVES,
            nthreads=os.cpu_count() or 1,
            quiet=True,
        )
    except Exception as error:
        give_up(error)
        return []
    return modules


if __name__ == "__main__":
    setup(ext_modules=describe_extensions(), cmdclass={"build_ext": BuildAllOrNone})
