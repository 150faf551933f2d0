"""Prompts are flushed to the disk after they are ready, by a thread of their own: no caller waits for a slow disk.

A power cut may leave nothing of what was not flushed but its name. So a file beside the prompts is as old as the latest
time before which all of them are flushed; the next node to start there removes what is newer (`prompt_pruning`), and it
is made again when it is wanted. Where a flush fails that time stands still, and the prompt is played from memory.
"""

import contextlib
import os
import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

FLUSHED_NAME: Final = ".flushed"
QUIET_S: Final = 0.1
"""Nothing has been made for so long: longer than the clock by which a file system dates files may be behind."""


class Flusher:
    """For the one thread that makes prompts."""

    def __init__(self, directory: Path) -> None:
        """Begins with what is not known to be flushed: a process before may have died over it."""
        self._marker = directory / FLUSHED_NAME
        self._queue: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._begun = self._flushed = 0
        """Files; all of the former are flushed where both are the same."""
        self._has_failed = False
        for path in _newer_than(self._marker, directory):
            self.begin()
            self.end(path)
        threading.Thread(target=self._loop, name="prompt-flush", daemon=True).start()

    def begin(self) -> None:
        """A file is about to be written."""
        self._begun += 1

    def end(self, path: Path) -> None:
        """It stands, or could not be written."""
        self._queue.put(path)

    def _loop(self) -> None:
        while True:
            asked_ns = time.time_ns()
            try:
                path = self._queue.get(timeout=QUIET_S if self._flushed else None)
            except queue.Empty:
                if self._begun == self._flushed:  # and what is begun from here on is newer than that
                    self._mark(asked_ns)
                path = self._queue.get()
            self._flush(path)
            self._flushed += 1

    def _flush(self, path: Path) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # it could not be written, or was removed: nobody will read it
            return
        except OSError:
            self._has_failed = True
            return
        try:
            os.fsync(descriptor)
        except OSError:  # the kernel says so once, and forgets which bytes it has lost
            self._has_failed = True
        finally:
            os.close(descriptor)

    def _mark(self, at_ns: int) -> None:
        """All that was made before this time is flushed."""
        if not self._has_failed:
            with contextlib.suppress(OSError):  # then more than need be is made again after a power cut
                os.utime(self._marker, ns=(at_ns, at_ns))


def _newer_than(marker: Path, directory: Path) -> Sequence[Path]:
    """Prompts that are not known to be flushed, the oldest first."""
    try:
        since_ns = marker.stat().st_mtime_ns
    except OSError:
        since_ns = 0
    found = [(entry.stat().st_mtime_ns, entry.path) for entry in os.scandir(directory) if entry.name.endswith("law")]
    return [Path(path) for at_ns, path in sorted(found) if at_ns > since_ns]
