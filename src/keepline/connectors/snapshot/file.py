"""The file of one copy: answers by action and key, and when they were true. Made beside its place, then moved there.

Only declared fields are in it. Its name has a digest of what it is a copy of, so no version of an operation reads what
another one meant.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from keepline.model.capability import CapabilityAction, Snapshot

FOLDER: Final = "snapshots"
SCHEMA: Final = """
CREATE TABLE answers (action TEXT, key TEXT, fields TEXT, PRIMARY KEY (action, key)) WITHOUT ROWID;
CREATE TABLE copy (taken_at_s REAL, answers INTEGER);
"""
Answers = Iterable[tuple[str, str, Mapping[str, Any]]]
"""Action, key, and the fields of the answer."""


@dataclass(frozen=True, slots=True)
class CopyPlace:
    """Where the copy of one path is."""

    file: Path

    @property
    def why_file(self) -> Path:
        """What went wrong with the last attempt to make it anew; not there while all is well."""
        return self.file.with_suffix(".why")


def copy_place(
    data: Path, capability: str, path: str, snapshot: Snapshot, actions: Mapping[str, CapabilityAction]
) -> CopyPlace:
    """Of a path in a node's data directory."""
    asked = sorted((name, each.table, sorted((each.response or {}).items())) for name, each in actions.items())
    meaning = repr((snapshot.base_url, sorted(snapshot.tables.items()), asked))
    digest = blake2b(meaning.encode(), digest_size=6).hexdigest()
    return CopyPlace(data / FOLDER / f"{capability}.{path}.{digest}.db")


def write_copy(place: CopyPlace, taken_at_s: float, answers: Answers) -> int:
    """Put a new copy in the place of the last one, readable by the node's user alone; how many answers it has.

    Raises `OSError` and `sqlite3.Error`; the last copy is still there then.
    """
    place.file.parent.mkdir(mode=0o700, exist_ok=True)
    new = place.file.with_suffix(".new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(new, isolation_level=None)) as connection:
            connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + SCHEMA)
            connection.execute("BEGIN")
            rows = ((action, key, json.dumps(fields, ensure_ascii=False)) for action, key, fields in answers)
            connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
            [(count,)] = connection.execute("SELECT count(*) FROM answers")
            connection.execute("INSERT INTO copy VALUES (?, ?)", (taken_at_s, count))
            connection.execute("COMMIT")
        with new.open("rb") as written:
            os.fsync(written.fileno())
        new.replace(place.file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    note_failure(place, "")
    return int(count)


def taken_at_s(place: CopyPlace) -> float | None:
    """When the copy was true, seconds since the epoch; None where there is none that can be read."""
    with suppress(sqlite3.Error), closing(open_copy(place)) as connection:
        for (found,) in connection.execute("SELECT taken_at_s FROM copy"):
            return float(found)
    return None


def open_copy(place: CopyPlace) -> sqlite3.Connection:
    """For reading; a copy never changes once it is in its place. Raises `sqlite3.Error`."""
    uri = f"{place.file.absolute().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def note_failure(place: CopyPlace, why: str) -> None:
    """Keep what went wrong for whoever asks how the copy is; empty once all is well."""
    with suppress(OSError):
        if why:
            place.file.parent.mkdir(mode=0o700, exist_ok=True)
            place.why_file.write_text(why, encoding="utf-8")
        else:
            place.why_file.unlink(missing_ok=True)


def failure_of(place: CopyPlace) -> str:
    """What `note_failure` kept."""
    try:
        return place.why_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
