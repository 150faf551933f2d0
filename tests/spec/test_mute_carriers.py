"""A carrier of which nothing is heard any more is told from one that has lost a packet."""

import pytest

from keepline.sip.message import Request
from tests.spec.carriers_rig import CarriersPlacer
from tests.spec.placing_rig import answer_of
from tests.spec.test_probed_carriers import standing

ROUND_TRIP_S, BETWEEN_S, SILENCE_S = 0.004, 0.02, 0.1
KNOWN_BY = 20


def known() -> CarriersPlacer:
    """Both carriers answer at once, and the first one's figures are known."""
    placer = CarriersPlacer(slots=100)
    for number in range(KNOWN_BY):
        ring(placer, placer.place(call=f"{number:016x}"), 603)
    placer.take_log()
    return placer


def ring(placer: CarriersPlacer, invite: Request, last: int = 0) -> None:
    placer.wait(ROUND_TRIP_S)
    for status in (100, 180, *([last] if last else [])):
        placer.hear_of("first", answer_of(invite, status))


def test_who_waits_for_a_dead_carrier_asks_the_next_as_soon_as_one_of_them_has_waited_for_long() -> None:
    placer = known()
    tried = placer.place(call="a" * 16)
    placer.hear_of("first", answer_of(tried, 100))
    for number in range(5):
        placer.place(call=f"b{number:015x}")
        placer.wait(BETWEEN_S)
    assert placer.take_log().count("second INVITE") == 0
    placer.wait(0.001)
    assert placer.take_log().count("second INVITE") == 6, "that of which only 100 was heard, too"
    found = standing(placer, "first")
    assert (found["condition"], found["breaker"]) == ("down", "open")
    assert "unanswered" not in str(standing(placer, "second")["evidence"])
    placer.place(call="c" * 16)
    assert placer.take_log() == ["second INVITE"]


def test_a_lost_packet_is_one_failure_while_others_are_answered() -> None:
    placer = known()
    placer.place(call="a" * 16)
    for number in range(6):
        placer.wait(BETWEEN_S - ROUND_TRIP_S)
        invite = placer.place(call=f"b{number:015x}")
        if number < 3:
            ring(placer, invite)
        else:
            placer.wait(ROUND_TRIP_S)
    assert placer.take_log().count("second INVITE") == 1
    found = standing(placer, "first")
    assert (found["condition"], found["breaker"]) == ("healthy", "closed")
    assert str(found["evidence"]).startswith("1 of the last 10 INVITEs")


@pytest.mark.parametrize("word", [486, 503])
def test_a_refusal_is_a_sign_of_life(word: int) -> None:
    placer = known()
    placer.place(call="a" * 16)
    placer.wait(BETWEEN_S)
    placer.hear_of("first", answer_of(placer.place(call="b" * 16), word))
    placer.wait(SILENCE_S)
    assert standing(placer, "first")["breaker"] == "closed"
