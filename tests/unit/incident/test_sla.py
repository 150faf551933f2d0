"""The carrier's credit by its own terms: counted again by hand, exercises kept out."""

import pytest

from keepline.call.facts.path import PATHS, PathStood
from keepline.incident.sla import credit_of, down_spans, joined, month_of, seconds_within
from keepline.model.money import SlaStep, SlaTerms

NORTH = "telephony/north"
TERMS = SlaTerms(900.0, (SlaStep(99.95, 5.0), SlaStep(99.5, 15.0), SlaStep(98.0, 40.0)), 30, "contract, §9")
MONTH, (FIRST_S, NEXT_S) = month_of(1_795_435_200.0)
"""November 2026."""


def stood(at_s: float, condition: str, path: str = NORTH, since_s: float = 0.0) -> PathStood:
    return PathStood(PATHS, at_s, path, condition, "open", "", since_s or at_s, 0.0, 0.0, 1)


def test_a_month_is_a_whole_one() -> None:
    assert (MONTH, NEXT_S - FIRST_S) == ("2026-11", 30 * 86_400.0)
    assert month_of(NEXT_S - 1)[0] == "2026-11"
    assert month_of(NEXT_S)[0] == "2026-12"
    assert month_of(NEXT_S + 31 * 86_400.0)[0] == "2027-01"


@pytest.mark.parametrize(
    ("minutes", "percent", "credit"),
    [(21.0, 0.0, 0.0), (22.0, 5.0, 45.0), (217.0, 15.0, 135.0), (900.0, 40.0, 360.0)],
)
def test_the_credit_follows_from_the_minutes_of_the_whole_month(minutes: float, percent: float, credit: float) -> None:
    facts = [stood(FIRST_S + 1_000.0, "down"), stood(FIRST_S + 1_000.0 + 60 * minutes, "healthy")]
    found = credit_of(NORTH, TERMS, facts, NEXT_S - 10.0)
    assert (found.down_s, found.percent, found.credit) == (60 * minutes, percent, credit)
    assert found.availability == pytest.approx(100.0 * (1 - minutes / (30 * 1_440)))
    assert found.claim_by_s == (NEXT_S + 30 * 86_400.0 if percent else None)


def test_what_is_down_counts_from_when_it_began_until_it_is_not_and_within_the_month() -> None:
    facts = [
        stood(FIRST_S - 100.0, "down", since_s=FIRST_S - 110.0),
        stood(FIRST_S - 90.0, "down"),  # more is known
        stood(FIRST_S + 60.0, "degraded"),
        stood(FIRST_S + 70.0, "down", "telephony/south"),
        stood(FIRST_S + 1_005.0, "down", since_s=FIRST_S + 1_000.0),
    ]
    assert down_spans(facts, NORTH, FIRST_S + 1_100.0) == [
        (FIRST_S - 110.0, FIRST_S + 60.0), (FIRST_S + 1_000.0, FIRST_S + 1_100.0),
    ]  # fmt: skip
    assert credit_of(NORTH, TERMS, facts, FIRST_S + 1_100.0).down_s == 160.0


def test_an_exercise_is_no_outage_of_the_carriers() -> None:
    facts = [stood(FIRST_S + 1_000.0, "down"), stood(FIRST_S + 4_000.0, "healthy")]
    exercises = [(FIRST_S + 900.0, FIRST_S + 2_000.0), (FIRST_S + 1_500.0, FIRST_S + 3_000.0)]
    assert joined(exercises) == [(FIRST_S + 900.0, FIRST_S + 3_000.0)]
    assert credit_of(NORTH, TERMS, facts, NEXT_S - 1.0, exercises).down_s == 1_000.0
    assert seconds_within([(0.0, 10.0)], (0.0, 10.0), [(0.0, 10.0)]) == 0.0
