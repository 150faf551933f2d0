"""A CRM is silent for a while: callers hear what the copy has, and what they were told is done once, and all of it."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.sim import crm_outage
from tests.sim.crm_outage import SHARES, Ran, compared, run, table

OUTAGE_S, RATE, AROUND_S = 150.0, 4.0, 45.0


@pytest.fixture(scope="module")
def worlds() -> tuple[Ran, Ran]:
    """Without the outage, and with it."""
    calm, hurt = (run(OUTAGE_S, RATE, 7, has_outage=each, around_s=AROUND_S) for each in (False, True))
    return calm, hurt


def test_a_crm_outage_costs_no_caller_an_answer_and_no_change(worlds: tuple[Ran, Ran]) -> None:
    calm, hurt = worlds
    assert compared(calm, hurt) == []
    assert calm.calls > 800
    assert abs(calm.calls - hurt.calls) <= 1
    assert (hurt.reads_lost, hurt.left, hurt.conflicts) == (0, 0, 0)
    assert hurt.made == hurt.kept > 0
    assert hurt.from_copy["order"] / hurt.calls > 0.2
    assert {kind for kind in SHARES if hurt.promised[kind]} == {"book", "cancel", "lead", "pay"}
    assert (calm.kept, sum(calm.from_copy.values())) == (0, 0)
    lines = "\n".join(table(calm, hurt))
    assert f"{hurt.kept} changes were kept" in lines


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"wrong": ["1 questions were not answered"]}, "with it: 1 questions"),
        ({"kept": 0}, "there was no outage"),
        ({"outcomes": {kind: Counter(promised=10) for kind in SHARES}}, "order: "),
    ],
)
def test_what_is_wrong_is_found(worlds: tuple[Ran, Ran], broken: dict[str, object], words: str) -> None:
    calm, hurt = worlds
    assert any(words in each for each in compared(calm, replace(hurt, **broken)))  # type: ignore[arg-type]


def test_a_change_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a caller was told of, and the CRM never had."""
    monkeypatch.setattr(crm_outage.Crm, "_change", lambda *_: crm_outage.Reply({"id": "1", "score": 1}))
    lost = run(10.0, 4.0, 7, has_outage=False, around_s=10.0)
    assert any("and not done" in each for each in lost.wrong)


def test_the_copy_outlasts_an_outage_of_four_hours() -> None:
    """It found that copies of four hours answered nothing in the last minute of it."""
    hurt = run(4 * 3600.0, 0.02, 7, has_outage=True)
    assert (hurt.wrong, hurt.reads_lost, hurt.left) == ([], 0, 0)
    assert hurt.calls > 250
    assert hurt.hedged > 0
