"""RFC 3261 §8.2.7: refusals without a memory, and new calls of which no more is read than their refusal takes."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.call import effects as fx
from keepline.call.facts import CallEnded
from keepline.model.limits import (
    SHED_REMEMBERED_MAX,
    SHED_REMEMBERED_S,
    SIP_HEADERS_MAX,
    SIP_MESSAGE_BYTES_MAX,
    SIP_WAIT_S_MAX,
    STRANGER_ANSWERS_PER_S_MAX,
)
from keepline.sip.first_look import STATELESS_TAG, acknowledges_stateless, read_new_call
from keepline.sip.message import Response, parse_message
from tests.fuzz.targets import TORTURE, WORDS, message_seeds, read_new_call_alike
from tests.spec.exchange_rig import STRANGER, Rig, invite, read_response
from tests.spec.sip_messages import PEER, SDP, wire
from tests.spec.users_rig import rig_with_users

LATE_S = SIP_WAIT_S_MAX + 0.01


def way(number: int) -> str:
    return f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-late{number}"


def late(rig: Rig, data: bytes, source: fx.Address = PEER) -> list[bytes]:
    return rig.step(fx.DatagramReceived(data, source, LATE_S))


def shed(rig: Rig, data: bytes) -> Response:
    (answer,) = late(rig, data)
    return read_response(answer)


# What is read ------------------------------------------------------------------------------------------------------

PLAIN = {
    "usual": wire(body=SDP),
    "rport": wire(Via="SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK1"),
    "another host": wire(Via="SIP/2.0/UDP pc33.atlanta.example.com;branch=z9hG4bK1"),
    "received": wire(Via="SIP/2.0/UDP 192.0.2.1;received=10.0.0.1;branch=z9hG4bK1"),
    "maddr": wire(Via="SIP/2.0/UDP 192.0.2.1;maddr=192.0.2.7;branch=z9hG4bK1"),
    "ipv6": wire(Via="SIP/2.0/UDP [2001:db8::1]:5061;branch=z9hG4bK1"),
    "vias": wire("INVITE", "v: SIP/2.0/UDP p2.example.com;branch=z9hG4bK3", "Via: SIP/2.0/TCP p3.example.com;branch=4"),
    "vias in a line": wire(Via="SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK1 , SIP/2.0/UDP p2.example.com;branch=2"),
    "compact": wire("INVITE", "t: <sip:a@b>", "F:sip:c@d;tag=1", "i: x", "v: SIP/2.0/UDP h;branch=z9hG4bK1",
                    "m: <sip:c@d>", without=("To", "From", "Call-ID", "Via", "Contact")),
    "lower case": wire().replace(b"Call-ID", b"call-id").replace(b"CSeq", b"cseq").replace(b"Via", b"VIA"),
    "names": wire(From='"A, \'B\'" <sip:a@b>;tag=1;isup-oli=00', To='"T" <sips:a@b;user=phone>'),
    "without a tag": wire(From="sip:a@b"),
    "unknown fields": wire("INVITE", "X-Call: 1", "P-Charging-Vector: icid-value=1"),
    "record-route": wire("INVITE", "Record-Route: <sip:p2.example.com;lr>", "Timestamp: 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_rfc3261_8_2_7_what_peers_usually_send_is_read(name: str) -> None:
    assert read_new_call_alike(PLAIN[name])


OTHER = {
    "another method": wire("OPTIONS"),
    "within a dialog": wire(To="<sip:a@b>;tag=1"),
    "an empty tag": wire(To="<sip:a@b>;tag="),
    "an old branch": wire(Via="SIP/2.0/UDP 192.0.2.1;branch=1"),
    "nothing but the cookie": wire(Via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"),
    "folded": wire("INVITE", "Subject: a", " b"),
    "a tab": wire(Call_ID="a\tb"),
    "bare line ends": wire().replace(b"\r\n", b"\n"),
    "no end": wire().partition(b"\r\n\r\n")[0],
    "beyond ascii": wire(From="\u00e4 <sip:a@b>;tag=1"),
    "an own spelling": wire().replace(b"Call-ID", b"cAlL-iD"),
    "two of one": wire("INVITE", "i: 2"),
    "none": wire(without=("CSeq",)),
    "a broken address": wire(From="<sip:a@b"),
    "a broken contact": wire(Contact="<sip:a@b>, <x"),
    "a contact among others": wire(Contact="<sip:a@b>;x=1, garbage"),
    "a broken via": wire(Via="SIP/2.0/UDP"),
    "an empty via": wire(Via=""),
    "no call": wire(Call_ID=""),
    "a line that is none": wire("INVITE", "Subject"),
    "hops": wire(Max_Forwards="256"),
    "no number": wire(Max_Forwards="\u0664"),
    "a short body": wire(body=SDP)[:-1],
    "too long": wire(body=SDP + b"a=x\r\n" * (SIP_MESSAGE_BYTES_MAX // 5)),
    "too many": wire("INVITE", *["X-A: 1"] * SIP_HEADERS_MAX),
}


@pytest.mark.parametrize("name", OTHER)
def test_rfc3261_8_2_7_any_other_notation_goes_the_way_of_all_messages(name: str) -> None:
    assert read_new_call(OTHER[name]) is None


@pytest.mark.parametrize("source", [PEER, ("10.0.0.1", 5070), ("2001:db8::1", 5061)], ids=str)
def test_rfc3261_8_2_7_what_is_read_in_brief_is_read_alike_in_full(source: tuple[str, int]) -> None:
    for data in (*PLAIN.values(), *OTHER.values(), *message_seeds()):
        read_new_call_alike(data, source)


def test_rfc4475_torture_is_read_alike_or_not_at_all() -> None:
    files = sorted(Path(TORTURE).glob("*.dat"))
    if not files:
        pytest.skip(f"no torture messages in {TORTURE}")
    for file in files:
        read_new_call_alike(file.read_bytes())


NAMES = ["Via", "v", "From", "f", "To", "t", "Call-ID", "i", "CSeq", "Contact", "m", "Max-Forwards", "l", "Subject"]
VALUES = [
    "SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK1", "SIP/2.0/UDP h:5060;branch=z9hG4bK2, SIP/2.0/TCP b", "<sip:a@b>",
    "<sip:a@b>;tag=1", '"x" <sip:a@b>;tag=1;x', "sip:a@b", "*", "1 INVITE", "01 INVITE", "70", "0", "", "a@b", ",", ";",
]  # fmt: skip


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=4), st.randoms(use_true_random=False)
)
def test_rfc3261_7_3_lines_of_any_kind_and_order_are_read_alike(more: list[tuple[str, str]], chance: object) -> None:
    head, _, body = wire(body=SDP).partition(b"\r\n\r\n")
    lines = [*head.decode().split("\r\n")[1:], *(f"{name}:{value}" for name, value in more)]
    chance.shuffle(lines)  # type: ignore[attr-defined]
    text = "\r\n".join(["INVITE sip:bob@biloxi.example.com SIP/2.0", *lines[: len(lines) - chance.randint(0, 1)]])  # type: ignore[attr-defined]
    read_new_call_alike(text.encode() + b"\r\n\r\n" + body)


@given(
    st.sampled_from(sorted(PLAIN.values())),
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 24), st.sampled_from(WORDS)), min_size=1, max_size=4),
)
def test_rfc3261_7_3_what_is_broken_anywhere_is_read_alike(data: bytes, breaks: list[tuple[int, int, bytes]]) -> None:
    for start, length, word in breaks:
        data = data[:start] + word + data[start + length :]
    read_new_call_alike(data)


# What is answered --------------------------------------------------------------------------------------------------


def test_rfc3261_8_2_7_the_same_request_has_the_same_answer_however_much_of_it_was_read() -> None:
    brief, full = Rig(), Rig(seed=b"another process")
    full.exchange.gate._key = brief.exchange.gate._key  # the node's
    data = invite(Via="SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK1, SIP/2.0/UDP p;branch=2", Call_ID="one")
    folded = data.replace(b"Max-Forwards: 70", b"Max-Forwards:\r\n 70")
    assert read_new_call(folded) is None
    assert late(brief, data) == late(full, folded) == late(full, data)
    answer = shed(brief, data)
    assert (answer.status, "Retry-After" in answer.headers) == (503, False)
    assert (answer.to.tag or "").startswith(STATELESS_TAG)
    assert brief.facts == []
    assert not brief.exchange.transactions.servers


def test_rfc3261_8_2_7_another_request_has_another_tag() -> None:
    rig = Rig()
    tags = {shed(rig, invite(Via=way(number), Call_ID=f"call{number}")).to.tag for number in range(20)}
    assert len(tags) == 20


def test_rfc3261_8_2_7_a_successor_gives_the_same_answer() -> None:
    first, second = (rig_with_users(seed) for seed in (b"one", b"two"))
    assert late(first, invite()) == late(second, invite())


def test_rfc3261_17_1_1_3_the_ack_of_a_stateless_answer_is_known_by_its_tag() -> None:
    rig = Rig()
    tag = shed(rig, invite()).to.tag
    ack = wire("ACK", To=f"<sip:bob@biloxi.example.com> ; tag={tag}")
    assert acknowledges_stateless(ack)
    assert acknowledges_stateless(ack.replace(b"To:", b"t :"))
    assert not acknowledges_stateless(wire("BYE", To=f"<sip:a@b>;tag={tag}"))
    assert not acknowledges_stateless(wire("ACK", From=f"<sip:a@b>;tag={tag}", To="<sip:a@b>;tag=0123456789abcdef"))
    assert not acknowledges_stateless(wire("ACK", To="<sip:a@b>") + f"\r\nTo: <sip:a@b>;tag={tag}".encode())
    assert late(rig, ack) == []


def test_rfc3261_17_2_3_a_copy_of_what_is_answered_goes_to_its_transaction() -> None:
    rig = Rig()
    dialog = rig.invite("ringing")
    (again,) = late(rig, dialog.invite)
    assert read_response(again).status == 180
    assert rig.exchange.gate.shed_calls == 0


def test_rfc3261_17_2_3_a_copy_of_a_call_of_a_dead_process_wakes_it() -> None:
    rig = Rig()
    data = invite("ringing", Via=way(1))
    rig.send(data)
    after = Rig(seed=b"successor")
    after.step(fx.CallAdopted(rig.facts[0].call, (rig.facts[0],)))
    assert [read_response(each).status for each in late(after, data)] == [180]
    assert after.exchange.gate.shed_calls == 0


def test_rfc3261_17_2_3_a_copy_of_a_call_that_left_has_its_answer_again() -> None:
    rig = Rig()
    data = invite("nobody", Via=way(1))
    assert [answer.status for answer in rig.send(data)] == [404]
    ended = rig.facts[-1]
    assert isinstance(ended, CallEnded)
    after = Rig(seed=b"successor")
    after.now_s = rig.now_s
    after.step(fx.CallLeft(replace(ended, response="")))
    assert [read_response(each).status for each in late(after, data)] == [404]
    assert after.exchange.gate.shed_calls == 0


def test_rfc3261_17_1_1_2_a_copy_that_was_under_way_is_no_call_and_counted_once() -> None:
    rig = Rig()
    first = late(rig, invite(Via=way(1)))
    assert rig.step(fx.DatagramReceived(invite(Via=way(1)), PEER)) == first
    assert late(rig, invite(Via=way(1))) == first
    assert (rig.facts, rig.exchange.gate.shed_calls) == ([], 1)
    assert rig.ask(invite(Via=way(2))).status == 200, "its caller tries again"


def test_rfc3261_17_1_1_2_a_copy_of_which_the_first_answer_was_lost_is_served() -> None:
    rig = Rig()
    late(rig, invite(Via=way(1)))
    rig.now_s += SHED_REMEMBERED_S
    assert rig.ask(invite(Via=way(1))).status == 200


def test_calls_that_were_shed_are_remembered_up_to_the_limit() -> None:
    rig = Rig()
    for number in range(SHED_REMEMBERED_MAX + 1):
        late(rig, invite(Via=way(number), Call_ID=str(number)))
    assert rig.exchange.gate.shed_calls == SHED_REMEMBERED_MAX + 1
    assert rig.ask(invite(Via=way(1), Call_ID="1")).status == 503
    assert rig.ask(invite(Via=way(0), Call_ID="0")).status == 200


def test_strangers_have_no_more_answers_for_being_late() -> None:
    rig = Rig()
    given = [answer for number in range(40) for answer in late(rig, invite(Via=way(number)), STRANGER)]
    assert len(given) == STRANGER_ANSWERS_PER_S_MAX


def test_rfc3261_21_5_4_what_only_a_full_reading_understands_is_refused_too() -> None:
    rig = Rig()
    data = invite(Via=way(1)).replace(b"\r\n", b"\n", 3)
    assert read_new_call(data) is None
    assert shed(rig, data).status == 503
    assert isinstance(parse_message(data).call_id, str)
    assert rig.facts == []
