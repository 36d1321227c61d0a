"""Say what is missing on this machine before setup fails in a way that is harder to read. Needs only Python itself."""

import importlib.util
import shutil
import sys
import sysconfig
from pathlib import Path

OLDEST = (3, 11)


def main() -> int:
    """Print one line per missing piece; return 1 when setup cannot work without it."""
    if sys.version_info < OLDEST:
        print(
            f"Orion needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {sys.version.split()[0]}.", file=sys.stderr
        )
        return 1
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        print("Python cannot make virtual environments here. On Debian: apt-get install python3-venv", file=sys.stderr)
        return 1
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    if shutil.which("gcc") is None or not headers.exists():
        print(
            "note: gcc or python3-dev is missing, so the hot path is not compiled: everything works, but a request "
            "costs more CPU time (README says how much), and every dependency must have a wheel for this machine. "
            "On Debian: apt-get install gcc python3-dev, then make setup",
            file=sys.stderr,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
