"""What the tests of the node share: a directory with an empty journal."""

from pathlib import Path

import pytest

from keepline.node import journal


@pytest.fixture
def journal_path(tmp_path: Path) -> Path:
    return journal.create(tmp_path)
