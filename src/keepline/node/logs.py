"""Structured logs on stderr, one line an event, quiet unless something is wrong."""

import logging
import os
import sys

import structlog

LEVEL_VARIABLE = "KEEPLINE_LOG"


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
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
