"""`people.db` in the data directory: accounts, sessions, API tokens, links, sealed codes, and decisions that the
journal does not have yet. Desk and commands write it; whoever reads it again and again asks first whether it has
changed.

Losing it costs the accounts and no call; the journal still says who decided what. It has a rollback journal and no
WAL: whoever reads it then writes nothing, so that a full disk keeps nobody out.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Final

from keepline.desk.people.records import Account, Decision, How, PeopleRefused, Session, Token
from keepline.model.limits_people import DECISIONS_UNTOLD_MAX
from keepline.model.people import Role

FILE_NAME: Final = "people.db"
BUSY_TIMEOUT_S: Final = 5.0
_SCHEMA: Final = """
PRAGMA journal_mode = DELETE;
CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL,
  totp TEXT NOT NULL, totp_step INTEGER NOT NULL, disabled INTEGER NOT NULL, made_at_s REAL NOT NULL,
  password_at_s REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS recovery (account TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (account, digest))
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (digest TEXT PRIMARY KEY, account TEXT NOT NULL, role TEXT NOT NULL,
  how TEXT NOT NULL, began_at_s REAL NOT NULL, until_s REAL NOT NULL, seen_at_s REAL NOT NULL, address TEXT NOT NULL)
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (id TEXT PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, scopes TEXT NOT NULL,
  by TEXT NOT NULL, made_at_s REAL NOT NULL, until_s REAL NOT NULL, used_at_s REAL NOT NULL, revoked INTEGER NOT NULL)
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS links (digest TEXT PRIMARY KEY, kind TEXT NOT NULL, account TEXT NOT NULL,
  until_s REAL NOT NULL, by TEXT NOT NULL, why TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS decisions (id TEXT PRIMARY KEY, at_s REAL NOT NULL, by TEXT NOT NULL, role TEXT NOT NULL,
  action TEXT NOT NULL, about TEXT NOT NULL, why TEXT NOT NULL, how TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a request is judged by."""

    accounts: dict[str, Account] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    """By their digests."""


@dataclass(frozen=True, slots=True)
class Link:
    """A secret that is good once: for the first account, a new password, or breaking the glass."""

    digest: str
    kind: str
    account: str
    until_s: float
    """0: until it is used."""
    by: str
    why: str


class PeopleStore:
    """The file; its methods raise `sqlite3.Error` as the disk does, and suit any thread."""

    def __init__(self, data: Path) -> None:
        self._lock = threading.RLock()
        path = data / FILE_NAME
        with suppress(FileExistsError):  # private from its first byte
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        self._db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, check_same_thread=False, isolation_level=None)
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def version(self) -> int:
        """Another number whenever another process has written."""
        with self._lock:
            return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, whole or not at all."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def snapshot(self, now_s: float) -> Snapshot:
        """All that counts at that time."""
        with self._lock:
            accounts = [
                Account(name, Role(role), password, totp, step, bool(disabled), made, changed)
                for name, role, password, totp, step, disabled, made, changed in self._db.execute(
                    "SELECT name, role, password, totp, totp_step, disabled, made_at_s, password_at_s FROM accounts"
                )
            ]
            sessions = [
                Session(digest, account, Role(role), How(how), began, until, seen, address, seen)
                for digest, account, role, how, began, until, seen, address in self._db.execute(
                    "SELECT digest, account, role, how, began_at_s, until_s, seen_at_s, address FROM sessions"
                    " WHERE until_s > ?",
                    (now_s,),
                )
            ]
            tokens = [
                Token(id_, name, digest, tuple(scopes.split()), by, made, until, used, bool(revoked))
                for id_, name, digest, scopes, by, made, until, used, revoked in self._db.execute(
                    "SELECT id, name, digest, scopes, by, made_at_s, until_s, used_at_s, revoked FROM tokens"
                )
            ]
        return Snapshot(
            {each.name: each for each in accounts},
            {each.digest: each for each in sessions},
            {each.digest: each for each in tokens},
        )

    def link(self, digest: str) -> Link | None:
        with self._lock:
            row = self._db.execute(
                "SELECT digest, kind, account, until_s, by, why FROM links WHERE digest = ?", (digest,)
            ).fetchone()
        return Link(*row) if row else None

    def links(self, kind: str) -> list[Link]:
        with self._lock:
            rows = self._db.execute(
                "SELECT digest, kind, account, until_s, by, why FROM links WHERE kind = ?", (kind,)
            ).fetchall()
        return [Link(*row) for row in rows]

    def recovery_left(self, account: str) -> int:
        """So many recovery codes were not used yet."""
        with self._lock:
            row = self._db.execute("SELECT COUNT(*) FROM recovery WHERE account = ?", (account,)).fetchone()
        return int(row[0])

    def note_seen(self, session: Session) -> None:
        """It is in use."""
        with self._lock:
            self._db.execute("UPDATE sessions SET seen_at_s = ? WHERE digest = ?", (session.seen_at_s, session.digest))

    def note_used(self, token: Token, now_s: float) -> None:
        """The same of a token."""
        with self._lock:
            self._db.execute("UPDATE tokens SET used_at_s = ? WHERE id = ?", (now_s, token.id))

    # Decisions --------------------------------------------------------------------------------------------------------

    def untold(self, limit: int) -> list[Decision]:
        """The oldest decisions that the journal does not have yet."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, at_s, by, role, action, about, why, how FROM decisions ORDER BY rowid LIMIT ?", (limit,)
            ).fetchall()
        return [Decision(*row) for row in rows]

    def forget(self, decision: Decision) -> None:
        """It is on record."""
        with self._lock:
            self._db.execute("DELETE FROM decisions WHERE id = ?", (decision.id,))


def add_decision(db: sqlite3.Connection, decision: Decision) -> None:
    """Keep it for the journal, in the transaction of what was decided. Raises `PeopleRefused` beyond the limit."""
    [waiting] = db.execute("SELECT COUNT(*) FROM decisions").fetchone()
    if waiting >= DECISIONS_UNTOLD_MAX:
        raise PeopleRefused(
            f"{DECISIONS_UNTOLD_MAX} decisions wait for the journal: start the node, so that they are written"
        )
    marks = ", ".join("?" * 8)
    db.execute(f"INSERT OR IGNORE INTO decisions VALUES ({marks})", astuple(decision))
