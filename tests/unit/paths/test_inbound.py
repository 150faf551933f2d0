"""Whether a carrier still brings calls: reach and arrivals, every pair of them, and what each is made of."""

from itertools import product

import pytest

from keepline.paths.inbound import JUDGED, Arrivals, Inbound, InboundHealth, Reach

SILENT_S = 30.0


def busy(every_s: float = 0.5, calls: int = 40) -> tuple[InboundHealth, float]:
    """A carrier that has brought calls, and when the last one was."""
    health = InboundHealth()
    for number in range(calls):
        health.arrived(number * every_s)
    return health, (calls - 1) * every_s


def test_every_pair_is_judged() -> None:
    assert set(JUDGED) == set(product(Reach, Arrivals))
    assert [pair for pair, found in JUDGED.items() if found is Inbound.DEAD] == [(Reach.FAILS, Arrivals.MISSING)]


def test_nothing_is_known_at_first() -> None:
    view = InboundHealth().view(5.0, SILENT_S)
    assert (view.inbound, view.evidence) == (Inbound.UNKNOWN, "not heard of yet")


def test_what_is_usual_is_known_after_ten_calls() -> None:
    health, _ = busy(calls=9)
    assert health.missing_after_s is None
    health.arrived(4.5)
    assert health.missing_after_s == pytest.approx(5.0)


def test_a_call_a_minute_or_less_is_rare() -> None:
    assert busy(every_s=59.0)[0].missing_after_s == pytest.approx(590.0)
    assert busy(every_s=61.0)[0].missing_after_s is None


def test_calls_are_missing_after_ten_gaps_and_no_sooner_than_a_second() -> None:
    health, last_s = busy(every_s=0.5)
    assert health.arrivals(last_s + 4.9) is Arrivals.ARRIVING
    assert health.arrivals(last_s + 5.1) is Arrivals.MISSING
    health, last_s = busy(every_s=0.01)
    assert health.arrivals(last_s + 0.9) is Arrivals.ARRIVING


def test_a_quiet_hour_becomes_usual() -> None:
    health, last_s = busy()
    assert health.view(last_s + 60.0, SILENT_S).inbound is Inbound.SUSPECT
    assert health.view(last_s + 1_801.0, SILENT_S).inbound is Inbound.ALIVE
    for _ in range(2):
        health.failed(last_s + 1_900.0, "OPTIONS unanswered")
    assert health.view(last_s + 1_900.0, SILENT_S).inbound is Inbound.SUSPECT, "no calls are expected any more"


def test_missing_and_out_of_reach_is_dead_at_once_and_stays_so() -> None:
    health, last_s = busy()
    health.failed(last_s + 6.0, "OPTIONS unanswered")
    assert health.view(last_s + 6.0, SILENT_S).inbound is Inbound.SUSPECT
    health.failed(last_s + 7.0, "OPTIONS unanswered")
    view = health.view(last_s + 7.0, SILENT_S)
    assert (view.inbound, view.since_s) == (Inbound.DEAD, last_s + 7.0)
    assert view.evidence == "out of reach for 1 s (OPTIONS unanswered), no call for 7.0 s, where one came every 0.5 s"
    assert health.view(last_s + 10_000.0, SILENT_S).inbound is Inbound.DEAD


def test_out_of_reach_alone_is_dead_after_a_while() -> None:
    health = InboundHealth()
    health.failed(1.0, "OPTIONS answered 503")
    health.failed(2.0, "OPTIONS answered 503")
    assert health.view(30.9, SILENT_S).inbound is Inbound.SUSPECT
    assert health.view(31.0, SILENT_S).inbound is Inbound.DEAD


def test_each_of_its_addresses_is_asked_before_it_is_out_of_reach() -> None:
    health = InboundHealth(addresses=3)
    for at_s in (1.0, 2.0):
        health.failed(at_s, "OPTIONS unanswered")
    assert health.reach is Reach.UNKNOWN
    health.failed(3.0, "OPTIONS unanswered")
    assert health.reach is Reach.FAILS


def test_a_word_of_it_ends_all_doubt_and_a_call_is_one() -> None:
    health = InboundHealth()
    for _ in range(3):
        health.failed(1.0, "OPTIONS unanswered")
    health.heard(2.0)
    assert (health.reach, health.is_in_doubt(2.0)) == (Reach.ANSWERS, False)
    health.failed(3.0, "OPTIONS unanswered")
    assert health.is_in_doubt(3.0)
    health.arrived(4.0)
    assert not health.is_in_doubt(4.0)


def test_half_of_the_time_without_a_call_is_reason_to_ask() -> None:
    health, last_s = busy(every_s=0.5)
    assert not health.is_in_doubt(last_s + 2.4)
    assert health.is_in_doubt(last_s + 2.6)
    health.expect_none()
    assert not health.is_in_doubt(last_s + 100.0)
