"""Which stored operations are needed: whatever a node or an open call names, and all of them when in doubt."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from keepline.cli.needed import needed_operations
from keepline.node.journal_file import FILE_NAME, create

DIGESTS = frozenset(f"{number:032x}" for number in range(3))
FIRST, SECOND, THIRD = sorted(DIGESTS)


def note_call(data: Path, call: str, digest: str, ended_at: float | None) -> None:
    with contextlib.closing(sqlite3.connect(create(data))) as journal, journal:
        journal.execute("INSERT INTO calls VALUES (?, ?)", (call, ended_at))
        body = f'{{"call":"{call}","of_a_kind_yet_to_come":"{digest}"}}'.encode()
        insert = "INSERT INTO facts (call, kind, body, salt, digest) VALUES (?, 'call_begun.9', ?, x'', x'')"
        journal.execute(insert, (call, body))


def test_without_a_journal_nothing_is_needed(tmp_path: Path) -> None:
    assert needed_operations(tmp_path, DIGESTS) == frozenset()
    assert list(tmp_path.iterdir()) == []


def test_open_calls_need_theirs_and_ended_ones_do_not(tmp_path: Path) -> None:
    note_call(tmp_path, "a", FIRST, None)
    note_call(tmp_path, "b", SECOND, 12.5)
    assert needed_operations(tmp_path, DIGESTS) == {FIRST}


def test_the_node_needs_its_own(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "node.json").write_text(f'{{"operation": "{THIRD}"}}', encoding="utf-8")
    assert needed_operations(tmp_path, DIGESTS) == {THIRD}


@pytest.mark.parametrize("content", [b"", b"this is no database, whatever its name says" * 100])
def test_a_journal_that_cannot_be_read_makes_all_needed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    assert needed_operations(tmp_path, DIGESTS) == DIGESTS
