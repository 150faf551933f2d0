"""The evidence of an incident: what it shows, what it keeps to itself, and that a stranger can verify it."""

import base64
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from keepline.node.journal_evidence import write_evidence
from keepline.node.journal_proof import CannotProve
from tests.unit.incident.test_review import ID, SINCE_S
from tests.unit.node.test_journal_review import data as journal_of_an_incident

INDEPENDENT = Path(__file__).parents[3] / "tools" / "verify_export.py"
data = journal_of_an_incident


def evidence_of(data: Path) -> tuple[list[dict[str, object]], str]:
    made = io.StringIO()
    write_evidence(data, ID, made, SINCE_S + 999.0)
    return [json.loads(line) for line in made.getvalue().splitlines()], made.getvalue()


def verified(text: str, path: Path) -> subprocess.CompletedProcess[str]:
    path.write_text(text, encoding="utf-8")
    return subprocess.run([sys.executable, str(INDEPENDENT), str(path)], capture_output=True, text=True, check=False)


def test_it_shows_the_incident_and_what_happened_meanwhile_and_no_other_call(data: Path) -> None:
    rows, _ = evidence_of(data)
    facts = [row for row in rows if "seq" in row]
    calls = {str(row["call"]) for row in facts}
    assert {ID, "b", "c", "d"} <= calls
    assert "old" not in calls
    assert any(json.loads(base64.b64decode(str(row["body"])))["call"] == ID for row in facts)
    assert any("segment" in row for row in rows)
    assert "checkpoint" in rows[-1]


def test_a_stranger_can_verify_it_and_sees_what_was_altered(data: Path, tmp_path: Path) -> None:
    rows, text = evidence_of(data)
    good = verified(text, tmp_path / "facts.jsonl")
    assert good.returncode == 0, good.stderr
    assert "facts" in good.stdout
    place = next(index for index, row in enumerate(rows) if row.get("call") == "b")
    rows[place]["body"] = base64.b64encode(b'{"call":"b"}').decode()
    bad = verified("\n".join(json.dumps(row) for row in rows) + "\n", tmp_path / "altered.jsonl")
    assert bad.returncode == 1
    assert "was altered" in bad.stderr


def test_an_incident_that_is_none_and_a_journal_that_proves_nothing_are_said(data: Path) -> None:
    with pytest.raises(KeyError):
        write_evidence(data, "INC-20261123-9", io.StringIO(), SINCE_S)
    from keepline.node.journal_file import connect

    connection = connect(data / "journal.db")
    connection.execute("DELETE FROM checkpoints")
    connection.commit()
    connection.close()
    with pytest.raises(CannotProve, match="no checkpoint yet"):
        write_evidence(data, ID, io.StringIO(), SINCE_S)
