"""What proves an incident to somebody else: its facts out of the journal, with all that ties them to a signed root.

The words of other calls stay at home: they are folded into the hashes that the tree needs. It refuses to show what no
checkpoint covers yet, since nothing proves it.
"""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final, TextIO

from keepline.incident.review import BEFORE_S, REVIEW_FACTS
from keepline.node.journal_proof import CannotProve, facts_in, key_line, line_of, opened
from keepline.node.journal_review import position_at, reviewed
from keepline.proof.pruning import pruned
from keepline.proof.verify import StoredFact

_RUNS: Final = "SELECT seq FROM facts WHERE call = ? AND seq <= ?"
_MEANWHILE: Final = "SELECT seq FROM facts WHERE seq >= ? AND seq <= ? AND kind IN ({marks})"


def write_evidence(data: Path, incident: str, to: TextIO, now_s: float) -> tuple[int, int]:
    """Write the lines; how many facts are shown in full, and how many the log has up to the checkpoint.

    Raises `KeyError` where there is no such incident, `CannotProve` where nothing proves it yet.
    """
    given = reviewed(data, incident, None, now_s)
    with closing(opened(data)) as connection:
        connection.execute("BEGIN")
        row = connection.execute("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1").fetchone()
        if row is None:
            raise CannotProve(f"the journal in {data} has no checkpoint yet: try again in a second")
        size, note = row
        began_s = given.incident.opened.since_s - BEFORE_S
        first, last = position_at(connection, size, began_s), position_at(connection, size, given.until_s + 0.001)
        shown = _meanwhile(connection, first, min(last, size))
        about = [incident, *(each.run for each in given.messages), *(given.play.runs if given.play is not None else ())]
        for each in about:
            shown |= {seq for (seq,) in connection.execute(_RUNS, (each, size))}
        to.write(json.dumps({"log": key_line(data)}) + "\n")
        told = 0
        for fact in pruned(facts_in(connection), shown, size):
            to.write(line_of(fact) + "\n")
            told += isinstance(fact, StoredFact)
        to.write(json.dumps({"checkpoint": note}, ensure_ascii=False) + "\n")
    return told, size


def _meanwhile(connection: sqlite3.Connection, first: int, last: int) -> set[int]:
    kinds: Iterable[str] = [each.kind for each in REVIEW_FACTS]
    query = _MEANWHILE.format(marks=", ".join("?" * len(REVIEW_FACTS)))
    return {seq for (seq,) in connection.execute(query, (first, last, *kinds))}
