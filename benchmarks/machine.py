"""Describe the machine and the programs of a run, so that two results can be told apart. Names no host and no user."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from benchmarks.processes import INSTALLED, NotInstalledError, choose_cores, find_program

PACKAGES = ("aiohttp", "orion-gateway", "uvloop")
NODE_PACKAGES = ("express", "http-proxy", "http-proxy-middleware")
VERSION_OPTIONS = {"caddy": "version", "envoy": "--version", "haproxy": "-v", "nginx": "-v", "node": "-v", "wrk": "-v"}
VERSION = re.compile(r"\d+\.\d+\.\d+")


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
    for program, option in VERSION_OPTIONS.items():
        try:
            path = find_program(program)
        except NotInstalledError:
            continue
        # nginx says it on stderr, wrk on stdout with status 1.
        shown = subprocess.run([path, option], capture_output=True, text=True, timeout=10, check=False)
        found = VERSION.search(shown.stdout + shown.stderr)
        versions[program] = found[0] if found else "unknown"
    for package in NODE_PACKAGES:
        manifest = INSTALLED / "node_modules" / package / "package.json"
        if manifest.is_file():
            versions[package] = json.loads(manifest.read_text())["version"]
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
