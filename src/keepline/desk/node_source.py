"""The desk's answers from a node: its supervisor's control socket and its journal on disk."""

import secrets
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from keepline.call.facts import Fact
from keepline.call.record import CallRecord
from keepline.call.unfinished.shown import shown
from keepline.desk.source import CallEvent, CallHistory, Unavailable
from keepline.node.control import NodeNotRunning, ask
from keepline.node.path_commands import TELL
from keepline.node.reader import JournalReader, NoJournal
from keepline.node.whole_status import whole_status

Read = TypeVar("Read")
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

    def paths(self) -> list[dict[str, object]]:
        try:
            reply = ask(self._data, {"op": TELL, "call": secrets.token_hex(8)}, ASK_TIMEOUT_S)
        except (NodeNotRunning, OSError) as error:
            raise Unavailable(f"the node does not answer: {error}") from error
        found = reply.get("paths")
        if not reply.get("ok") or not isinstance(found, list):
            raise Unavailable(f"no process that takes calls answers: {reply.get('error') or 'it is being replaced'}")
        return found

    def records(self, limit: int) -> list[str]:
        return self._read(lambda journal: [record.to_json() for record in journal.records(limit)])

    def record(self, call_id: str) -> str | None:
        found = self.call_record(call_id)
        return None if found is None else found.to_json()

    def call_record(self, call_id: str) -> CallRecord | None:
        try:
            return self._read(lambda journal: journal.record(call_id))
        except KeyError:
            return None

    def call_ids(self, before: str, limit: int) -> list[tuple[str, float | None]]:
        return self._read(lambda journal: journal.call_ids(before, limit))

    def open_calls(self, kinds: Sequence[str], limit: int) -> list[Fact]:
        return self._read(lambda journal: journal.open_calls(kinds, limit))

    def history(self, call_id: str) -> CallHistory | None:
        events = self._read(lambda journal: journal.events(call_id))
        if not events:
            return None
        ladder = self._read(lambda journal: journal.ladder(call_id))
        return CallHistory(
            [CallEvent(each.seq, each.at_s, each.kind, each.fields) for each in events],
            [(each.at_s, each.direction, each.text) for each in ladder],
        )

    def work(self) -> list[dict[str, object]]:
        return self._read(lambda journal: [shown(item) for item in journal.work() if not item.is_kept])

    def last_position(self) -> int:
        return self._read(lambda journal: journal.last_position())

    def facts_after(self, position: int, kinds: Sequence[str], limit: int) -> list[tuple[int, Fact]]:
        return self._read(lambda journal: journal.facts_after(position, kinds, limit))

    def facts_within(self, first: str, end: str) -> list[tuple[int, Fact]]:
        return self._read(lambda journal: journal.facts_within(first, end))

    def _read(self, what: Callable[[JournalReader], Read]) -> Read:
        with self._reading:
            try:
                return what(self._journal())
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
