"""Reads call records and timelines from a journal, whether its node runs or not. It never writes."""

import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path

from keepline.call.facts import (
    ByeReceived,
    ByeSent,
    CallAcknowledged,
    CallAnswered,
    CallEnded,
    CallReceived,
    CancelReceived,
    Fact,
)
from keepline.call.record import CallRecord, record_of
from keepline.model.errors import KeeplineError
from keepline.node.journal_file import FILE_NAME, JournalFailed, connect, decode


class NoJournal(KeeplineError):  # noqa: N818
    """There is no journal to read; the text says where it was looked for."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One fact as it stands in the journal."""

    seq: int
    at_s: float
    kind: str
    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class LadderLine:
    """One SIP message of a call."""

    at_s: float
    direction: str
    """`->` to us, `<-` from us."""
    text: str


class JournalReader:
    """A reader of one data directory's journal."""

    def __init__(self, data: Path) -> None:
        path = data / FILE_NAME
        if not path.exists():
            raise NoJournal(f"no journal in {data}: no node has run there yet; --data names the directory of one")
        try:
            self._connection = connect(path, read_only=True)
            self._connection.execute("SELECT 1 FROM facts LIMIT 1").fetchall()
        except JournalFailed as error:
            raise NoJournal(str(error)) from None
        except sqlite3.Error as error:
            raise NoJournal(f"{path} cannot be read: {error}") from None

    def close(self) -> None:
        self._connection.close()

    def records(self, limit: int) -> list[CallRecord]:
        """The records of the last `limit` calls, newest last."""
        rows = self._connection.execute("SELECT call FROM calls ORDER BY call DESC LIMIT ?", (limit,)).fetchall()
        return [self.record(row[0]) for row in reversed(rows)]

    def find(self, prefix: str) -> list[str]:
        """Ids that begin with `prefix`; at most 20."""
        rows = self._connection.execute(
            "SELECT call FROM calls WHERE call >= ? AND call < ? ORDER BY call LIMIT 20", (prefix, prefix + "\x7f")
        )
        return [row[0] for row in rows]

    def record(self, call: str) -> CallRecord:
        """The record of one call. Raises `KeyError` where there is no such call."""
        facts = [fact for _, fact in self._facts(call)]
        if not facts:
            raise KeyError(call)
        return record_of(facts)

    def events(self, call: str) -> list[StoredEvent]:
        """The facts of one call, in order."""
        return [StoredEvent(seq, fact.at_s, fact.kind, asdict(fact)) for seq, fact in self._facts(call)]

    def ladder(self, call: str) -> list[LadderLine]:
        """The SIP messages of one call, in order, repetitions left out."""
        lines = []
        for _, fact in self._facts(call):
            lines += _messages(fact)
        return lines

    def _facts(self, call: str) -> list[tuple[int, Fact]]:
        rows = self._connection.execute("SELECT seq, kind, body FROM facts WHERE call = ? ORDER BY seq", (call,))
        return [(seq, decode(kind, body)) for seq, kind, body in rows]


def _messages(fact: Fact) -> list[LadderLine]:
    if isinstance(fact, CallReceived):
        lines = [LadderLine(fact.at_s, "->", fact.invite)]
        if fact.answer_at_s > fact.at_s:
            lines.append(LadderLine(fact.at_s, "<-", "SIP/2.0 180 Ringing"))
        return lines
    if isinstance(fact, CallAnswered):
        return [LadderLine(fact.at_s, "<-", fact.response)]
    if isinstance(fact, CallAcknowledged):
        return [LadderLine(fact.at_s, "->", fact.ack)]
    if isinstance(fact, ByeReceived):
        return [LadderLine(fact.at_s, "->", fact.bye), LadderLine(fact.at_s, "<-", "SIP/2.0 200 OK (BYE)")]
    if isinstance(fact, CancelReceived):
        return [LadderLine(fact.at_s, "->", fact.cancel), LadderLine(fact.at_s, "<-", "SIP/2.0 200 OK (CANCEL)")]
    if isinstance(fact, ByeSent):
        return [LadderLine(fact.at_s, "<-", fact.bye)]
    if isinstance(fact, CallEnded):
        if fact.sip_status >= 300:
            return [LadderLine(fact.at_s, "<-", f"SIP/2.0 {fact.sip_status}")]
        if fact.ended_by in ("flow", "node") and fact.sip_status:
            return [LadderLine(fact.at_s, "->", "SIP/2.0 200 OK (BYE)")]
    return []
