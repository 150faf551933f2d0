"""What is placed and what is not: mistakes have no record, what may not or cannot be placed has one; and the bounds."""

import pytest

from keepline.call import effects as fx
from keepline.call.facts import CallProgressed, CallRetried, ForkAnswered
from keepline.call.outbound.placing import mistake_in
from keepline.model.limits import (
    CALL_ATTEMPTS_MAX,
    CALL_PROGRESS_MAX,
    CALL_VARIABLES_CHARS_MAX,
    FORKS_MAX,
    RING_TIMEOUT_S_MAX,
)
from tests.spec.placing_rig import PROXY, Placer, answer_of, answered, methods

ID = "0123456789abcdef"


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (fx.PlaceCall("12 34", "listen"), "is not a number"),
        (fx.PlaceCall("", "listen"), "is not a number"),
        (fx.PlaceCall("+15550001@evil", "listen"), "is not a number"),
        (fx.PlaceCall("1000", "listen", from_number="a b"), "not a number to call from"),
        (fx.PlaceCall("1000", "nowhere"), "has no flow 'nowhere'; it has greet, hand_over, listen"),
        (fx.PlaceCall("1000", ""), "has no flow ''"),
        (fx.PlaceCall("1000", "listen", call="xyz"), "16 hex digits"),
        (fx.PlaceCall("1000", "listen", trunk="other"), "has no trunk 'other'"),
        (fx.PlaceCall("1000", "listen", variables=(("a b", "1"),)), "not a variable's name"),
        (fx.PlaceCall("1000", "listen", ring_timeout_s=0.0), "a call rings"),
        (fx.PlaceCall("1000", "listen", ring_timeout_s=RING_TIMEOUT_S_MAX + 1), "a call rings"),
        (fx.PlaceCall("1000", "listen", variables=(("a", "x" * CALL_VARIABLES_CHARS_MAX),)), "at most"),
    ],
)
def test_a_mistake_is_told_and_leaves_no_record(wanted: fx.PlaceCall, why: str) -> None:
    placer = Placer()
    assert placer.step(wanted) == []
    [answer] = placer.answers
    assert why in answer.mistake
    assert placer.facts == []
    assert placer.exchange.live_calls == 0


def test_what_is_within_the_bounds_is_no_mistake() -> None:
    placer = Placer()
    text = "x" * (CALL_VARIABLES_CHARS_MAX - len('{"a": ""}'))
    wanted = fx.PlaceCall("1000", "listen", ring_timeout_s=RING_TIMEOUT_S_MAX, variables=(("a", text),))
    assert mistake_in(wanted, placer.operation) == ""


def test_without_a_trunk_that_takes_calls() -> None:
    placer = Placer()
    placer.exchange.add_program(Placer(places=False).program, current=True)
    placer.step(fx.PlaceCall("1000", "listen"))
    assert "no trunk places calls" in placer.answers[-1].mistake
    placer.step(fx.PlaceCall("1000", "listen", trunk="carrier"))
    assert "the trunk 'carrier' does not place calls" in placer.answers[-1].mistake


def refused(placer: Placer, why: str, live: int = 0) -> None:
    assert placer.step(fx.PlaceCall("1000", "listen")) == []
    record = placer.record()
    assert (record.outcome, record.ended_by, record.sip_status) == ("refused", "node", None)
    assert why in record.reason
    assert placer.answers[-1] == fx.PlacementAnswered(record.id)
    assert placer.exchange.live_calls == len(placer.exchange.by_dialog) == live


def test_a_node_that_stops_places_no_call() -> None:
    placer = Placer()
    placer.step(fx.Drain())
    refused(placer, "stopping")


def test_while_too_much_waits_for_the_disk_no_call_is_placed() -> None:
    placer = Placer()
    placer.exchange.is_unrecorded = True
    refused(placer, "too much waits for the disk")


def test_without_a_free_slot_no_call_is_placed() -> None:
    placer = Placer(slots=1)
    placer.place()
    refused(placer, "every media slot is taken", live=1)
    assert list(placer.exchange.slots.free) == []


def test_a_proxy_that_is_a_name_must_have_been_located() -> None:
    placer = Placer(proxy_host="sip.example.net", proxy_port=0)
    refused(placer, "could not be located")
    placer.exchange.targets = {"carrier": (PROXY,)}
    assert placer.place().uri == "sip:+15550001@sip.example.net"
    assert placer.peers == [PROXY]


def test_one_id_is_placed_once() -> None:
    placer = Placer()
    placer.place(call=ID)
    assert placer.step(fx.PlaceCall("+15550001", "listen", call=ID)) == []
    assert placer.answers == [fx.PlacementAnswered(ID)] * 2
    assert placer.exchange.live_calls == 1


def test_the_next_target_is_tried_and_they_come_to_an_end() -> None:
    placer = Placer(proxy_host="sip.example.net")
    targets = tuple((f"192.0.2.{host}", 5060) for host in range(100, 120))
    placer.exchange.targets = {"carrier": targets}
    invite = placer.place()
    for number in range(1, CALL_ATTEMPTS_MAX):
        ack, invite = placer.hear(answer_of(invite, 503))  # type: ignore[assignment]
        assert methods([ack, invite]) == ["ACK", "INVITE"]
        assert invite.cseq.number == number + 1
        assert placer.peers[-1] == targets[number]
    assert methods(placer.hear(answer_of(invite, 503))) == ["ACK"]
    assert sum(isinstance(fact, CallRetried) for fact in placer.facts) == CALL_ATTEMPTS_MAX - 1
    record = placer.record()
    assert (record.outcome, record.sip_status, record.attempts) == ("failed", 503, CALL_ATTEMPTS_MAX)


def test_provisional_answers_on_record_are_bounded() -> None:
    placer = Placer()
    invite = placer.place()
    for number in range(CALL_PROGRESS_MAX + 5):
        placer.hear(answer_of(invite, 180 + number % 2))
    assert sum(isinstance(fact, CallProgressed) for fact in placer.facts) == CALL_PROGRESS_MAX


def test_forks_on_record_are_bounded_and_all_are_hung_up() -> None:
    placer = Placer()
    invite, _ = placer.connect()
    for number in range(FORKS_MAX + 3):
        assert methods(placer.hear(answered(invite, tag=f"fork{number}"))) == ["ACK", "BYE"]
    assert sum(isinstance(fact, ForkAnswered) for fact in placer.facts) == FORKS_MAX
