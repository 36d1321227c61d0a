"""The direction of dependencies, kept true: who may import whom (docs/decisions/0001-the-house.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ALLOWED: dict[str, set[str]] = {
    "values": set(),
    "build": set(),
    "expression": set(),
    "balancer": {"values"},
    "breaker": {"values"},
    "discovery": {"values"},
    "http1": {"values"},
    "routing": {"values", "expression"},
    "config": {"values"},
    # Its adaptor of plug-ins is the one that imports them (see below).
    "filters": {"values", "expression", "plugins"},
    "plugins": {"values", "filters", "references"},
    "references": set(),
    "testing": {"values", "filters", "http1", "plugins", "proxy"},
    "telemetry": {"values", "http1"},
    "proxy": {"values", "filters", "http1", "references", "routing", "balancer", "breaker", "discovery", "telemetry"},
    "control": {"values", "balancer", "breaker", "discovery", "filters", "proxy", "routing", "telemetry"},
    "admin": {"values", "balancer", "breaker", "control", "explanation", "proxy", "routing", "telemetry"},
    "filter_assembly": {"values", "config", "filters"},
    "plugin_checks": {"values", "config", "filter_assembly", "plugins"},
    "assembly": {"values", "config", "filter_assembly"},
    # What config cannot judge, because it does not know the filters: for whoever loads a table to use or check it.
    "loading": {"values", "config", "filter_assembly", "filters", "plugin_checks"},
    "lint": {"values", "config", "filter_assembly", "filters", "loading", "routing", "expression"},
    "explanation": {"values", "assembly", "config", "filters", "routing"},
    "app": {
        "values",
        "admin",
        "assembly",
        "balancer",
        "build",
        "config",
        "control",
        "explanation",
        "filter_assembly",
        "http1",
        "proxy",
        "routing",
        "telemetry",
    },
    # It reads scenarios as the table is read; of proxy and control it may have what is pure (see below).
    "simulator": {"values", "balancer", "breaker", "config", "control", "discovery", "proxy"},
    "cli": {
        "app",
        "assembly",
        "build",
        "config",
        "explanation",
        "lint",
        "loading",
        "routing",
        "simulator",
        "values",
    },
    "__main__": {"app", "cli", "proxy"},
}


def list_imports(path: Path) -> set[str]:
    """Return the dotted names that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 or "backends" in path.parts, f"{path} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} if node.module else set()
    return names


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    """Without it, a decision could reach for a socket and nobody would notice."""
    base = ROOT / "orion_gateway"
    files = list((base / package).rglob("*.py")) if (base / package).is_dir() else [base / f"{package}.py"]
    assert files
    for path in files:
        for name in list_imports(path):
            if name.startswith("orion_gateway."):
                target = name.split(".")[1]
                assert target in ALLOWED[package] | {package, "__version__"}, f"{path.relative_to(ROOT)} imports {name}"


def test_every_package_has_a_rule() -> None:
    """A new package must say where it stands."""
    found = {path.stem for path in (ROOT / "orion_gateway").iterdir() if path.suffix in ("", ".py")} - {
        "__pycache__",
        "__init__",
    }
    assert found <= set(ALLOWED)


def test_plug_ins_and_filters_meet_at_the_contract_and_at_the_adaptor_only() -> None:
    """A plug-in's author would import half of the gateway, and every worker the views that only plug-ins need."""
    base = ROOT / "orion_gateway"
    for path in (base / "plugins").rglob("*.py"):
        for name in list_imports(path):
            if name.startswith("orion_gateway.filters"):
                assert name.startswith("orion_gateway.filters.filter."), f"{path.name} imports {name}"
    for path in (base / "filters").rglob("*.py"):
        if any(name.startswith("orion_gateway.plugins") for name in list_imports(path)):
            assert path.name == "plugin.py"


def test_the_kit_for_tests_takes_only_pure_parts_of_proxy() -> None:
    """A plug-in's tests would open sockets."""
    for path in (ROOT / "orion_gateway" / "testing").rglob("*.py"):
        for name in list_imports(path):
            if name.startswith("orion_gateway.proxy"):
                assert name.startswith("orion_gateway.proxy.reply."), f"{path.name} imports {name}"


SHELLS = {"discovery/health_checks.py"}
"""Modules that do I/O in a package that is pure but for them."""


@pytest.mark.parametrize("package", ["http1", "routing", "balancer", "breaker", "discovery", "lint", "simulator"])
def test_decisions_do_no_io(package: str) -> None:
    """A pure package that imports a socket, a clock or a log cannot be walked on virtual time."""
    forbidden = {
        "asyncio",
        "socket",
        "time",
        "structlog",
        "logging",
        "os",
        "selectors",
        "uvloop",
        "aiohttp",
        "threading",
    }
    base = ROOT / "orion_gateway"
    for path in set((base / package).rglob("*.py")) - {base / shell for shell in SHELLS}:
        assert not {name.split(".")[0] for name in list_imports(path)} & forbidden, path


def test_the_simulator_takes_only_decisions_from_proxy_and_control() -> None:
    """A socket or a process in it would make a simulation depend on the machine."""
    pure = {"proxy.budget", "proxy.reasons", "proxy.retry", "control.judge", "control.messages"}
    for path in (ROOT / "orion_gateway" / "simulator").rglob("*.py"):
        for name in list_imports(path):
            parts = name.split(".")
            if parts[0] == "orion_gateway" and parts[1] in ("proxy", "control"):
                assert ".".join(parts[1:3]) in pure, f"{path.name} imports {name}"


@pytest.mark.parametrize("tree", ["backends", "benchmarks"])
def test_backends_and_benchmarks_meet_the_gateway_over_http_only(tree: str) -> None:
    """They would otherwise test the gateway's insides instead of the gateway."""
    for path in (ROOT / tree).rglob("*.py"):
        assert not any(name.split(".")[0] == "orion_gateway" for name in list_imports(path)), path
