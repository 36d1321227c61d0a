"""Run the compiled hot path under AddressSanitizer: `python -m tests.http1.sanitize --inputs 20000`.

The package is copied and built anew with checks around every access to memory, then what is compiled is tested and the
fuzzer run on the codec; nothing of the checkout changes. Python hands out memory with malloc, so that reading one byte
behind a `bytes` object is seen. The first wrong access ends the run with a report. Needs gcc with libasan.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
_COPIED = ("orion_gateway", "tests", "pyproject.toml", "setup.py", "README.md", "LICENSE")
_FLAGS = "-fsanitize=address -fno-omit-frame-pointer -O1 -g"
_TESTS = ("tests/http1", "tests/proxy", "tests/routing", "tests/telemetry", "tests/balancer", "tests/breaker")
_WITHOUT_BUILDS = shutil.ignore_patterns("*.so", "__pycache__")


def main(inputs: int, seed: int) -> int:
    """Build, test and fuzz; return 0 when all of it passed."""
    library = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    environment = {**os.environ, "ORION_CFLAGS": _FLAGS, "ORION_REQUIRE_COMPILED": "1"}
    environment.pop("ORION_PURE", None)
    with TemporaryDirectory() as place:
        for name in _COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, Path(place, name), ignore=_WITHOUT_BUILDS)
            elif (ROOT / name).exists():
                shutil.copy(ROOT / name, place)
        build = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
        subprocess.run(build, cwd=place, env=environment, check=True)
        environment |= {
            "LD_PRELOAD": library.stdout.strip(),
            "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter frees little when it ends
            "PYTHONMALLOC": "malloc",
        }
        for command in (
            # A report is written as the process dies: captured, it would be lost with it.
            ["pytest", "-q", "-p", "no:cacheprovider", "--capture=no", *_TESTS],
            ["tests.http1.fuzz", "--inputs", str(inputs), "--seed", str(seed)],
        ):
            run = subprocess.run([sys.executable, "-m", *command], cwd=place, env=environment, check=False)
            if run.returncode:
                print(f"stopped with status {run.returncode}: {' '.join(command)}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.exit(main(arguments.inputs, arguments.seed))
