"""What people want of paths, and where numbers point, as the journal tells of it."""

from pathlib import Path

from keepline.call.facts import Fact
from keepline.call.facts.number import NUMBERS
from keepline.call.facts.path import PATHS, PathStood, PathWished
from keepline.call.facts.person import PEOPLE
from keepline.model.limits_carriers import STANDINGS_READ_MAX
from keepline.model.limits_people import DECISIONS_KNOWN_MAX
from keepline.node.journal_file import connect, decode


def path_wishes(path: Path, last_seq: int) -> list[Fact]:
    """Every wish up to `last_seq`, in the order in which it came; those beyond are left for who follows from there."""
    return _facts_of(path, PATHS, last_seq, f"AND kind = '{PathWished.kind}'")


def path_standings(path: Path, last_seq: int) -> list[Fact]:
    """How carriers were, the latest so many words of it: a history of any length takes no longer to read."""
    return _facts_of(path, PATHS, last_seq, f"AND kind = '{PathStood.kind}'", STANDINGS_READ_MAX)


def number_facts(path: Path, last_seq: int) -> list[Fact]:
    """The same of numbers."""
    return _facts_of(path, NUMBERS, last_seq)


def person_facts(path: Path, last_seq: int) -> list[Fact]:
    """What people decided lately: what waits for a second one is among it."""
    return _facts_of(path, PEOPLE, last_seq, latest=DECISIONS_KNOWN_MAX)


def _facts_of(path: Path, name: str, last_seq: int, more: str = "", latest: int = -1) -> list[Fact]:
    connection = connect(path)
    try:
        rows = connection.execute(
            f"SELECT kind, body FROM facts WHERE call = ? AND seq <= ? {more} ORDER BY seq DESC LIMIT ?",
            (name, last_seq, latest),
        ).fetchall()
        return [decode(kind, body) for kind, body in reversed(rows) if body]
    finally:
        connection.close()
