"""What the review of an incident is made of, from a journal on disk: it begins where it should, and has an end."""

from pathlib import Path

import pytest

from keepline.incident.plays import playbook_run
from keepline.incident.review import BEFORE_S, review_of
from keepline.model.limits_playbooks import REVIEW_FACTS_MAX
from keepline.node import journal_review
from keepline.node.journal_file import connect
from keepline.node.journal_review import position_at, reviewed
from tests.unit.desk.board_facts import ended, received
from tests.unit.incident.test_review import ID, MONEY, OWN, SINCE_S, play_facts
from tests.unit.node.test_reader import write


@pytest.fixture
def data(journal_path: Path) -> Path:
    """A journal with an incident, its playbook, a call long before it, and three within."""
    calls = [("old", SINCE_S - BEFORE_S - 100.0), ("b", SINCE_S + 5.0), ("c", SINCE_S + 6.0), ("d", SINCE_S + 70.0)]
    facts = [each for name, at_s in calls for each in (received(name, at_s), ended(name, at_s + 0.5, 503))]
    facts += [*OWN, *play_facts()]
    write(journal_path, sorted(facts, key=lambda fact: fact.at_s))
    return journal_path.parent


def test_it_is_read_from_the_journal_alone(data: Path) -> None:
    found = review_of(reviewed(data, ID, MONEY, SINCE_S + 999.0))
    assert found["until"] == SINCE_S + 120.0
    assert sum(each["lost"] for each in found["minutes"]) == 3
    assert found["playbook"]["run"] == playbook_run(ID)
    assert [each["state"] for each in found["playbook"]["steps"]] == ["skipped", "ahead"]
    assert len([line for line in found["timeline"] if line["what"] == "step"]) == 1
    with pytest.raises(KeyError):
        reviewed(data, "INC-20261123-9", MONEY, SINCE_S)


def test_it_begins_at_the_first_fact_of_its_time(data: Path) -> None:
    connection = connect(data / "journal.db")
    last = connection.execute("SELECT max(seq) FROM facts").fetchone()[0]
    assert [position_at(connection, last, at_s) for at_s in (0.0, SINCE_S - BEFORE_S, SINCE_S + 9e9)] == [
        1,
        3,
        last + 1,
    ]
    connection.close()


def test_it_has_a_bound(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert REVIEW_FACTS_MAX > 10_000
    monkeypatch.setattr(journal_review, "REVIEW_FACTS_MAX", 2)
    assert len(reviewed(data, ID, MONEY, SINCE_S).meanwhile) == 2
