"""Whatever a file holds, checking it gives an operation or its mistakes, and nothing else."""

import contextlib
import random
from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.config.starter import write_starter
from keepline.model.errors import OperationError

SEEDS = 150


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """A few bytes of it changed, dropped, doubled or moved."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at, size = chance.randrange(len(changed)), chance.randint(1, 12)
        piece = changed[at : at + size]
        match chance.randrange(4):
            case 0:
                changed[at] = chance.choice(b"\0\t\n :-[]{}&*!|>'\"%@`,#?\xff\xc3")
            case 1 if len(changed) > size + 1:
                del changed[at : at + size]
            case 2:
                changed[at:at] = piece * chance.randint(1, 3)
            case _:
                changed += piece
    return bytes(changed)


@pytest.mark.parametrize("name", ["keepline.yaml", "flows.py"])
def test_a_spoilt_file_is_a_mistake_or_still_right(tmp_path: Path, name: str) -> None:
    write_starter(tmp_path)
    good = (tmp_path / name).read_bytes()
    for seed in range(SEEDS):
        (tmp_path / name).write_bytes(spoilt(good, random.Random(seed)))
        try:
            with contextlib.suppress(OperationError):
                load_operation(tmp_path, lint=True)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
