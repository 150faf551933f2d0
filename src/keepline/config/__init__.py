"""From an operation file to an `Operation`, or to every mistake in it at once; and the stored copies that nodes run.

Nothing here runs a call. Files are the only thing it touches.
"""

from keepline.config.flows import import_flow
from keepline.config.load import (
    embedded_operation_path,
    find_operation,
    lint_operation,
    load_operation,
    load_stored,
    store_operation,
)

__all__ = [
    "embedded_operation_path",
    "find_operation",
    "import_flow",
    "lint_operation",
    "load_operation",
    "load_stored",
    "store_operation",
]
