"""What people want of paths, and where numbers point, as the journal tells of it."""

from pathlib import Path

from keepline.call.facts import Fact
from keepline.call.facts.number import NUMBERS
from keepline.call.facts.path import PATHS
from keepline.node.journal_file import connect, decode


def path_wishes(path: Path, last_seq: int) -> list[Fact]:
    """Every wish up to `last_seq`, in the order in which it came; those beyond are left for who follows from there."""
    return _facts_of(path, PATHS, last_seq)


def number_facts(path: Path, last_seq: int) -> list[Fact]:
    """The same of numbers."""
    return _facts_of(path, NUMBERS, last_seq)


def _facts_of(path: Path, name: str, last_seq: int) -> list[Fact]:
    connection = connect(path)
    try:
        rows = connection.execute(
            "SELECT kind, body FROM facts WHERE call = ? AND seq <= ? ORDER BY seq", (name, last_seq)
        )
        return [decode(kind, body) for kind, body in rows if body]
    finally:
        connection.close()
