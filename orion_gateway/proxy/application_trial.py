"""Try whether the applications of a table can be loaded, before any worker serves.

In a process of its own: the code of users stays out of the supervisor, and whatever it does, even ending the process,
is told with the place in the table. It is loaded and its factory called; nothing of it is started.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING

from orion_gateway.values import ApplicationUse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMAND = "try-applications"
"""The word after `python -m orion_gateway` that runs `run_trial`."""

PATIENCE = 30.0
"""Seconds that loading may take: as long as a worker may take to serve."""


def find_failures(uses: Sequence[ApplicationUse], environ: Mapping[str, str]) -> list[str]:
    """Return what keeps applications from being loaded, each with the place of its route; empty: nothing does."""
    asked = json.dumps([[use.use, use.folder] for use in uses])
    command = [sys.executable, "-P", "-m", "orion_gateway", COMMAND]
    try:
        done = subprocess.run(  # noqa: S603 (this very program)
            command, input=asked.encode(), stdout=subprocess.PIPE, env=dict(environ), timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return [f"{_list(uses)} cannot be loaded in {PATIENCE:g}s"]
    if done.returncode:
        return [f"{_list(uses)}: loading ended the process with exit code {done.returncode}"]
    failures = json.loads(done.stdout)
    return [
        f'{use.place}: the application "{use.use}" cannot be loaded: {failure}'
        for use, failure in zip(uses, failures, strict=True)
        if failure
    ]


def run_trial() -> int:
    """Load what stdin names and write to stdout what is wrong with each, empty for nothing; return the exit code."""
    answer = os.dup(1)
    os.dup2(2, 1)  # what modules print is none of the answer
    uses = [ApplicationUse(use, folder) for use, folder in json.loads(sys.stdin.buffer.read())]
    failures = asyncio.run(_load_all(uses))
    sys.stdout.flush()
    with os.fdopen(answer, "wb") as file:
        file.write(json.dumps(failures).encode())
    return 0


async def _load_all(uses: Sequence[ApplicationUse]) -> list[str]:
    from orion_gateway.proxy.inprocess import ApplicationError, load_application
    from orion_gateway.references import ReferenceFault

    failures = []
    for use in uses:
        try:
            await load_application(use)
        except ApplicationError as error:
            failures.append(str(error))
            cause = error.__cause__
            if isinstance(cause, ReferenceFault):  # what the user's code raised, if it was that
                cause = cause.__cause__
            if cause is not None and not isinstance(cause, ModuleNotFoundError):
                traceback.print_exception(cause)
        else:
            failures.append("")
    return failures


def _list(uses: Sequence[ApplicationUse]) -> str:
    return ", ".join(f'{use.place}: the application "{use.use}"' for use in uses)
