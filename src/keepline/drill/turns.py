"""One drill at a time, what it says while it runs, and in whose name: the same for a command and for the desk.

A turn is a lock of the kernel's on a file beside the journals, so it ends with whoever had it, however that died. It
says nothing of what such a drill has left; that is for `running.json`.
"""

import contextlib
import fcntl
import getpass
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

ASKED_BY: Final = "KEEPLINE_DRILL_ASKED_BY"
"""Of the environment: who pressed the button, where the desk has started a drill; it is on record already."""
DIRECTORY: Final = "drills"
"""In a node's data directory."""


class NotItsTurnError(Exception):
    """Another drill runs."""


@contextlib.contextmanager
def turn(directory: Path, lane: int = 0) -> Iterator[None]:
    """While one runs; raises `NotItsTurnError` where another one has this lane."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"running{lane or ''}.lock").open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NotItsTurnError("a drill runs; `keepline drill abort` ends it") from None
        yield


def history_of(data: Path) -> Path:
    """Where the journals of a node's drills are: its desk shows them, and its commands add to them."""
    return data / DIRECTORY


def asked_by(environment: Mapping[str, str] = os.environ) -> str:
    """Who wants it: who pressed the button, or the user of this machine."""
    return environment.get(ASKED_BY) or getpass.getuser()


def note_said(journal: dict[str, Any], words: str) -> None:
    """What a run tells goes into its journal, for whoever follows it."""
    journal.setdefault("said", []).append({"at": round(time.time(), 3), "words": words})
