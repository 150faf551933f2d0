"""What is read at a start depends on what is open, and not on what once was: no statement goes through all facts."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keepline.cli.needed import needed_operations
from keepline.desk.node_source import NodeSource
from keepline.node.checkpoints import newest_checkpoint
from keepline.node.journal import Journal, create, next_epoch
from keepline.node.journal_incidents import incident_facts_of
from keepline.node.journal_paths import number_facts, path_wishes
from keepline.node.journal_tail import Tail
from keepline.node.journal_tolls import placed_since
from keepline.node.journal_work import open_work

ANY = "SELECT 1 FROM facts LIMIT 1"
"""Reads the first that it finds."""
WHOLE = ("SCAN facts", "SEARCH facts USING INTEGER PRIMARY KEY (rowid<")
STATEMENTS = ("SELECT", "UPDATE", "DELETE")


def tail(data: Path) -> None:
    reader = Tail(data / "journal.db")
    reader.open_calls(5.0)
    reader.follow()
    reader.close()


def write(data: Path) -> None:
    journal = Journal(data / "journal.db", next_epoch(data / "journal.db"), lambda _written: None)
    journal.close()


def desk(data: Path) -> None:
    source = NodeSource(data)
    source.facts_after(source.last_position(), ("call_ended.1", "call_received.1"), 10)
    source.records(10)


@pytest.mark.parametrize(
    "reads",
    [
        create,
        tail,
        write,
        desk,
        lambda data: placed_since(data / "journal.db", 5.0, 9),
        lambda data: open_work(data / "journal.db", 9),
        lambda data: path_wishes(data / "journal.db", 9),
        lambda data: number_facts(data / "journal.db", 9),
        lambda data: incident_facts_of(data / "journal.db", 9),
        lambda data: needed_operations(data, frozenset({"0" * 32})),
        newest_checkpoint,
    ],
    ids=["create", "tail", "write", "desk", "tolls", "work", "wishes", "numbers", "incidents", "needed", "checkpoint"],
)
def test_nothing_at_a_start_reads_all_facts(
    reads: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(tmp_path)
    asked: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **named)
        connection.set_trace_callback(asked.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    reads(tmp_path)
    monkeypatch.undo()
    statements = [each for each in asked if each.lstrip().upper().startswith(STATEMENTS) and each != ANY]
    assert statements or reads is create
    with connect(tmp_path / "journal.db") as journal:
        for statement in statements:
            plan = [row[3] for row in journal.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert not [step for step in plan if step.startswith(WHOLE)], (statement, plan)
    journal.close()
