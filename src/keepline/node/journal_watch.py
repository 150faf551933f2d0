"""Looks through the journal of a running node for damage, as a start would: by the standby, which has nothing to do.

What the disk gives back otherwise than it was written harms nobody while the process that wrote it lives, and its
successor at once. So it is looked for while there is time, told loudly, and noted for the status and the next start,
which sets the journal aside and goes on with the calls that can be read. It refuses to mend a file that somebody
writes to.
"""

import threading
from pathlib import Path
from typing import Final

import structlog

from keepline.node.journal_rescue import MEANING, damage, note

LOOK_EVERY_S: Final = 30.0
log = structlog.get_logger("calls")


class JournalWatch:
    """A thread that looks now and then until it is stopped, or has found something."""

    __slots__ = ("_every_s", "_path", "_stopped")

    def __init__(self, path: Path, every_s: float = LOOK_EVERY_S) -> None:
        self._path = path
        self._every_s = every_s
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to look."""
        threading.Thread(target=self._run, name="journal-watch", daemon=True).start()

    def stop(self) -> None:
        """Look no more; a look that has begun comes to its end and says nothing."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            why = damage(self._path, read_only=True)
            if why and not self._stopped.is_set():
                log.error("journal_damage_found", what=why, meaning=MEANING)
                note(self._path, f"{why}, found while it was in use")
                return
