"""The back office's database: one SQLite file, short transactions, and a ledger of what was really done.

Every change happens in one `BEGIN IMMEDIATE` transaction, so that two processes on one file cannot interleave. An
answer to a request with an idempotency key is stored with the change it tells of: both are there or neither is.
Of a card, the last four digits are stored. The fingerprint of a request is keyed with a secret in a file beside the
database, for a plain hash of a card number could be searched for.
"""

import hashlib
import hmac
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from office_seed import Size, seeded

Json = dict[str, Any]

SCHEMA = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE customers(id TEXT PRIMARY KEY, name TEXT, phone TEXT UNIQUE, tier TEXT, zip TEXT) WITHOUT ROWID;
CREATE TABLE orders(
  number TEXT PRIMARY KEY, customer_id TEXT, status TEXT, item TEXT, total_cents INTEGER, carrier TEXT, tracking TEXT,
  placed_on TEXT, expected_on TEXT, delivered_on TEXT) WITHOUT ROWID;
CREATE INDEX orders_customer ON orders(customer_id);
CREATE TABLE invoices(
  number TEXT PRIMARY KEY, customer_id TEXT, order_number TEXT, amount_cents INTEGER, paid_cents INTEGER, void INTEGER,
  due_on TEXT) WITHOUT ROWID;
CREATE INDEX invoices_customer ON invoices(customer_id);
CREATE TABLE slots(id TEXT PRIMARY KEY, day TEXT, start TEXT, end TEXT) WITHOUT ROWID;
CREATE TABLE appointments(
  id INTEGER PRIMARY KEY AUTOINCREMENT, order_number TEXT NOT NULL, slot_id TEXT NOT NULL, status TEXT NOT NULL);
CREATE UNIQUE INDEX one_appointment_a_slot ON appointments(slot_id) WHERE status = 'booked';
CREATE UNIQUE INDEX one_appointment_an_order ON appointments(order_number) WHERE status = 'booked';
CREATE TABLE payments(
  id INTEGER PRIMARY KEY AUTOINCREMENT, gateway TEXT, key TEXT, invoice TEXT, amount_cents INTEGER, status TEXT,
  reason TEXT, last4 TEXT, brand TEXT, at TEXT);
CREATE UNIQUE INDEX one_payment_a_key ON payments(gateway, key);
CREATE TABLE voids(gateway TEXT, key TEXT, PRIMARY KEY(gateway, key)) WITHOUT ROWID;
CREATE TABLE leads(
  id INTEGER PRIMARY KEY AUTOINCREMENT, phone TEXT, name TEXT, interest TEXT, budget_cents INTEGER, timeframe TEXT,
  score TEXT, note TEXT, recording TEXT, at TEXT);
CREATE TABLE messages(
  id INTEGER PRIMARY KEY AUTOINCREMENT, phone TEXT, department TEXT, text TEXT, recording TEXT, length_s REAL,
  call_id TEXT, at TEXT);
CREATE TABLE answers(
  scope TEXT, key TEXT, fingerprint TEXT, status INTEGER, body TEXT, PRIMARY KEY(scope, key)) WITHOUT ROWID;
CREATE TABLE requests(
  scope TEXT, key TEXT, received INTEGER, replayed INTEGER, conflicts INTEGER, PRIMARY KEY(scope, key)) WITHOUT ROWID;
CREATE TABLE effects(
  id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, scope TEXT, key TEXT, reference TEXT, amount_cents INTEGER, at TEXT);
"""
BUSY_TIMEOUT_MS = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with."""

    status: int
    body: Json
    replayed: bool = False
    """It had been given before; nothing was done this time."""


def refusal(status: int, code: str, message: str, **more: Any) -> Answer:
    """An answer that says no, in the one shape that all of them have."""
    return Answer(status, {"error": {"code": code, "message": message, **more}})


class Store:
    """The database and the day on which the retailer believes it lives."""

    def __init__(self, path: Path, today: date) -> None:
        self.path, self.today = path, today
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_TIMEOUT_MS}"):
            self.db.execute(f"PRAGMA {pragma}").fetchall()
        self._key = _secret_beside(path)

    def close(self) -> None:
        """Give the file back."""
        self.db.close()

    def fill(self, seed: int, size: Size) -> bool:
        """Create and seed the tables; False where they are there already, and then nothing changes."""
        with self.writing():
            if self.one("SELECT 1 AS found FROM sqlite_master WHERE name = 'meta'"):
                return False
            # Statement by statement: executescript would commit first.
            for statement in filter(str.strip, SCHEMA.split(";\n")):
                self.db.execute(statement)
            rows = seeded(seed, self.today, size)
            for table in ("customers", "orders", "invoices", "slots"):
                some = getattr(rows, table)
                marks = ",".join("?" * len(some[0]))
                self.db.executemany(f"INSERT INTO {table} VALUES ({marks})", some)
            self.db.execute("INSERT INTO meta VALUES ('seed', ?)", (str(seed),))
        return True

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction that no other writer can enter."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def all(self, sql: str, *values: Any) -> list[Json]:
        """Every row, by column name."""
        return [dict(row) for row in self.db.execute(sql, values)]

    def one(self, sql: str, *values: Any) -> Json | None:
        """The first row, by column name."""
        row = self.db.execute(sql, values).fetchone()
        return dict(row) if row else None

    def add(self, sql: str, *values: Any) -> int:
        """Insert a row; its id."""
        return int(self.db.execute(sql, values).lastrowid or 0)

    def now(self) -> str:
        """The virtual day with the real time of day, as ISO 8601 in UTC."""
        return f"{self.today.isoformat()}T{datetime.now(UTC):%H:%M:%S}Z"

    def effect(self, what: str, scope: str, key: str, reference: str, amount_cents: int = 0) -> None:
        """Write down that something was really done, within the transaction that does it."""
        self.add(
            "INSERT INTO effects(what, scope, key, reference, amount_cents, at) VALUES (?,?,?,?,?,?)",
            what, scope, key, reference, amount_cents, self.now(),
        )  # fmt: skip

    def fingerprint(self, body: Json) -> str:
        """Tells one request from another without telling what was in it."""
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def once(self, scope: str, key: str, body: Json, work: Callable[[], Answer]) -> Answer:
        """Do the work and keep the answer, or give the one that was kept for this key.

        `work` runs within the transaction and writes nothing where it refuses. Without a key it is always done.
        """
        with self.writing():
            if not key:
                return work()
            fingerprint = self.fingerprint(body)
            kept = self.one("SELECT * FROM answers WHERE scope = ? AND key = ?", scope, key)
            same = kept is not None and hmac.compare_digest(kept["fingerprint"], fingerprint)
            self._count(scope, key, replayed=same, conflict=kept is not None and not same)
            if kept is not None:
                if same:
                    return Answer(kept["status"], json.loads(kept["body"]), replayed=True)
                return refusal(422, "idempotency_key_reused", "this Idempotency-Key was used for another request")
            answer = work()
            self.add(
                "INSERT INTO answers VALUES (?,?,?,?,?)",
                scope, key, fingerprint, answer.status, json.dumps(answer.body),
            )  # fmt: skip
            return answer

    def _count(self, scope: str, key: str, replayed: bool, conflict: bool) -> None:
        self.add(
            "INSERT INTO requests VALUES (?,?,1,?,?) ON CONFLICT DO UPDATE SET received = received + 1, "
            "replayed = replayed + excluded.replayed, conflicts = conflicts + excluded.conflicts",
            scope, key, replayed, conflict,
        )  # fmt: skip


def _secret_beside(path: Path) -> bytes:
    """The key of the fingerprints: made once, readable by the owner, in `<database>.key`."""
    beside = path.with_name(path.name + ".key")
    if not beside.exists():
        draft = path.with_name(f"{path.name}.key.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        # A link appears whole or not at all, and the first one wins.
        with suppress(FileExistsError):
            os.link(draft, beside)
        draft.unlink()
    return bytes.fromhex(beside.read_text())
