"""What every run of a drill has: a journal that is kept after each step, a note of what it may leave, and an abort."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from keepline.drill.experiment import Drill
from keepline.drill.history import SUFFIX, keep, run_name, running
from keepline.drill.holder import born
from keepline.drill.turns import asked_by, note_said


class DrillAbortedError(Exception):
    """Somebody wants it ended, now."""


class NotedRun:
    """One run; `say(line)` is told what happens."""

    def __init__(self, drill: Drill, directory: Path, say: Callable[[str], None], lane: int = 0) -> None:
        self.directory, self._say = directory, say
        self._is_ending = False
        self._running = running(lane)
        self.journal: dict[str, Any] = {
            "drill": drill.name, "title": drill.title, "path": drill.path, "detects": drill.detects,
            "blast_radius": drill.blast_radius, "by": asked_by(), "said": [],
            "start": time.time(), "end": None, "status": "running", "deviated": None, "rollback_verified": None,
            "steady_states": {}, "run": [], "rollbacks": [], "card": None,
        }  # fmt: skip
        self._file = run_name(self.journal) + SUFFIX

    def say(self, line: str) -> None:
        """Tell who runs it, and who follows it."""
        note_said(self.journal, line)
        self._write()
        self._say(line)

    def abort(self, *_: object) -> None:
        """End it from where it is, with its rollback; for a signal. What is written stays whole."""
        if not self._is_ending:
            self._is_ending = True
            raise DrillAbortedError

    def _write(self) -> None:
        keep(self.directory, self._file, self.journal)

    def _note_owned(self, owned: Mapping[str, Any]) -> None:
        """What is left where this process is killed, for whoever looks next."""
        pid = os.getpid()
        keep(self.directory, self._running, {"pid": pid, "born": born(pid), "file": self._file, **owned})

    def _say_rolled_back(self, left: list[str]) -> None:
        self.journal["rollback_verified"], self.journal["left"] = not left, left
        self.say("rolled back: no fault is left" if not left else f"NOT rolled back: {'; '.join(left)}")

    def _end(self) -> dict[str, Any]:
        """It is over, and has left nothing; the journal."""
        self.journal["end"] = time.time()
        self._write()
        (self.directory / self._running).unlink(missing_ok=True)
        return self.journal
