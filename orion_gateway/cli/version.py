"""`orion version`: what runs here."""

from __future__ import annotations

import platform
from importlib import metadata

import click

from orion_gateway import __version__
from orion_gateway.build import REMEDY, find_stale, name_build

_PARTS = ("uvloop", "aiohttp", "pydantic", "PyYAML", "google-re2")


@click.command(name="version")
def command() -> None:
    """Print the version and what runs below it."""
    click.echo(f"orion {__version__} ({name_build()})")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    click.echo(f"{python} on {platform.system()} {platform.machine()}")
    for part in _PARTS:
        click.echo(f"{part} {metadata.version(part)}")
    stale = find_stale()
    if stale:
        click.echo(f"compiled modules older than their sources: {', '.join(stale)}; {REMEDY}", err=True)
