"""What each witness has been sent: `witnesses.db` beside the journal, written by the desk, read by whoever asks.

Losing it costs that each witness is sent one checkpoint that it has already.
"""

import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import astuple, fields
from pathlib import Path
from typing import Final
from urllib.parse import quote

from keepline.model.limits import WITNESS_DELIVERIES_MAX
from keepline.model.witness import JournalSettings
from keepline.proof.witnessing import WitnessState, trouble_of

FILE_NAME: Final = "witnesses.db"
BUSY_TIMEOUT_S: Final = 5.0
_COLUMNS: Final = ", ".join(each.name for each in fields(WitnessState))
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS witnesses (name TEXT PRIMARY KEY, place TEXT NOT NULL, every_s REAL NOT NULL,
  overdue_s REAL NOT NULL, size INTEGER NOT NULL, delivered_at_s REAL NOT NULL, tried_at_s REAL NOT NULL,
  tries INTEGER NOT NULL, why TEXT NOT NULL, remark TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (id INTEGER PRIMARY KEY, witness TEXT NOT NULL, place TEXT NOT NULL,
  size INTEGER NOT NULL, at_s REAL NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_by_witness ON deliveries (witness, id);
"""


class WitnessStore:
    """For the one process that sends; its methods raise `sqlite3.Error` as the disk does, and suit any thread."""

    def __init__(self, data: Path) -> None:
        self._lock = threading.Lock()
        path = data / FILE_NAME
        self._connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None)
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def set_witnesses(self, settings: JournalSettings) -> None:
        """These are the witnesses now. One that is somewhere else than it was has nothing yet."""
        wanted = {each.name: str(each.place) for each in settings.witnesses}
        with self._lock, self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            for name, place in connection.execute("SELECT name, place FROM witnesses").fetchall():
                if wanted.get(name) != place:
                    connection.execute("DELETE FROM witnesses WHERE name = ?", (name,))
            for name, place in wanted.items():
                row = astuple(WitnessState(name, place, settings.every_s, settings.overdue_s))
                marks = ", ".join("?" * len(row))
                connection.execute(f"INSERT OR IGNORE INTO witnesses ({_COLUMNS}) VALUES ({marks})", row)
                times = (settings.every_s, settings.overdue_s, name)
                connection.execute("UPDATE witnesses SET every_s = ?, overdue_s = ? WHERE name = ?", times)

    def state(self, name: str) -> WitnessState | None:
        with self._lock:
            row = self._connection.execute(f"SELECT {_COLUMNS} FROM witnesses WHERE name = ?", (name,)).fetchone()
        return WitnessState(*row) if row is not None else None

    def note_delivery(self, state: WitnessState, size: int, now_s: float, remark: str) -> None:
        """The witness has the checkpoint of `size` facts."""
        with self._lock, self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "UPDATE witnesses SET size = ?, delivered_at_s = ?, tried_at_s = ?, tries = 0, why = '', remark = ?"
                " WHERE name = ?",
                (size, now_s, now_s, remark, state.name),
            )
            row = (state.name, state.place, size, now_s)
            connection.execute("INSERT INTO deliveries (witness, place, size, at_s) VALUES (?, ?, ?, ?)", row)
            connection.execute(
                "DELETE FROM deliveries WHERE id <= (SELECT id FROM deliveries WHERE witness = ?"
                " ORDER BY id DESC LIMIT 1 OFFSET ?) AND witness = ?",
                (state.name, WITNESS_DELIVERIES_MAX, state.name),
            )

    def note_failure(self, state: WitnessState, now_s: float, why: str) -> None:
        """The witness did not take what it was sent."""
        with self._lock:
            row = (now_s, state.tries + 1, why, state.name)
            self._connection.execute("UPDATE witnesses SET tried_at_s = ?, tries = ?, why = ? WHERE name = ?", row)


def states_in(data: Path) -> list[WitnessState]:
    """All witnesses of a data directory, by name; none where nobody ever sent anything, or it cannot be read."""
    path = data / FILE_NAME
    if not path.exists():
        return []
    try:
        uri = f"file:{quote(path.absolute().as_posix())}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S)) as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM witnesses ORDER BY name").fetchall()
    except sqlite3.Error:
        return []
    return [WitnessState(*row) for row in rows]


def with_witnesses(status: Mapping[str, object], data: Path) -> dict[str, object]:
    """A node's status, and how its witnesses are.

    Who sends to them may be dead, so this is drawn from what is on the disk, and by whoever asks.
    """
    found: dict[str, object] = {**status, "witnesses": {}}
    states = states_in(data)
    if not states:
        return found
    from keepline.node.checkpoints import signed_after  # most nodes' status does without what this imports
    from keepline.node.reader import NoJournal

    try:
        newest, waiting = signed_after(data, [state.size for state in states])
    except NoJournal:
        return found
    now_s = time.time()
    told: dict[str, object] = {}
    troubles: list[str] = []
    for state, since_s in zip(states, waiting, strict=True):
        trouble = trouble_of(state, newest, since_s, now_s)
        troubles += [trouble] if trouble else []
        told[state.name] = {
            "place": state.place,
            "facts": state.size,
            "at": state.delivered_at_s if state.size else None,
            "behind_s": round(max(0.0, now_s - since_s), 1) if since_s is not None else 0.0,
            "trouble": trouble,
            "why": state.why,
            "remark": state.remark,
        }
    before = found.get("trouble")
    return found | {"witnesses": told, "trouble": [*(before if isinstance(before, list) else ()), *troubles]}
