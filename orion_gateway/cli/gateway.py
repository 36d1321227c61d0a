"""What the commands that speak to a running gateway share: finding its Unix socket, asking, saying what is wrong."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import click

_TIMEOUT = 10.0

socket_option = click.option(
    "--socket",
    "admin_socket",
    type=click.Path(path_type=Path),
    help="The admin socket of the gateway.  [default: admin.sock in the run directory of the table]",
)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def find_socket(config: Path) -> tuple[Path, bool]:
    """Return where the gateway that runs with the table at `config` has its admin socket, and whether that is sure.

    A table that is broken by now does not say where its gateway has its run directory: it is taken for the default.
    """
    from orion_gateway.config.errors import TableErrors
    from orion_gateway.config.load import load_table
    from orion_gateway.config.run_dir import ADMIN_SOCKET, find_run_dir

    setting, is_sure = "auto", True
    try:
        setting = load_table(config, os.environ).config.gateway.run_dir
    except TableErrors as errors:
        is_sure = errors.is_missing
    return find_run_dir(setting, os.environ, os.getuid()) / ADMIN_SOCKET, is_sure


def ask_gateway(
    config: Path, admin_socket: Path | None, method: str, path: str, body: dict[str, object] | None = None
) -> dict[str, Any]:
    """Return what the running gateway answers.

    When it refuses, say why on stderr and leave with exit code 1; when none runs, with 2.
    """
    place, is_sure = (admin_socket, True) if admin_socket else find_socket(config)
    connection = _UnixConnection(place)
    try:
        connection.request(
            method,
            path,
            body=None if body is None else json.dumps(body),
            headers={"Accept": "application/json", "Content-Type": "application/json"},
        )
        response = connection.getresponse()
        document = json.loads(response.read())
    except (FileNotFoundError, ConnectionRefusedError):
        if not is_sure:
            words = f"{config} is broken (`orion check`), so nobody knows where its gateway has its admin socket"
            leave(2, f"{words}: nothing listens on {place}\nname its --socket")
        leave(2, f"no gateway runs: nothing listens on {place}\nstart one with `orion run`, or name its --socket")
    except PermissionError:
        leave(2, f"{place} belongs to another user; ask as the user that runs the gateway")
    except (OSError, http.client.HTTPException, ValueError) as error:
        leave(2, f"the gateway at {place} does not answer: {error}")
    finally:
        connection.close()
    if response.status >= 400:
        leave(1, document.get("message", f"the gateway answers {response.status}"))
    return document  # type: ignore[no-any-return]  # JSON objects are all it answers


def lay_out(rows: list[list[str]]) -> list[str]:
    """Return rows as lines with aligned columns; a column without content is left out."""
    kept = [at for at in range(len(rows[0])) if any(row[at] for row in rows[1:])]
    widths = [max(len(row[at]) for row in rows) for at in kept]
    return ["  ".join(row[at].ljust(width) for at, width in zip(kept, widths, strict=True)).rstrip() for row in rows]


def leave(code: int, message: str) -> Any:
    """Say what is wrong, and end with an exit code."""
    click.echo(f"orion: {message}", err=True)
    sys.exit(code)
