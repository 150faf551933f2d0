"""The desk's answers from a node: its supervisor's control socket and its journal on disk."""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from keepline.call.facts import Fact
from keepline.call.record import CallRecord
from keepline.call.unfinished.shown import shown
from keepline.desk.source import Unavailable
from keepline.node.control import NodeNotRunning
from keepline.node.reader import JournalReader, NoJournal
from keepline.node.whole_status import whole_status

ASK_TIMEOUT_S = 2.0


class NodeSource:
    """The node of one data directory."""

    def __init__(self, data: Path) -> None:
        self._data = data
        # The journal is read over one connection, so by one thread at a time.
        self._reading = threading.Lock()
        self._reader: JournalReader | None = None

    def status(self) -> dict[str, object]:
        try:
            return whole_status(self._data, ASK_TIMEOUT_S)
        except (NodeNotRunning, OSError) as error:
            raise Unavailable(f"the node does not answer: {error}") from error

    def records(self, limit: int) -> list[str]:
        with self._reading:
            try:
                return [record.to_json() for record in self._journal().records(limit)]
            except (NoJournal, sqlite3.Error) as error:
                raise self._lost(error) from error

    def record(self, call_id: str) -> str | None:
        found = self.call_record(call_id)
        return None if found is None else found.to_json()

    def call_record(self, call_id: str) -> CallRecord | None:
        with self._reading:
            try:
                return self._journal().record(call_id)
            except KeyError:
                return None
            except (NoJournal, sqlite3.Error) as error:
                raise self._lost(error) from error

    def work(self) -> list[dict[str, object]]:
        with self._reading:
            try:
                return [shown(item) for item in self._journal().work() if not item.is_kept]
            except (NoJournal, sqlite3.Error) as error:
                raise self._lost(error) from error

    def last_position(self) -> int:
        with self._reading:
            try:
                return self._journal().last_position()
            except (NoJournal, sqlite3.Error) as error:
                raise self._lost(error) from error

    def facts_after(self, position: int, kinds: Sequence[str], limit: int) -> list[tuple[int, Fact]]:
        with self._reading:
            try:
                return self._journal().facts_after(position, kinds, limit)
            except (NoJournal, sqlite3.Error) as error:
                raise self._lost(error) from error

    def _journal(self) -> JournalReader:
        if self._reader is None:
            self._reader = JournalReader(self._data)
        return self._reader

    def _lost(self, error: Exception) -> Unavailable:
        """The next question opens the journal anew."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        return Unavailable(f"the journal cannot be read: {error}")
