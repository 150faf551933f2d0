"""What nobody has heard for long is removed, and nothing else."""

import os
from pathlib import Path

from keepline.connectors.speech.flushing import FLUSHED_NAME
from keepline.model.limits import PROMPT_UNUSED_DAYS_MAX
from keepline.node.prompt_pruning import DAY_S, prune_prompts

NOW_S = 2_000_000_000.0


def prompt(directory: Path, letter: str, made_days: float, read_days: float, suffix: str = ".ulaw") -> Path:
    path = directory / (letter * 32 + suffix)
    path.write_bytes(b"\xff")
    os.utime(path, (NOW_S - read_days * DAY_S, NOW_S - made_days * DAY_S))
    return path


def test_what_was_neither_made_nor_read_lately_is_removed(tmp_path: Path) -> None:
    old, late = PROMPT_UNUSED_DAYS_MAX + 1, PROMPT_UNUSED_DAYS_MAX - 1
    gone = [prompt(tmp_path, "a", old, old), prompt(tmp_path, "a", old, old, ".alaw")]
    kept = [
        prompt(tmp_path, "b", late, late),
        prompt(tmp_path, "c", old, late),
        prompt(tmp_path, "d", late, old),
        prompt(tmp_path, "e", old, old, ".wav"),
        prompt(tmp_path, "z", old, old),
    ]
    assert prune_prompts(tmp_path, NOW_S) == 2
    assert [path.exists() for path in gone + kept] == [False] * 2 + [True] * 5


def test_without_a_directory_there_is_nothing_to_remove(tmp_path: Path) -> None:
    assert prune_prompts(tmp_path / "none", NOW_S) == 0


def test_what_may_not_have_been_flushed_is_removed(tmp_path: Path) -> None:
    marker = tmp_path / FLUSHED_NAME
    old = prompt(tmp_path, "a", 2, 2)
    assert prune_prompts(tmp_path, NOW_S) == 0  # of a node that did not note it
    assert marker.exists()
    os.utime(marker, (NOW_S - DAY_S, NOW_S - DAY_S))
    spoilt = prompt(tmp_path, "b", 0.5, 0.5)
    assert prune_prompts(tmp_path, NOW_S) == 1
    assert old.exists()
    assert not spoilt.exists()
    assert marker.stat().st_mtime != NOW_S - DAY_S  # noted anew
