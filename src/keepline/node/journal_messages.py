"""The messages about incidents, as the journal tells of them: the latest so many facts, in order."""

import sqlite3
from pathlib import Path
from typing import Final

from keepline.call.facts import Fact
from keepline.call.facts.message import MESSAGES
from keepline.node.journal_file import connect, decode

MESSAGE_FACTS_READ_MAX: Final = 2_000
_LATEST: Final = "SELECT seq, kind, body FROM facts WHERE call = ? AND seq <= ? ORDER BY seq DESC LIMIT ?"


def message_facts(connection: sqlite3.Connection, last_seq: int) -> list[Fact]:
    """Up to a position; the rest is whoever's who follows from there."""
    rows = connection.execute(_LATEST, (MESSAGES, last_seq, MESSAGE_FACTS_READ_MAX)).fetchall()
    return [decode(kind, body) for _, kind, body in reversed(rows) if body]


def message_facts_of(path: Path, last_seq: int) -> list[Fact]:
    """The same of the journal at `path`."""
    connection = connect(path)
    try:
        return message_facts(connection, last_seq)
    finally:
        connection.close()
