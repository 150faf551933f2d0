"""Makes the copies that `snapshot` paths answer from, a thread for each, so that no call ever waits for one.

The calls process only reads the files; while there is no desk the copies grow older, and that is all.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from keepline.connectors.snapshot.file import FOLDER, CopyPlace, failure_of, note_failure, taken_at_s, write_copy
from keepline.connectors.snapshot.source import CopyFailed, fetch_answers
from keepline.desk.following import keep_on
from keepline.model.capability import CapabilityAction, Snapshot
from keepline.model.operation import Operation
from keepline.node.copies import CopyTask, copy_tasks

LEFT_KEPT_S: Final = 86_400.0
"""Of copies that the running version does not ask for: older calls may still."""
Fetch = Callable[[Snapshot, Mapping[str, CapabilityAction]], Any]
log = structlog.get_logger("snapshot")


class Copying:
    """All copies of one node."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def begin(self, operation: Operation) -> list[threading.Event]:
        """Keep the copies of an operation young; those of others are removed once they are old."""
        tasks = copy_tasks(operation, self._data)
        remove_left({task.place.file for task in tasks}, self._data, time.time())
        makers = [(task.name, CopyMaker(task)) for task in tasks]
        return [keep_on(f"snapshot {name}", maker.attend, maker.pause_s) for name, maker in makers]


class CopyMaker:
    """Keeps one copy young, and says what went wrong, once."""

    def __init__(self, task: CopyTask, fetch: Fetch = fetch_answers) -> None:
        self._task, self._fetch = task, fetch
        self._tried_at_s: float | None = None
        self._failed = failure_of(task.place)

    def pause_s(self, now_s: float) -> float:
        """Until the next copy is due."""
        since_s = self._tried_at_s if self._tried_at_s is not None else taken_at_s(self._task.place)
        every_s = self._task.snapshot.every_s
        # A clock that was set back must not leave a copy as it is for hours.
        return 0.0 if since_s is None else min(max(0.0, since_s + every_s - now_s), every_s)

    def attend(self, now_s: float) -> None:
        """Make it anew; what goes wrong is logged, and tried again."""
        self._tried_at_s = now_s
        task = self._task
        try:
            count = write_copy(task.place, now_s, self._fetch(task.snapshot, task.actions))
        except (CopyFailed, OSError, sqlite3.Error) as error:
            why = str(error) if isinstance(error, CopyFailed) else f"{type(error).__name__}: {error}"
            if why != self._failed:
                log.warning("copy_failed", path=task.name, what=why, meaning="the last copy stays")
            self._failed = why
            note_failure(task.place, why)
            self._remove_old(now_s)
            return
        if self._failed:
            log.warning("copy_made_again", path=task.name, answers=count)
        self._failed = ""

    def _remove_old(self, now_s: float) -> None:
        """A copy that may answer nothing any more is only what people said, lying about."""
        at_s = taken_at_s(self._task.place)
        if at_s is not None and now_s - at_s > self._task.snapshot.age_s_max:
            self._task.place.file.unlink(missing_ok=True)
            log.warning("copy_removed", path=self._task.name, what="it was too old to answer anything")


def remove_left(wanted: set[Path], data: Path, now_s: float) -> None:
    """Remove copies of versions that are no longer run."""
    for file in (data / FOLDER).glob("*.db"):
        if file not in wanted and now_s - file.stat().st_mtime > LEFT_KEPT_S:
            CopyPlace(file).why_file.unlink(missing_ok=True)
            file.unlink(missing_ok=True)
