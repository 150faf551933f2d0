"""The incidents and the mode, as the journal tells of them: the latest so many, whole.

An index has the facts that open them, so a history of any length takes no longer to read.
"""

import sqlite3
from pathlib import Path
from typing import Final

from keepline.call.facts import Fact
from keepline.call.facts.incident import MODE, IncidentOpened
from keepline.model.limits_incidents import INCIDENTS_KEPT_MAX
from keepline.node.journal_file import connect, decode

MODES_READ_MAX: Final = 20
"""Of the latest facts of the mode: among them is what a person has set last."""
OPENED: Final = f"SELECT call FROM facts WHERE kind = '{IncidentOpened.kind}' AND seq <= ? ORDER BY seq DESC LIMIT ?"
_OF_CALL: Final = "SELECT seq, kind, body FROM facts WHERE call = ? AND seq <= ?"
_LATEST: Final = f"{_OF_CALL} ORDER BY seq DESC LIMIT ?"


def incident_facts(connection: sqlite3.Connection, last_seq: int) -> list[Fact]:
    """Facts of the latest incidents and of the mode, in order, up to a position; the rest is whoever's who follows."""
    rows: list[tuple[int, str, bytes]] = connection.execute(_LATEST, (MODE, last_seq, MODES_READ_MAX)).fetchall()
    for (id_,) in connection.execute(OPENED, (last_seq, INCIDENTS_KEPT_MAX)).fetchall():
        rows += connection.execute(_OF_CALL, (id_, last_seq)).fetchall()
    return [decode(kind, body) for _, kind, body in sorted(rows, key=lambda row: row[0]) if body]


def incident_facts_of(path: Path, last_seq: int) -> list[Fact]:
    """The same of the journal at `path`."""
    connection = connect(path)
    try:
        return incident_facts(connection, last_seq)
    finally:
        connection.close()
