"""The phone's call against a peer written out by hand, on a clock of our own."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.model.errors import LocalError
from keepline.model.ids import IdSource
from keepline.phone.call import (
    IGNORED,
    TABLE,
    Answered,
    Effect,
    Ended,
    Ending,
    Event,
    Line,
    PhoneCall,
    Ringing,
    Send,
    State,
)
from keepline.sip.message import Request, Response, make_response, parse_message
from keepline.sip.sdp import make_offer
from keepline.sip.values import parse_uri

PEER = ("127.0.0.1", 5060)
LINE = Line(parse_uri("sip:1000@127.0.0.1:5060"), PEER, ("127.0.0.1", 6000), ("127.0.0.1", 6002))
SDP = make_offer(local_host="127.0.0.1", local_port=40_000, session_id=1, version=1, codecs=("PCMA",))
CONTACT = ("Contact", "<sip:1000@127.0.0.1:5070>")


class World:
    """A call, what it sent, and what it told."""

    def __init__(self) -> None:
        self.call = PhoneCall(LINE, IdSource(b"seed"))
        self.now_s = 0.0
        self.sent: list[Request | Response] = []
        self.hops: list[tuple[str, int]] = []
        self.told: list[Effect] = []
        self.take(self.call.dial(0.0))

    def take(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.sent.append(parse_message(effect.data))
                self.hops.append(effect.peer)
            else:
                self.told.append(effect)

    def answer(self, status: int, *, body: bytes = b"", headers: Iterable[tuple[str, str]] = (CONTACT,)) -> None:
        response = make_response(self.invite, status, to_tag="them", headers=headers, body=body)
        self.hear(response)

    def hear(self, message: Request | Response) -> None:
        self.take(self.call.receive(self.now_s, message.encode(), PEER))

    def wait(self, seconds: float) -> None:
        """Let the time pass, timers firing when they are due."""
        end_s = self.now_s + seconds
        while (due_s := self.call.deadline_s) is not None and due_s <= end_s:
            self.now_s = due_s
            self.take(self.call.fire(due_s))
        self.now_s = end_s

    def hang_up(self) -> None:
        self.take(self.call.hang_up(self.now_s))

    @property
    def invite(self) -> Request:
        assert isinstance(self.sent[0], Request)
        return self.sent[0]

    def methods(self) -> list[str]:
        return [message.method if isinstance(message, Request) else str(message.status) for message in self.sent]

    def last_request(self, method: str) -> Request:
        return next(m for m in reversed(self.sent) if isinstance(m, Request) and m.method == method)

    def request_from_peer(self, method: str, cseq: int = 7) -> Request:
        lines = [
            f"{method} sip:phone@127.0.0.1:6000 SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{method}{cseq}",
            f"From: {self.invite.headers.get('To')};tag=them", f"To: {self.invite.headers.get('From')}",
            f"Call-ID: {self.invite.call_id}", f"CSeq: {cseq} {method}", "Max-Forwards: 70",
        ]  # fmt: skip
        message = parse_message(("\r\n".join(lines) + "\r\n\r\n").encode())
        assert isinstance(message, Request)
        return message


@pytest.fixture
def world() -> World:
    return World()


def answered(world: World) -> World:
    world.answer(200, body=SDP)
    return world


def test_a_call_from_dialling_to_the_other_sides_bye(world: World) -> None:
    world.answer(100)
    world.answer(180)
    world.answer(200, body=SDP)
    world.hear(world.request_from_peer("BYE"))
    assert world.methods() == ["INVITE", "ACK", "200"]
    assert world.hops[1] == ("127.0.0.1", 5070)  # The ACK goes to the Contact of the answer.
    ringing, talking, ended = world.told
    assert ringing == Ringing(180, "Ringing")
    assert isinstance(talking, Answered)
    assert (talking.answer.codec, talking.answer.payload_type, talking.answer.dtmf_payload_type) == ("PCMA", 8, 101)
    assert (talking.answer.remote_host, talking.answer.remote_port) == ("127.0.0.1", 40_000)
    assert ended == Ended(Ending.BY_PEER)
    assert world.call.state is State.ENDED


def test_the_invite_is_complete(world: World) -> None:
    assert world.invite.uri == "sip:1000@127.0.0.1:5060"
    assert {"Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Contact", "Allow", "Content-Type"} <= {
        name for name, _ in world.invite.headers.items()
    }
    assert b"m=audio 6002 RTP/AVP 0 8 101" in world.invite.body


def test_we_hang_up_with_bye(world: World) -> None:
    answered(world).hang_up()
    bye = world.last_request("BYE")
    assert bye.cseq.number == 2
    assert bye.to.tag == "them"
    world.hear(make_response(bye, 200))
    assert world.told[-1] == Ended(Ending.BY_US)


def test_a_bye_that_is_refused_ends_the_call_all_the_same(world: World) -> None:
    answered(world).hang_up()
    world.hear(make_response(world.last_request("BYE"), 481))
    assert world.told[-1] == Ended(Ending.BY_US)


def test_a_bye_that_nobody_answers_is_sent_again_and_given_up(world: World) -> None:
    answered(world).hang_up()
    world.wait(40)
    assert world.methods().count("BYE") > 5
    assert world.told[-1] == Ended(Ending.BYE_UNANSWERED)


def test_both_hang_up_at_once(world: World) -> None:
    answered(world).hang_up()
    world.hear(world.request_from_peer("BYE"))
    assert world.told[-1] == Ended(Ending.BY_US)
    assert world.methods()[-1] == "200"


def test_rfc3261_13_2_2_4_every_copy_of_the_200_gets_the_same_ack(world: World) -> None:
    answered(world)
    answered(world)
    acks = [message for message in world.sent if isinstance(message, Request) and message.method == "ACK"]
    assert len(acks) == 2
    assert acks[0].encode() == acks[1].encode()
    assert len(world.told) == 1


@pytest.mark.parametrize("status", [302, 404, 486, 503, 603])
def test_a_refusal_is_acknowledged_and_told(world: World, status: int) -> None:
    world.answer(status)
    assert world.methods() == ["INVITE", "ACK"]
    ended = world.told[-1]
    assert isinstance(ended, Ended)
    assert (ended.ending, ended.status) == (Ending.REFUSED, status)
    assert ended.reason


def test_nobody_answers(world: World) -> None:
    world.wait(40)
    assert world.methods() == ["INVITE"] * 7
    assert world.told == [Ended(Ending.UNANSWERED)]


def test_an_address_that_refuses_is_told_at_once(world: World) -> None:
    world.take(world.call.transport_failed(0.1, "Connection refused"))
    assert world.told == [Ended(Ending.UNREACHABLE)]


def test_rfc3261_9_1_cancel_waits_for_a_provisional_answer(world: World) -> None:
    world.hang_up()
    assert world.methods() == ["INVITE"]
    world.answer(180)
    assert world.methods() == ["INVITE", "CANCEL"]
    cancel = world.last_request("CANCEL")
    assert cancel.top_via.branch == world.invite.top_via.branch
    world.answer(183)
    assert world.methods().count("CANCEL") == 1
    world.hear(make_response(cancel, 200))
    world.answer(487)
    assert world.methods() == ["INVITE", "CANCEL", "ACK"]
    assert world.told == [Ended(Ending.CANCELLED)]


def test_giving_up_on_the_dead_ends_with_the_transaction(world: World) -> None:
    world.hang_up()
    world.wait(40)
    assert world.told == [Ended(Ending.CANCELLED)]


def test_an_answer_that_crosses_the_cancel_is_hung_up(world: World) -> None:
    world.answer(180)
    world.hang_up()
    answered(world)
    assert world.methods() == ["INVITE", "CANCEL", "ACK", "BYE"]
    world.hear(make_response(world.last_request("BYE"), 200))
    assert world.told == [Ringing(180, "Ringing"), Ended(Ending.BY_US)]


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", SDP.replace(b"RTP/AVP 8", b"RTP/AVP 3").replace(b":8 PCMA", b":3 GSM")]
)
def test_an_answer_without_audio_of_ours_is_hung_up_with_its_reason(world: World, body: bytes) -> None:
    world.answer(200, body=body)
    assert world.methods() == ["INVITE", "ACK", "BYE"]
    world.hear(make_response(world.last_request("BYE"), 200))
    ended = world.told[-1]
    assert isinstance(ended, Ended)
    assert ended.ending is Ending.NO_COMMON_CODEC
    assert ended.reason


@pytest.mark.parametrize(
    "headers", [(), (("Contact", "not a uri"),), (CONTACT, CONTACT), (CONTACT, ("Record-Route", "nonsense"))]
)
def test_an_answer_without_a_usable_contact_or_route_is_still_acknowledged(
    world: World, headers: tuple[tuple[str, str], ...]
) -> None:
    world.answer(200, body=SDP, headers=headers)
    assert world.methods() == ["INVITE", "ACK"]
    assert world.hops[-1] == PEER


def test_a_contact_with_a_name_stays_with_the_first_hop(world: World) -> None:
    world.answer(200, body=SDP, headers=[("Contact", "<sip:gw.example.net>")])
    assert world.last_request("ACK").uri == "sip:gw.example.net"
    assert world.hops[-1] == PEER


@pytest.mark.parametrize(
    ("method", "status"), [("OPTIONS", "200"), ("INVITE", "488"), ("INFO", "405"), ("CANCEL", "481"), ("REFER", "405")]
)
def test_what_a_peer_may_ask_of_a_phone_in_a_call(world: World, method: str, status: str) -> None:
    answered(world).hear(world.request_from_peer(method))
    assert world.methods()[-1] == status
    assert world.call.state is State.TALKING


def test_a_bye_of_another_dialog_is_481_and_ends_nothing(world: World) -> None:
    bye = answered(world).request_from_peer("BYE")
    bye.headers.set("Call-ID", "another")
    world.hear(bye)
    assert world.methods()[-1] == "481"
    assert world.call.state is State.TALKING


def test_a_bye_before_the_answer_is_481(world: World) -> None:
    world.hear(world.request_from_peer("BYE"))
    assert world.methods()[-1] == "481"


def test_answers_of_other_transactions_are_dropped(world: World) -> None:
    response = make_response(world.invite, 200, to_tag="them", body=SDP)
    response.headers.set("Via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKother")
    world.hear(response)
    assert world.told == []


@given(data=st.binary(max_size=300))
def test_any_datagram_does_no_harm(data: bytes) -> None:
    world = answered(World())
    world.take(world.call.receive(0.0, data, PEER))
    world.take(world.call.receive(0.0, b"SIP/2.0 200 OK\r\n" + data, PEER))
    assert world.call.state is State.TALKING


def test_every_pair_is_in_the_table_or_cannot_be(world: World) -> None:
    assert not IGNORED & set(TABLE)
    reached = {state for state, _ in TABLE.values()} | {State.IDLE}
    assert reached == set(State)
    with pytest.raises(LocalError, match="met: dial"):
        world.call.dial(0.0)


def test_hanging_up_is_harmless_in_every_state() -> None:
    assert all((state, Event.HANG_UP) in IGNORED | set(TABLE) for state in State)
