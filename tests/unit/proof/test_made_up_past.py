"""The past that the benchmark writes is a journal like any other, or its figures would mean nothing."""

from pathlib import Path

from bench.history import SIGNED_EVERY, write_past
from keepline.node.journal_proof import verify_data
from keepline.node.reader import JournalReader
from tests.unit.proof.proof_journal import write


def test_it_verifies_and_its_calls_have_records(tmp_path: Path) -> None:
    data = write(tmp_path, calls=2).parent
    facts = write_past(data, 2 * SIGNED_EVERY, lambda _said: None)
    verdict = verify_data(data, None, [])
    assert (verdict.wrong, verdict.facts, verdict.signed) == ([], facts, facts)
    assert facts >= 2 * SIGNED_EVERY
    reader = JournalReader(data)
    newest = reader.records(3)
    assert [record.state for record in newest] == ["ended"] * 3
    assert len({record.id for record in newest}) == 3
    reader.close()
