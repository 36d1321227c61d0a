"""Describe the machine and the programs of a run, so that two results can be told apart. Names no host and no user."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from benchmarks.processes import NotInstalledError, choose_cores, find_program

PACKAGES = ("aiohttp", "orion-gateway", "uvloop")


def describe_machine() -> dict[str, object]:
    """Return what the JSON result says about where and when it was made."""
    proxy_core, load_core = choose_cores()
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _read_processor(),
        "architecture": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "proxy_core": proxy_core,
        "load_core": load_core,
        "load_average": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "programs": _read_versions(),
    }


def _read_processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return "unknown"


def _read_versions() -> dict[str, str]:
    versions = {}
    for program in ("nginx", "wrk"):
        try:
            path = find_program(program)
        except NotInstalledError:
            continue
        # Each prints its version in its first line: nginx on stderr, wrk on stdout with status 1.
        shown = subprocess.run([path, "-v"], capture_output=True, text=True, timeout=10, check=False)
        versions[program] = (shown.stdout + shown.stderr).splitlines()[0].rpartition(": ")[2].partition(" [")[0]
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
