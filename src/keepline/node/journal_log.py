"""What the journal adds to every transaction so that it can be proved: digests of the facts, and checkpoints.

The digests are committed with the facts, so the tree is decided by what was written and by nothing else. A checkpoint
states its root under the node's key; between two of them the order and the words of facts are fixed by the next one.
Source: RFC 6962 §2.1.
"""

import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from keepline.call.facts import Fact
from keepline.node.journal_file import encode
from keepline.proof.entry import SALT_BYTES, digest_of, entry_of
from keepline.proof.key import LogKey
from keepline.proof.merkle import Frontier, leaf_hash

CHECKPOINT_EVERY_S: Final = 1.0
"""While facts are written; the last ones are signed so long after they are."""
GROW_FACTS_MIN: Final = 8
"""Committed, and not in the tree yet: for fewer nobody is woken;"""
GROW_FACTS_MAX: Final = 256
"""at so many they are not put off any more, however busy the writer is."""
_ROW: Final = "(?, ?, ?, ?, ?, ?)"
INSERT_FACT: Final = f"INSERT INTO facts (seq, call, kind, body, salt, digest) VALUES {_ROW}"
_INSERTS: Final = ((8, INSERT_FACT + f", {_ROW}" * 7), (1, INSERT_FACT))
"""Each statement lets other threads run, and must then wait for its turn: the fewer the better."""
INSERT_CHECKPOINT: Final = "INSERT OR REPLACE INTO checkpoints (size, at_s, frontier, note) VALUES (?, ?, ?, ?)"

FactRow = tuple[int, str, str, bytes, bytes, bytes]
CheckpointRow = tuple[int, float, bytes, str]


@dataclass(frozen=True, slots=True)
class Draft:
    """A transaction's part of the log; it counts once that is committed."""

    rows: list[FactRow]
    frontier: Frontier | None = None
    """The tree with them, where there is a checkpoint."""
    checkpoint: CheckpointRow | None = None


class JournalLog:
    """The tree over one journal's facts, for its writer.

    Nobody asks for it but a checkpoint, so it grows when the writer has time: hashing is most of what a fact costs.
    """

    __slots__ = ("_frontier", "_key", "_signed_at_s", "_signed_size", "_ungrown")

    def __init__(self, connection: sqlite3.Connection, key: LogKey) -> None:
        """Goes on from the last checkpoint: what came after it is read again."""
        self._key = key
        self._frontier = last_frontier(connection)
        self._signed_size = self._frontier.size
        self._signed_at_s = 0.0
        self._ungrown: list[FactRow] = []
        """Committed, and not in the tree yet."""
        since = connection.execute(
            "SELECT seq, kind, call, digest FROM facts WHERE seq > ? ORDER BY seq", (self._frontier.size,)
        )
        for seq, kind, call, digest in since:
            self._frontier.append(leaf_hash(entry_of(seq, kind, call, digest)))

    @property
    def size(self) -> int:
        """Facts that are committed."""
        return self._frontier.size + len(self._ungrown)

    @property
    def signed(self) -> int:
        """Facts up to the last checkpoint."""
        return self._signed_size

    @property
    def has_unsigned(self) -> bool:
        """Facts came after the last checkpoint."""
        return self.size > self._signed_size

    @property
    def is_behind(self) -> bool:
        """It is worth while to let the tree grow."""
        return len(self._ungrown) >= GROW_FACTS_MIN

    def draft(self, first_seq: int, facts: Sequence[Fact], *, sign: bool = False) -> Draft:
        """The rows of these facts, and a checkpoint where one is due, or wanted now."""
        salts = os.urandom(SALT_BYTES * len(facts))
        rows: list[FactRow] = []
        for seq, fact in enumerate(facts, start=first_seq):
            at = SALT_BYTES * len(rows)
            salt, body = salts[at : at + SALT_BYTES], encode(fact)
            rows.append((seq, fact.call, fact.kind, body, salt, digest_of(salt, seq, body)))
        is_due = sign or time.monotonic() >= self._signed_at_s + CHECKPOINT_EVERY_S
        if not is_due or self.size + len(rows) == self._signed_size:
            return Draft(rows)
        self.grow()
        frontier = Frontier(self._frontier.size, list(self._frontier.roots or ()))
        _append(frontier, rows)
        note = self._key.note(frontier.size, frontier.root)
        return Draft(rows, frontier, (frontier.size, time.time(), frontier.to_bytes(), note))

    def accept(self, draft: Draft) -> None:
        """The transaction of this draft is committed."""
        if draft.frontier is not None:
            self._frontier = draft.frontier
            self._signed_size, self._signed_at_s = draft.frontier.size, time.monotonic()
            return
        self._ungrown += draft.rows
        if len(self._ungrown) >= GROW_FACTS_MAX:
            self.grow()

    def grow(self) -> None:
        """Have all that is committed in the tree."""
        _append(self._frontier, self._ungrown)
        self._ungrown = []


def _append(frontier: Frontier, rows: Sequence[FactRow]) -> None:
    for seq, call, kind, _, _, digest in rows:
        frontier.append(leaf_hash(entry_of(seq, kind, call, digest)))


def insert_facts(connection: sqlite3.Connection, rows: Sequence[FactRow]) -> None:
    """Add these to the log."""
    at = 0
    for count, statement in _INSERTS:
        while len(rows) - at >= count:
            connection.execute(statement, list(chain.from_iterable(rows[at : at + count])))
            at += count


def last_frontier(connection: sqlite3.Connection) -> Frontier:
    """The tree as the last checkpoint left it."""
    row = connection.execute("SELECT size, frontier FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    return Frontier.of_bytes(row[0], row[1]) if row is not None else Frontier()
