"""A desk with people for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.desk.people.visits import Place, make_place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    found = make_place(tmp_path, monkeypatch)
    yield found
    found.people.close()
