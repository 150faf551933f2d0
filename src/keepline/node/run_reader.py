"""Reads for runs what the journal holds, on a thread of its own: the index, and the facts of one id.

A read may wait for the disk, and a call must not wait with it. What it answers goes to the loop in the order of what
was asked. A version of the operation that a run needs is imported here too.
"""

import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from keepline.call import effects_run as fx
from keepline.call.facts import Fact
from keepline.call.facts.run import EventTold, RunStarted
from keepline.model.errors import LocalError
from keepline.model.limits_runs import RUNS_PER_READ
from keepline.node.journal_file import connect, decode
from keepline.node.journal_runs import due_runs, kept_events, next_due_s, waiting_runs

AGAIN_S = 0.5
"""Between two attempts at a read that failed."""
Wanted = fx.ReadDue | fx.ReadWaiting | fx.ReadFacts
log = structlog.get_logger("calls")


class RunReader:
    """The thread and its questions."""

    def __init__(self, path: Path, answer: Callable[[fx.RunInput], object], load: Callable[[str], bool]) -> None:
        """`answer` is called from the thread; `load` makes a version of the operation known, False where it cannot."""
        self._path = path
        self._answer = answer
        self._load = load
        self._connection: sqlite3.Connection | None = None
        self._wanted: queue.SimpleQueue[Wanted | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        threading.Thread(target=self._serve, name="runs-read", daemon=True).start()

    def adopt(self) -> None:
        """Ask for what a process is told first."""
        self._wanted.put(None)

    def ask(self, wanted: Wanted) -> None:
        """Ask; the answer comes later."""
        self._wanted.put(wanted)

    def stop(self) -> None:
        """Answer nothing more."""
        self._stopped.set()
        self._wanted.put(None)

    def _serve(self) -> None:
        while True:
            wanted = self._wanted.get()
            while not self._stopped.is_set():
                try:
                    answer = self._read(wanted)
                except (sqlite3.Error, LocalError, OSError) as error:  # the disk may be well again in a moment
                    log.error("runs_not_read", what=str(error))
                    self._stopped.wait(AGAIN_S)
                    continue
                self._answer(answer)
                break
            if self._stopped.is_set():
                if self._connection is not None:
                    self._connection.close()
                return

    def _read(self, wanted: Wanted | None) -> fx.RunInput:
        if self._connection is None:
            self._connection = connect(self._path, read_only=True)
        connection = self._connection
        if isinstance(wanted, fx.ReadDue):
            found = due_runs(connection, wanted.after, wanted.until_s, RUNS_PER_READ)
            last = found[-1] if len(found) == RUNS_PER_READ else None
            next_s = None if last is not None else next_due_s(connection, wanted.until_s)
            return fx.RunsDue(tuple(run for _, run in found), last, next_s)
        if isinstance(wanted, fx.ReadWaiting):
            return fx.WaitersRead(wanted.subject, waiting_runs(connection, wanted.subject))
        if isinstance(wanted, fx.ReadFacts):
            return self._facts_of(wanted.id)
        kept = [fact for each in kept_events(connection) for fact in self._facts(each) if isinstance(fact, EventTold)]
        return fx.RunsAdopted(tuple(kept))

    def _facts_of(self, wanted: str) -> fx.FactsRead:
        try:
            facts = self._facts(wanted)
        except LocalError as error:
            return fx.FactsRead(wanted, (), str(error))
        started = facts[0] if facts else None
        if isinstance(started, RunStarted) and not self._load(started.operation):
            return fx.FactsRead(wanted, facts, f"the operation {started.operation} it began with cannot be had")
        return fx.FactsRead(wanted, facts)

    def _facts(self, wanted: str) -> tuple[Fact, ...]:
        assert self._connection is not None
        # What was let go of was never there: whoever asks for the same run once more has a new one.
        query = "SELECT kind, body FROM facts WHERE call = ? AND body != x'' ORDER BY seq"
        rows = self._connection.execute(query, (wanted,))
        return tuple(decode(kind, body) for kind, body in rows)
