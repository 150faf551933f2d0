"""Reads a journal to prove it, or to give it away so that others can: `keepline verify` and `keepline export`.

It reads in one transaction, so a node that goes on writing is no hindrance, and it never writes to the journal.
"""

import base64
import heapq
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TextIO

from keepline.call.facts import CallPlaced, CallReceived
from keepline.model.errors import KeeplineError
from keepline.node.journal_file import FILE_NAME, JournalFailed, connect
from keepline.node.removed import no_journal
from keepline.proof.key import PUBLIC_FILE, NoLogKey, read_public
from keepline.proof.notes import KeptNote
from keepline.proof.verify import Findings, JournalVerifier, StoredFact, StoredSegment


class CannotProve(KeeplineError):  # noqa: N818
    """There is nothing to verify, or nothing to verify it with; the text says what is wanted."""


def verify_data(data: Path, public_text: str | None, witnesses: Iterable[KeptNote]) -> Findings:
    """Verify the journal of a data directory; `public_text` is the line of its `log.pub`, None for the one there."""
    with closing(opened(data)) as connection:
        origin, public = read_public(public_text if public_text is not None else key_line(data))
        try:
            connection.execute("BEGIN")
            notes = [row[0] for row in connection.execute("SELECT note FROM checkpoints ORDER BY size")]
            verdict = JournalVerifier(origin, public, notes, witnesses).read(facts_in(connection))
            verdict.wrong += _wrong_calls(connection)
        except sqlite3.Error as error:
            raise CannotProve(f"{data / FILE_NAME} cannot be read: {error}") from None
    return verdict


def export_data(data: Path, to: TextIO) -> int:
    """Write facts and checkpoints as lines of JSON, in order; returns how many facts.

    What the lines hold is in `docs/reference/journal.md`.
    """
    count = 0
    with closing(opened(data)) as connection:
        public_text = key_line(data)
        read_public(public_text)
        connection.execute("BEGIN")
        to.write(json.dumps({"log": public_text}) + "\n")
        notes = iter(connection.execute("SELECT size, note FROM checkpoints ORDER BY size").fetchall())
        due = next(notes, None)
        for fact in facts_in(connection):
            to.write(line_of(fact) + "\n")
            count += isinstance(fact, StoredFact)
            while due is not None and due[0] <= fact.last:
                to.write(json.dumps({"checkpoint": due[1]}, ensure_ascii=False) + "\n")
                due = next(notes, None)
    return count


def line_of(fact: StoredFact | StoredSegment) -> str:
    """One line of an export."""
    if isinstance(fact, StoredSegment):
        return json.dumps({"segment": {"first": fact.first, "facts": fact.facts, "root": fact.root.hex()}})
    return json.dumps(
        {
            "seq": fact.seq,
            "kind": fact.kind,
            "call": fact.call,
            "digest": fact.digest.hex(),
            "salt": fact.salt.hex(),
            "body": base64.b64encode(fact.body).decode(),
        }
    )


def opened(data: Path) -> sqlite3.Connection:
    """The journal, to read; raises `CannotProve`."""
    path = data / FILE_NAME
    if not path.exists():
        raise CannotProve(no_journal(data))
    try:
        return connect(path, read_only=True)
    except (sqlite3.Error, JournalFailed) as error:
        raise CannotProve(f"{path} cannot be read: {error}") from None


def key_line(data: Path) -> str:
    """The line of its public key."""
    path = data / PUBLIC_FILE
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise NoLogKey(f"{path} cannot be read ({error}); --key names a copy of it") from None


def facts_in(connection: sqlite3.Connection) -> Iterator[StoredFact | StoredSegment]:
    """Every fact that is there, and the segments of those that were let go of, in order."""
    rows = connection.execute("SELECT seq, call, kind, body, salt, digest FROM facts ORDER BY seq")
    facts: Iterator[StoredFact | StoredSegment] = (StoredFact(*row) for row in rows)
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'segments'").fetchone():
        return facts
    gone = [StoredSegment(*row) for row in connection.execute("SELECT first, facts, root FROM segments ORDER BY first")]
    return heapq.merge(facts, gone, key=lambda each: each.first)


def _wrong_calls(connection: sqlite3.Connection) -> Iterator[str]:
    """The list of calls is made from the facts; where they differ somebody has been at it."""
    begins = (CallReceived.kind, CallPlaced.kind)
    missing = connection.execute(
        "SELECT call FROM facts WHERE kind IN (?, ?) AND body != x'' AND call NOT IN (SELECT call FROM calls) LIMIT 1",
        begins,
    ).fetchone()
    if missing is not None:
        yield f"call {missing[0]} is in the facts and not in the list of calls"
    extra = connection.execute(
        "SELECT call FROM calls WHERE call NOT IN (SELECT call FROM facts WHERE kind IN (?, ?)) LIMIT 1", begins
    ).fetchone()
    if extra is not None:
        yield f"call {extra[0]} is in the list of calls and not in the facts"
