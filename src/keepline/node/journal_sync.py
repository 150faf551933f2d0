"""The journal's flushes: a thread that has what is committed on the disk, and one that folds the log into the database.

A flush is under way whenever somebody waits for one, and every `SYNC_EVERY_S` otherwise; those who come meanwhile share
the next. After a failed one nothing counts as flushed until all of it is in the database proper. It writes no fact.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keepline.model.limits import JOURNAL_WAL_BYTES_CALM, JOURNAL_WAL_BYTES_MAX
from keepline.node.journal_schema import connect, sync_directory
from keepline.node.journal_wal import fold, unfolded_bytes

SYNC_EVERY_S: Final = 0.02
FOLD_BUSY_TIMEOUT_S: Final = 0.05
"""How long the thread that folds waits for the writer where a flush has failed."""
FOLD_AGAIN_S: Final = 0.5
CALM_S: Final = 1.0
"""Folds that are so far apart may be small ones; a busy node has fewer and larger ones, which write less in all."""
SLOW_FLUSH_S: Final = 1.0
"""A disk whose flushes take so long is said to be slow."""
SLOW_FOLD_FACTOR: Final = 16
"""On a slow disk the WAL may be so much larger before it is folded, which holds up the writer for two flushes."""
KEPT_FACTOR: Final = 2
"""A WAL whose file has become larger than so often what it should have is cut when it is folded."""


@dataclass(frozen=True, slots=True)
class Written:
    """A group is committed; or it is not, and why."""

    group: int
    """0 where no group is meant: the journal fell into trouble, or is well again."""
    error: str = ""
    synced: bool = False
    """It is flushed as well: told of groups that asked for it, after they were told of as written."""


class Syncing:
    """Both threads. Whoever commits says so; who waits for a flush is told of it in order."""

    def __init__(
        self, path: Path, tell: Callable[[Written], None], tell_trouble: Callable[[], None], freed: Callable[[], None]
    ) -> None:
        """All are called from the threads: `tell_trouble` where that changed, `freed` when a flush is over."""
        self._path = path
        self._tell, self._tell_trouble, self._freed = tell, tell_trouble, freed
        self.error = ""
        """Why nothing counts as flushed; empty while all is well."""
        self.is_busy = False
        """A flush is under way: what is committed from here on waits for the next one."""
        self._began_s = self._took_s = self._fold_asked_s = 0.0
        self._ending, self._fold = threading.Event(), threading.Event()
        self._word = threading.Condition()
        """Said to the flushing thread; it guards the two below."""
        self._is_dirty = False
        self._held: list[int] = []
        """Groups that are committed and to be told of when they are flushed."""
        self.wal_fd = self._index_fd = -1
        self._has_synced_directory = False
        self.folding = connect(path)
        self.folding.execute(f"PRAGMA busy_timeout={int(FOLD_BUSY_TIMEOUT_S * 1000)}")
        self._threads = [
            threading.Thread(target=self._sync_loop, name="journal-sync", daemon=True),
            threading.Thread(target=self._fold_loop, name="journal-fold", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def flush_s(self) -> float:
        """That the last flush took, or the one under way has taken so far."""
        began_s = self._began_s
        return max(self._took_s, time.monotonic() - began_s) if began_s else self._took_s

    @property
    def is_slow(self) -> bool:
        return self.flush_s >= SLOW_FLUSH_S

    def committed(self, held: Sequence[int] = ()) -> None:
        """Something is committed; these groups are to be told of once it is flushed."""
        with self._word:
            self._is_dirty = True
            self._held += held
            self._word.notify()

    def close(self) -> None:
        """Flush, and end the threads; nothing is committed any more."""
        self._ending.set()
        self.committed()
        self._threads[0].join()
        self._fold.set()
        self._threads[1].join()
        if self.error:  # the last connection to close folds the log as it is
            self.fold_now()
        for descriptor in (self.wal_fd, self._index_fd):
            if descriptor >= 0:
                os.close(descriptor)
        self.folding.close()

    def _sync_loop(self) -> None:
        while True:
            with self._word:
                while not self._is_dirty:
                    self._word.wait()
                self._word.wait_for(self._is_hurried, SYNC_EVERY_S / 2)
                is_last = self._ending.is_set()  # then nothing can come after what is held now
                self._is_dirty = False
                count = len(self._held)
                self.is_busy = True
            had_trouble = self.error
            self._began_s = time.monotonic()
            self._sync()
            self._took_s, self._began_s = time.monotonic() - self._began_s, 0.0
            self.is_busy = False
            self._freed()
            self._release(count, self.error)
            if self.error != had_trouble:
                self._tell_trouble()
            if is_last:
                return
            if self.error or self._is_fold_due():
                self._fold.set()
                self._fold_asked_s = time.monotonic()

    def _is_fold_due(self) -> bool:
        size = self.unfolded_bytes()
        if self.is_slow:
            return size > JOURNAL_WAL_BYTES_MAX * SLOW_FOLD_FACTOR
        is_calm = time.monotonic() - self._fold_asked_s >= CALM_S
        return size > JOURNAL_WAL_BYTES_MAX or (is_calm and size > JOURNAL_WAL_BYTES_CALM)

    def _is_hurried(self) -> bool:
        """Somebody waits for the flush."""
        return bool(self._held) or self._ending.is_set()

    def _sync(self) -> None:
        """Flush the WAL. After a failure nothing counts as flushed until all of it is in the database proper.

        The kernel reports a failed flush once and then forgets which pages it has lost.
        """
        if self.error:
            return
        try:
            if not self._has_synced_directory:
                if self.wal_fd < 0:
                    # The writing connection keeps it from being deleted or replaced: only the last one to close does.
                    wal = self._path.with_name(self._path.name + "-wal")
                    self.wal_fd = os.open(wal, os.O_RDONLY | os.O_CLOEXEC)
                if self._index_fd < 0:
                    self._index_fd = os.open(f"{self._path}-shm", os.O_RDONLY | os.O_CLOEXEC)
                sync_directory(self._path.parent)
                self._has_synced_directory = True
            os.fdatasync(self.wal_fd)
            if os.fstat(self.wal_fd).st_nlink == 0:
                self.error = f"{self._path}-wal was deleted while in use"
        except OSError as problem:
            self.error = f"fdatasync: {problem}"

    def unfolded_bytes(self) -> int:
        """Of the WAL, what is not in the database yet."""
        try:
            return unfolded_bytes(self._index_fd) if self._index_fd >= 0 else 0
        except OSError:
            return os.fstat(self.wal_fd).st_size

    def _release(self, count: int, error: str) -> None:
        """Tell of the first `count` groups that wait for the flush."""
        with self._word:
            released, self._held = self._held[:count], self._held[count:]
        for number in released:
            self._tell(Written(number, error, synced=True))

    # The WAL is folded into the database ----------------------------------------------------------------------------

    def _fold_loop(self) -> None:
        while True:
            self._fold.wait()
            self._fold.clear()
            if self._ending.is_set():
                return
            had_trouble = self.error
            if self.fold_now():
                if had_trouble:
                    self._tell_trouble()
            else:
                self._ending.wait(FOLD_AGAIN_S)
                if self.error:
                    self._fold.set()

    def fold_now(self) -> bool:
        """Empty the WAL, and with it all trouble.

        False where a reader or the disk is in the way, or where its file is no more.
        """
        try:
            file = os.fstat(self.wal_fd) if self.wal_fd >= 0 else None
            if file is not None and not file.st_nlink:
                return False
            was_lost = bool(self.error)
            keeps_file = file is not None and file.st_size <= KEPT_FACTOR * JOURNAL_WAL_BYTES_MAX
            is_done = fold(self.folding, self._path, was_lost=was_lost, keeps_file=keeps_file)
            if is_done and was_lost:  # and not where a flush has failed meanwhile
                self.error = ""
            return is_done
        except (sqlite3.Error, OSError):
            return False
