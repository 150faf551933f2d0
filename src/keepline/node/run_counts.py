"""How many flows without a caller are under way, for a node's status: drawn from the journal's index by whoever asks.

It imports little, since every status asks it, and reads what indexes hold: a hundred thousand that wait cost it some
milliseconds.
"""

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from keepline.model.errors import KeeplineError
from keepline.node.journal_schema import FILE_NAME, connect

_OPEN: Final = "SELECT count(*) FROM runs WHERE ended_at IS NULL"
_AT_WORK: Final = "SELECT count(*) FROM runs WHERE due_at = 0.0 AND subject = ''"
_KEPT: Final = "SELECT count(*) FROM events WHERE kept"


def counts_in(connection: sqlite3.Connection) -> dict[str, int]:
    """Runs at work and runs that wait, and events that nobody has heard."""
    open_, at_work, kept = (int(connection.execute(each).fetchone()[0]) for each in (_OPEN, _AT_WORK, _KEPT))
    return {"at_work": at_work, "waiting": max(0, open_ - at_work), "events_kept": kept}


def with_runs(status: Mapping[str, object], data: Path) -> dict[str, object]:
    """A node's status, and how many runs it has; without them where the journal cannot be read."""
    found = dict(status)
    with contextlib.suppress(OSError, sqlite3.Error, KeeplineError):
        if (data / FILE_NAME).exists():
            with contextlib.closing(connect(data / FILE_NAME, read_only=True)) as connection:
                found["flows"] = counts_in(connection)
    return found
