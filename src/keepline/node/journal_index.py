"""Everything in the journal that follows from its facts beside their log: calls, work that is left, and runs."""

import sqlite3
from collections.abc import Sequence
from typing import Final, get_args

from keepline.call.facts import CallBegun, CallEnded, Fact
from keepline.call.facts.run import RUN_TYPES
from keepline.call.facts.work import WORK_TYPES
from keepline.call.runs import index
from keepline.node.journal_runs import apply_runs
from keepline.node.journal_work import note_work

_BEGINNINGS: Final = frozenset(get_args(CallBegun))
_KINDS: Final = _BEGINNINGS | {CallEnded, *RUN_TYPES, *WORK_TYPES}


def note_facts(connection: sqlite3.Connection, facts: Sequence[Fact]) -> None:
    """Have the other tables follow these facts, within the transaction that writes them."""
    noted = [fact for fact in facts if type(fact) in _KINDS and not index.is_plain_step(fact)]
    if not noted:
        return
    begun = [(fact.call,) for fact in noted if type(fact) in _BEGINNINGS]
    if begun:
        connection.executemany("INSERT OR IGNORE INTO calls (call) VALUES (?)", begun)
    ended = [(fact.at_s, fact.call) for fact in noted if type(fact) is CallEnded]
    if ended:
        connection.executemany("UPDATE calls SET ended_at = ? WHERE call = ?", ended)
    note_work(connection, noted)
    apply_runs(connection, noted)
