"""Every transcript beside this file is what the call core does."""

from pathlib import Path

import pytest

from tests.transcript.call_transcripts import replay

TRANSCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, record: bool) -> None:
    written = path.read_text(encoding="utf-8")
    replayed = replay(written)
    if record:
        path.write_text(replayed, encoding="utf-8")
    else:
        assert replayed == written


def test_there_are_transcripts() -> None:
    assert len(TRANSCRIPTS) >= 20
