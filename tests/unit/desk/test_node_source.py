"""The desk's source over a journal on disk, without a node."""

import json
from pathlib import Path

import pytest

from keepline.desk.node_source import NodeSource
from keepline.desk.source import Unavailable
from keepline.node import journal


def test_without_a_node_each_answer_says_why_there_is_none(tmp_path: Path) -> None:
    source = NodeSource(tmp_path)
    with pytest.raises(Unavailable, match="no node runs"):
        source.status()
    with pytest.raises(Unavailable, match="no journal"):
        source.records(10)
    with pytest.raises(Unavailable, match="no journal"):
        source.record("0")


def test_a_journal_that_appears_is_read_without_a_new_start(tmp_path: Path) -> None:
    source = NodeSource(tmp_path)
    with pytest.raises(Unavailable):
        source.records(10)
    journal.create(tmp_path)
    assert source.records(10) == []
    assert source.record("nosuch") is None


def test_a_journal_that_breaks_is_an_answer_and_opened_anew(tmp_path: Path) -> None:
    (tmp_path / journal.FILE_NAME).write_text(json.dumps("no database") * 100)
    source = NodeSource(tmp_path)
    with pytest.raises(Unavailable, match="cannot be read"):
        source.records(10)
    (tmp_path / journal.FILE_NAME).unlink()
    journal.create(tmp_path)
    assert source.records(10) == []
