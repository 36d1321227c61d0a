"""Find the run directory: where the admin socket is, for the gateway and for the commands that talk to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


ADMIN_SOCKET = "admin.sock"
"""The name of the admin socket in it."""


def find_run_dir(setting: str, environ: Mapping[str, str], uid: int) -> Path:
    """Return the directory that `gateway.run_dir` means for the user `uid`; it is not created.

    `auto` is `$RUNTIME_DIRECTORY` (systemd made it for the unit), else `$XDG_RUNTIME_DIR/orion`, else `/run/orion` for
    root and `/tmp/orion-<uid>` for others.
    """
    if setting != "auto":
        return Path(setting)
    if given := environ.get("RUNTIME_DIRECTORY"):
        return Path(given.split(":")[0])
    if given := environ.get("XDG_RUNTIME_DIR"):
        return Path(given) / "orion"
    return Path("/run/orion") if uid == 0 else Path(f"/tmp/orion-{uid}")  # noqa: S108 (its owner and mode are checked)
