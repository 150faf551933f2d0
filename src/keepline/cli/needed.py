"""Which stored operations a data directory still needs: its node's own, those of open calls and of unfinished uses.

It looks for digests in what is written and understands nothing else of it, so that no version of the journal can make
it forget one. Where it cannot look, every copy is needed.
"""

import contextlib
import sqlite3
from pathlib import Path

from keepline.model.errors import KeeplineError


def needed_operations(data: Path, digests: frozenset[str]) -> frozenset[str]:
    """Those of `digests` in a fact of an open call or run, or one that has left work, or in the notes of the node."""
    from keepline.node.journal_schema import FILE_NAME, connect
    from keepline.node.paths import NodePaths

    try:
        node_file = NodePaths(data).node_file
        notes = node_file.read_text(encoding="utf-8") if node_file.exists() else ""
        needed = {each for each in digests if each in notes}
        if (data / FILE_NAME).exists():
            with contextlib.closing(connect(data / FILE_NAME, read_only=True)) as journal:
                needed |= {each for each in digests if _stands_in_an_open_call(journal, each)}
                needed |= {each for each in digests if _is_of_an_open_run(journal, each)}
    except (OSError, ValueError, sqlite3.Error, KeeplineError):
        return digests
    return frozenset(needed)


def _stands_in_an_open_call(journal: sqlite3.Connection, digest: str) -> bool:
    from keepline.node.journal_schema import FACTS_OF_CALLS

    found = journal.execute(
        f"SELECT 1 {FACTS_OF_CALLS} WHERE ended_at IS NULL AND instr(body, ?) LIMIT 1",
        (digest.encode(),),
    )
    if found.fetchone() is not None:
        return True
    if not journal.execute("SELECT 1 FROM sqlite_master WHERE name = 'work'").fetchone():
        return False
    pending = journal.execute(
        "SELECT 1 FROM work JOIN facts USING (call) WHERE closed_at IS NULL AND instr(body, ?) LIMIT 1",
        (digest.encode(),),
    )
    return pending.fetchone() is not None


def _is_of_an_open_run(journal: sqlite3.Connection, digest: str) -> bool:
    if journal.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone() is None:
        return False  # a journal that is older than runs are
    found = journal.execute("SELECT 1 FROM runs WHERE ended_at IS NULL AND operation = ? LIMIT 1", (digest,))
    return found.fetchone() is not None
