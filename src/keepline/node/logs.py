"""Structured logs on stderr, one line an event, quiet unless something is wrong."""

import contextlib
import logging
import os
import sys
from typing import TextIO, cast

import structlog

LEVEL_VARIABLE = "KEEPLINE_LOG"


class Steadfast:
    """A text file that is written to where it can be: no process ends, or loses a call, over a line of its log."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        """Write, or let it go: the terminal is closed, the disk is full, nobody reads."""
        with contextlib.suppress(OSError, ValueError):
            self._file.write(text)

    def flush(self) -> None:
        """The same for what is buffered."""
        with contextlib.suppress(OSError, ValueError):
            self._file.flush()


def _name(process: str) -> structlog.typing.Processor:
    # Not by context variables: events come from threads and callbacks, which have contexts of their own.
    def add(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event.setdefault("process", process)
        event.setdefault("pid", os.getpid())
        return event

    return add


def set_up_logs(process: str) -> None:
    """Set up this process's log: key=value on a terminal, JSON elsewhere. KEEPLINE_LOG=info|debug says more."""
    level = logging.getLevelNamesMapping().get(os.environ.get(LEVEL_VARIABLE, "warning").upper(), logging.WARNING)
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=True) if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            _name(process),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", Steadfast(sys.stderr))),
        cache_logger_on_first_use=True,
    )
