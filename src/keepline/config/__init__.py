"""From an operation file to an `Operation`, or to every mistake in it at once; and the stored copies that nodes run.

Nothing here runs a call. Files are the only thing it touches. What reads operation files takes long to import, and is
imported where a name of it is first asked for: a process that runs a stored operation needs none of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from keepline.config.flows import import_flow
from keepline.config.stored import load_stored

if TYPE_CHECKING:
    from keepline.config.load import (
        embedded_operation_path,
        find_operation,
        lint_operation,
        load_operation,
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


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("keepline.config.load"), name)
