"""Everything that fuzzing ever found, and all that it begins with, once more."""

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

FOUND = sorted((Path(__file__).parent / "found").glob("*/*"))


def test_what_was_found_is_mended() -> None:
    for file in FOUND:
        TARGETS[file.parent.name][0](file.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_what_it_begins_with(name: str) -> None:
    target, seeds = TARGETS[name]
    for seed in seeds():
        target(seed)
