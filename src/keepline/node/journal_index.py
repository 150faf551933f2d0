"""Everything in the journal that follows from its facts beside the table of calls: work that is left, and runs."""

import sqlite3
from collections.abc import Sequence

from keepline.call.facts import Fact
from keepline.node.journal_runs import apply_runs
from keepline.node.journal_work import note_work


def note_facts(connection: sqlite3.Connection, facts: Sequence[Fact]) -> None:
    """Have the other tables follow these facts, within the transaction that writes them."""
    note_work(connection, facts)
    apply_runs(connection, facts)
