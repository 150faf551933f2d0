"""Imported before structlog: it keeps structlog from importing rich, whose time each start of a process would pay.

rich draws tracebacks on a terminal; the log of a node never asks for that. Whoever wants rich itself still gets it.
"""

import sys
from typing import Final

_HEAVY: Final = "rich"


def _import_without() -> None:
    if "structlog" in sys.modules or _HEAVY in sys.modules:
        return
    # What is None in sys.modules cannot be imported, and structlog does without what it cannot import.
    sys.modules[_HEAVY] = None  # type: ignore[assignment]
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules[_HEAVY]


_import_without()
