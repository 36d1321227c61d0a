"""The program's own log: one JSON object per line on stderr, whoever speaks. The access log is another thing.

JSON, because it escapes what a client may have sent. What libraries log, warnings and exceptions that nobody caught
come out in the same form. A reader of stderr that stops or leaves never stops the gateway (see `writer`).
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from orion_gateway.telemetry.writer import Writer

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType

    from structlog.typing import EventDict, WrappedLogger

_STDERR = 2
_LONGEST_TRACEBACK = 2500
"""Characters kept of a traceback, from its end: a whole line then fits what a pipe keeps together."""

_LAST_WORDS = 1.0
"""Seconds for writing what is left when the process ends."""

log = structlog.get_logger()


def configure_log(process: str) -> None:
    """Log JSON lines to stderr, each naming the process it came from."""
    writer = Writer(os.dup(_STDERR), "log")
    atexit.register(writer.close, _LAST_WORDS)

    def name_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            name_process,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _cut_traceback,
            structlog.processors.JSONRenderer(serializer=_serialize),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _LineLogger(writer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def log_loop_exception(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what an event-loop callback raised; to be set as the loop's exception handler."""
    log.error(context["message"], exc_info=context.get("exception"))


class _LineLogger:
    """What structlog writes rendered events to."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def msg(self, line: bytes) -> None:
        """Write one event."""
        self._writer.put(line + b"\n")

    debug = info = warning = error = critical = exception = msg


class _ToStructlog(logging.Handler):
    """Gives what libraries say through `logging` the form of everything else."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on."""
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


def _cut_traceback(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    exception = event.get("exception")
    if exception is not None and len(exception) > _LONGEST_TRACEBACK:
        event["exception"] = "..." + exception[-_LONGEST_TRACEBACK:]
    return event


def _serialize(event: EventDict, **_: object) -> bytes:
    try:
        return orjson.dumps(event, default=str)
    except TypeError:
        # A file name that is not UTF-8 holds surrogates, which orjson refuses; json writes them as escapes.
        return json.dumps(event, default=str).encode("ascii")


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    log.critical("the program failed", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(hook: threading.ExceptHookArgs) -> None:
    log.critical("a thread failed", thread=hook.thread.name if hook.thread else "", exc_info=hook.exc_value)
