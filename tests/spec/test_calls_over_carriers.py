"""Calls over several carriers: hedges, failover, who leads and who gives way (RFC 3261 §8.1.3, §9.1, §13.2.2.4)."""

import pytest

from keepline.call import effects as fx
from keepline.call.facts import CallAnswered, CallEnded
from keepline.call.facts.bid import BidAbandoned, BidDeclined, BidEnded, BidLed, BidPlaced
from keepline.model.limits_carriers import CALL_BIDS_MAX
from keepline.paths.delays import DELAYS_MIN, RINGING_S_MAX, SILENCE_S_MAX, SILENCE_S_MIN
from keepline.sip.message import Message, Request
from tests.spec.carriers_rig import HOSTS, CarriersPlacer
from tests.spec.placing_rig import answer_of, answered, callee_request, methods

BUSY = ("Reason", 'Q.850;cause=17;text="user busy"')
CONGESTED = ("Reason", "Q.850;cause=42")


def hedged() -> CarriersPlacer:
    """A call of which the first carrier says nothing, so that the second is asked too."""
    placer = CarriersPlacer()
    placer.place()
    placer.wait(SILENCE_S_MAX + 0.01)
    assert placer.facts_of()[-1].kind == BidPlaced.kind
    return placer


def kinds(placer: CarriersPlacer) -> list[str]:
    return [fact.kind.partition(".")[0] for fact in placer.facts_of()]


def test_one_that_answers_is_left_alone() -> None:
    placer = CarriersPlacer()
    invite = placer.place()
    placer.hear_of("first", answer_of(invite, 100))
    placer.hear_of("first", answer_of(invite, 180))
    placer.wait(20.0)
    assert methods(placer.hear_of("first", answered(invite))) == ["ACK"]
    assert set(placer.take_log()) == {"first INVITE", "callee ACK"}
    assert (placer.record().carrier, placer.record().outcome) == ("first", "")


def test_nothing_heard_the_next_is_asked_beside_it_and_the_first_that_rings_leads() -> None:
    placer = hedged()
    first, second = placer.invite_to("first"), placer.invite_to("second")
    assert first.call_id != second.call_id
    assert first.top_via.branch != second.top_via.branch
    assert (first.body, first.uri) == (second.body, "sip:+15550001@192.0.2.50")
    assert second.from_.uri == "sip:+18005550101@192.0.2.9", "each carrier's own caller id"
    placer.take_log()
    placer.hear_of("second", answer_of(second, 180))
    placer.wait(30.0)
    assert placer.take_log() == [], "what was abandoned is not sent again, and may not be cancelled yet (§9.1)"
    assert [fact.bid for fact in placer.facts if isinstance(fact, BidAbandoned)] == [0]
    assert methods(placer.hear_of("second", answered(second))) == ["ACK"]
    assert placer.record().carrier == "second"
    assert placer.record().media.codec


def test_rfc3261_9_1_a_loser_is_cancelled_at_its_first_provisional_answer() -> None:
    placer = hedged()
    first, second = placer.invite_to("first"), placer.invite_to("second")
    placer.hear_of("second", answer_of(second, 180))
    placer.take_log()
    [cancel] = placer.hear_of("first", answer_of(first, 100))
    assert (methods([cancel]), placer.take_log()) == (["CANCEL"], ["first CANCEL"])
    assert cancel.top_via.branch == first.top_via.branch
    placer.hear_of("second", answered(second))
    assert methods(placer.hear_of("first", answer_of(first, 487))) == ["ACK"]
    assert isinstance(placer.facts[-1], BidEnded)


def test_rfc3261_13_2_2_4_the_late_answer_of_a_loser_is_acknowledged_and_hung_up() -> None:
    placer = hedged()
    first, second = placer.invite_to("first"), placer.invite_to("second")
    placer.hear_of("second", answer_of(second, 180))
    placer.hear_of("second", answered(second))
    ack, bye = placer.hear_of("first", answered(first, tag="late"))
    assert methods([ack, bye]) == ["ACK", "BYE"]
    assert (ack.cseq.number, ack.call_id, bye.call_id) == (first.cseq.number, first.call_id, first.call_id)
    assert methods(placer.hear_of("first", answered(first, tag="late")))[:1] == ["ACK"], "every copy"
    assert sum(isinstance(fact, CallAnswered) for fact in placer.facts) == 1
    assert sum(isinstance(fact, BidDeclined) for fact in placer.facts) == 1
    assert placer.exchange.live_calls == 1


def test_the_first_may_win_though_the_second_was_asked() -> None:
    placer = hedged()
    first, second = placer.invite_to("first"), placer.invite_to("second")
    placer.hear_of("second", answer_of(second, 100))
    sent = placer.hear_of("first", answer_of(first, 180))
    assert methods(sent) == ["CANCEL"]
    assert sent[0].call_id == second.call_id
    assert methods(placer.hear_of("first", answered(first))) == ["ACK"]
    assert placer.record().carrier == "first"
    placer.hear_of("second", answer_of(second, 487))
    bye = placer.hear(callee_request(first, "BYE"))
    assert methods(bye) == ["200"]
    assert placer.record().ended_by == "callee"


def test_an_answer_without_ringing_leads() -> None:
    placer = hedged()
    second = placer.invite_to("second")
    assert methods(placer.hear_of("second", answered(second))) == ["ACK"]
    assert [fact.bid for fact in placer.facts if isinstance(fact, BidLed)] == [1]
    bye = placer.hear(callee_request(second, "BYE"))
    assert methods(bye) == ["200"], "the dialog is the second's"
    ended = placer.facts[-1]
    assert isinstance(ended, CallEnded)
    assert len(ended.unresolved) == 1
    [cancel] = placer.hear_of("first", answer_of(placer.invite_to("first"), 180))
    assert methods([cancel]) == ["CANCEL"], "the call is over, and nobody may be left ringing"


def test_100_and_no_ringing_the_next_is_asked_beside_it() -> None:
    placer = CarriersPlacer()
    first = placer.place()
    placer.hear_of("first", answer_of(first, 100))
    placer.wait(RINGING_S_MAX - 0.1)
    assert placer.take_log() == ["first INVITE"]
    placer.wait(0.2)
    second = placer.invite_to("second")
    sent = placer.hear_of("second", answer_of(second, 180))
    assert methods(sent) == ["CANCEL"], "it has answered 100, so it may be cancelled at once"
    placed = next(fact for fact in placer.facts if isinstance(fact, BidPlaced))
    assert placed.is_hedge
    assert placed.why.startswith("first: 100, then nothing, 6000 ms after the INVITE; second: ")


def test_a_carrier_that_is_out_is_followed_by_the_next_at_once() -> None:
    placer = CarriersPlacer("first", "second", "third")
    first = placer.place()
    assert methods(placer.hear_of("first", answer_of(first, 503))) == ["ACK", "INVITE"]
    assert methods(placer.hear_of("second", answer_of(placer.invite_to("second"), 500))) == ["ACK", "INVITE"]
    third = placer.invite_to("third")
    assert methods(placer.hear_of("third", answered(third))) == ["ACK"]
    assert placer.record().carrier == "third"
    ended = [fact for fact in placer.facts if isinstance(fact, BidEnded)]
    assert [(fact.status, fact.why) for fact in ended] == [
        (503, "the carrier's trouble: the carrier has failed"),
        (500, "the carrier's trouble: the carrier has failed"),
    ]


def test_where_every_carrier_is_out_the_last_answer_is_the_calls() -> None:
    placer = CarriersPlacer()
    first = placer.place()
    placer.hear_of("first", answer_of(first, 503))
    assert methods(placer.hear_of("second", answer_of(placer.invite_to("second"), 502))) == ["ACK"]
    record = placer.record()
    assert (record.state, record.outcome, record.sip_status) == ("ended", "failed", 502)


def test_a_carrier_that_only_gave_way_is_asked_again_where_the_winner_fails() -> None:
    placer = hedged()
    first, second = placer.invite_to("first"), placer.invite_to("second")
    placer.hear_of("second", answer_of(second, 100))
    placer.hear_of("first", answer_of(first, 180))
    placer.hear_of("second", answer_of(second, 487))
    assert methods(placer.hear_of("first", answer_of(first, 503))) == ["ACK", "INVITE"]
    again = placer.invite_to("second")
    assert again.call_id not in (first.call_id, second.call_id)
    assert methods(placer.hear_of("second", answered(again))) == ["ACK"]
    assert [each.carrier for each in placer.record().carriers] == ["first", "second", "second"]


def test_no_carrier_is_asked_twice_that_failed() -> None:
    placer = CarriersPlacer("first", "second", "third")
    placer.place()
    placer.wait(3.0)
    assert [fact.carrier for fact in placer.facts if isinstance(fact, BidPlaced)] == ["second", "third"]


def test_a_call_asks_so_many_carriers_and_no_more() -> None:
    placer = CarriersPlacer(*HOSTS)
    assert len(HOSTS) > CALL_BIDS_MAX
    placer.place()
    placer.wait(5.0)
    assert 1 + sum(isinstance(fact, BidPlaced) for fact in placer.facts) == CALL_BIDS_MAX


def test_the_callees_word_is_final() -> None:
    placer = CarriersPlacer()
    first = placer.place()
    assert methods(placer.hear_of("first", answer_of(first, 486, BUSY))) == ["ACK"]
    record = placer.record()
    assert (record.outcome, record.sip_status, record.carrier) == ("busy", 486, "first")
    assert kinds(placer) == ["call_placed", "call_refused", "call_ended"]


def test_the_callees_word_ends_the_others_too() -> None:
    placer = hedged()
    first, second = placer.invite_to("first"), placer.invite_to("second")
    assert methods(placer.hear_of("second", answer_of(second, 603))) == ["ACK"]
    assert placer.record().sip_status == 603
    [cancel] = placer.hear_of("first", answer_of(first, 100))
    assert methods([cancel]) == ["CANCEL"]
    assert methods(placer.hear_of("first", answered(first)))[:2] == ["ACK", "BYE"]


def test_486_may_be_our_own_echo_while_another_is_alive() -> None:
    placer = hedged()
    first, second = placer.invite_to("first"), placer.invite_to("second")
    assert methods(placer.hear_of("second", answer_of(second, 486))) == ["ACK"]
    assert placer.record().state != "ended", "the callee may be busy with the first carrier's call"
    placer.hear_of("first", answer_of(first, 180))
    placer.wait(10.0)
    assert methods(placer.hear_of("first", answered(first))) == ["ACK"]
    assert (placer.record().carrier, placer.record().sip_status) == ("first", 200)


@pytest.mark.parametrize("status", [486, 600, 482])
def test_what_may_be_an_echo_is_final_once_nothing_comes_of_the_others(status: int) -> None:
    placer = hedged()
    placer.hear_of("second", answer_of(placer.invite_to("second"), status))
    placer.wait(0.45)
    assert placer.record().state != "ended", "the first may have lost its answers, and says them again"
    placer.wait(0.1)
    assert (placer.record().state, placer.record().sip_status) == ("ended", status)


def test_busy_is_late_by_half_a_second_at_most_where_a_carrier_is_dead() -> None:
    placer = hedged()
    placer.hear_of("second", answer_of(placer.invite_to("second"), 100))
    placer.wait(0.4)
    placer.hear_of("second", answer_of(placer.invite_to("second"), 486))
    placer.wait(0.1)
    assert (placer.record().state, placer.record().sip_status) == ("ended", 486)


def test_nobody_waits_for_the_echo_of_a_carrier_that_is_known_to_be_down() -> None:
    placer = CarriersPlacer()
    for index in range(5):
        first = placer.place(call=f"00000000000000b{index}")
        placer.hear_of("first", answer_of(first, 503))
        placer.hear_of("second", answer_of(placer.invite_to("second"), 603))
        placer.take_log()
        placer.wait(1.0)
    placer.wait(11.0)
    placer.place(call="00000000000000bf")
    assert placer.take_log()[:1] == ["first INVITE"], "its turn to show that it is back"
    placer.wait(SILENCE_S_MAX + 0.01)
    placer.hear_of("second", answer_of(placer.invite_to("second"), 486))
    placer.wait(0.001)
    record = placer.record("00000000000000bf")
    assert (record.state, record.sip_status) == ("ended", 486)


def test_busy_beside_a_carrier_that_fails_is_busy() -> None:
    placer = CarriersPlacer("first", "second", "third")
    placer.place()
    placer.wait(SILENCE_S_MAX + 0.01)
    first, second = placer.invite_to("first"), placer.invite_to("second")
    placer.hear_of("second", answer_of(second, 486))
    assert methods(placer.hear_of("first", answer_of(first, 503))) == ["ACK"], "the third is not asked: it is busy"
    assert (placer.record().outcome, placer.record().sip_status) == ("busy", 486)


def test_q850_makes_a_busy_the_carriers() -> None:
    placer = CarriersPlacer()
    first = placer.place()
    assert methods(placer.hear_of("first", answer_of(first, 486, CONGESTED))) == ["ACK", "INVITE"]


def test_giving_up_takes_back_all_of_them() -> None:
    placer = hedged()
    first, second = placer.invite_to("first"), placer.invite_to("second")
    placer.hear_of("second", answer_of(second, 100))
    sent = placer.tell(fx.HangUpAll("stopping"))
    assert methods(sent) == ["CANCEL"]
    assert methods(placer.hear_of("first", answer_of(first, 180))) == ["CANCEL"]
    assert methods(placer.hear_of("first", answer_of(first, 487))) == ["ACK"]
    assert methods(placer.hear_of("second", answer_of(second, 487))) == ["ACK"]
    assert (placer.record().state, placer.record().outcome) == ("ended", "cancelled")


def test_it_rings_no_longer_than_asked_for_over_all_carriers_together() -> None:
    placer = CarriersPlacer()
    placer.place(ring_timeout_s=3.0)
    placer.wait(1.0)
    placer.hear_of("second", answer_of(placer.invite_to("second"), 180))
    [cancel] = placer.wait(2.1)
    assert methods([cancel]) == ["CANCEL"]


def test_a_call_that_names_its_trunk_goes_by_that_alone() -> None:
    placer = CarriersPlacer()
    first = placer.place(trunk="second")
    assert placer.take_log() == ["second INVITE"]
    assert methods(placer.hear_of("second", answer_of(first, 503))) == ["ACK"]
    assert placer.record().state == "ended"


def alone_and_quick() -> tuple[CarriersPlacer, Request]:
    """The only carrier has always answered at once; now a call is placed, by this INVITE."""
    placer = CarriersPlacer("first", slots=DELAYS_MIN + 1)
    for _ in range(DELAYS_MIN):
        placer.hear_of("first", answer_of(placer.place(), 100))
    invite = placer.place()
    placer.take_log()
    return placer, invite


def test_an_invite_that_may_be_lost_goes_out_once_more_where_nobody_else_can_be_asked() -> None:
    """Sooner than timer A, which goes on by itself (RFC 3261 §17.1.1.2)."""
    placer, _ = alone_and_quick()
    placer.wait(SILENCE_S_MIN + 0.01)
    assert placer.take_log() == ["first INVITE"]
    placer.wait(0.35)
    assert placer.take_log() == []
    placer.wait(0.1)
    assert placer.take_log() == ["first INVITE"]


def test_of_a_carrier_that_has_said_100_nothing_is_lost() -> None:
    placer, invite = alone_and_quick()
    placer.hear_of("first", answer_of(invite, 100))
    placer.wait(SILENCE_S_MIN + 0.01)
    assert placer.take_log() == []


def test_who_is_not_known_to_be_quick_is_sent_what_timer_a_sends() -> None:
    placer = CarriersPlacer("first")
    placer.place()
    placer.take_log()
    placer.wait(SILENCE_S_MAX + 0.01)
    assert placer.take_log() == ["first INVITE"]


# After a death --------------------------------------------------------------------------------------------------------


def branches(messages: list[Message]) -> list[tuple[str, str | None]]:
    return [(method, each.top_via.branch) for method, each in zip(methods(messages), messages, strict=True)]


def test_a_successor_sends_both_invites_again_and_no_third() -> None:
    placer = hedged()
    first, second = placer.invite_to("first"), placer.invite_to("second")
    sent = placer.crash()
    assert sorted(branches(sent)) == sorted([("INVITE", first.top_via.branch), ("INVITE", second.top_via.branch)])
    placer.hear_of("second", answer_of(second, 180))
    assert methods(placer.hear_of("first", answer_of(first, 180))) == ["CANCEL"]
    assert methods(placer.hear_of("second", answered(second))) == ["ACK"]


def test_a_successor_leaves_abandoned_what_was_abandoned() -> None:
    placer = hedged()
    first, second = placer.invite_to("first"), placer.invite_to("second")
    placer.hear_of("second", answer_of(second, 180))
    assert branches(placer.crash()) == [("INVITE", second.top_via.branch)], "the first is not sent again"
    assert methods(placer.hear_of("first", answer_of(first, 180))) == ["CANCEL"]
    assert branches(placer.crash()) == [
        ("CANCEL", first.top_via.branch),
        ("INVITE", second.top_via.branch),
    ]
    assert methods(placer.hear_of("first", answered(first, tag="late"))) == ["ACK", "BYE"]
    assert methods(placer.hear_of("second", answered(second))) == ["ACK"]


def test_a_successor_chases_what_a_call_that_is_over_left_behind() -> None:
    placer = hedged()
    first, second = placer.invite_to("first"), placer.invite_to("second")
    placer.hear_of("second", answered(second))
    placer.hear(callee_request(second, "BYE"))
    assert isinstance(placer.facts[-1], CallEnded)
    assert placer.crash() == []
    assert methods(placer.hear_of("first", answer_of(first, 180))) == ["CANCEL"]
    assert methods(placer.hear_of("first", answered(first))) == ["ACK", "BYE"]
    assert methods(placer.hear_of("second", answered(second))) == ["ACK"], "a copy of the answer that was taken"


def test_a_successor_knows_what_is_held() -> None:
    placer = hedged()
    placer.hear_of("second", answer_of(placer.invite_to("second"), 486))
    placer.crash()
    placer.wait(2.1)
    assert (placer.record().state, placer.record().outcome) == ("ended", "busy")


# How carriers are -----------------------------------------------------------------------------------------------------


def evidence(placer: CarriersPlacer, name: str) -> tuple[str, str]:
    view = placer.exchange.switchboard.carriers.view(name, placer.now_s)
    return view.condition.value, view.evidence


def test_200_but_no_audio_is_the_carriers_failure() -> None:
    placer = CarriersPlacer()
    for number, heard in enumerate((0, 500)):
        placer._media_closes = False
        first = placer.place(call=f"00000000000000a{number}")
        placer.hear_of("first", answered(first))
        placer.hear(callee_request(first, "BYE"))
        placer.tell(fx.MediaStopped(f"00000000000000a{number}", packets_sent=500, packets_received=heard))
    assert evidence(placer, "first") == ("healthy", "1 of the last 3 INVITEs answered without audio")
