"""RFC 3515, REFER: what we send, and how we read what is told of it (RFC 3420, RFC 6665)."""

from dataclasses import replace

import pytest

from keepline.call import effects as fx
from keepline.call.facts import StepEnded, TransferAsked, TransferProgressed
from keepline.model.errors import PeerError
from keepline.model.limits import TRANSFER_NEWS_MAX
from keepline.model.operation import OutboundPolicy
from keepline.sip.message import Request, make_response, parse_message
from keepline.sip.refer import ReferNews, is_of_refer, refer_news, refer_target
from tests.spec.exchange_rig import Dialog, Rig
from tests.spec.placing_rig import Placer
from tests.spec.sip_messages import wire


def notify(*more: str, body: bytes = b"") -> Request:
    message = parse_message(wire("NOTIFY", *more, body=body))
    assert isinstance(message, Request)
    return message


def transferring() -> tuple[Rig, Dialog, Request]:
    """A call whose flow has asked for a transfer, and the REFER."""
    rig = Rig()
    dialog = rig.call(user="leaving")
    [sent] = rig.pass_time(1.05)
    refer = parse_message(sent)
    assert isinstance(refer, Request)
    return rig, dialog, refer


def told(dialog: Dialog, status: int, state: str = "active") -> bytes:
    more = ("Event: refer", f"Subscription-State: {state}", "Content-Type: message/sipfrag")
    return dialog.request("NOTIFY", *more, body=f"SIP/2.0 {status} So\r\n".encode())


def test_rfc3515_2_1_a_refer_has_exactly_one_refer_to_with_the_number_at_the_callers_domain() -> None:
    _, _, refer = transferring()
    assert refer.method == "REFER"
    assert refer.headers.get_all("Refer-To") == ["<sip:+18005550111@atlanta.example.com>"]
    assert refer.headers.get("Contact") == "<sip:192.0.2.9:5060>"
    assert refer.headers.get("Referred-By") is not None


@pytest.mark.parametrize(
    ("target", "peer", "uri"),
    [
        ("+18005550111", "sip:alice@example.com", "sip:+18005550111@example.com"),
        ("1000", "sip:alice@192.0.2.1:5070;transport=udp", "sip:1000@192.0.2.1:5070"),
        ("reception", "sip:alice@[2001:db8::1]", "sip:reception@[2001:db8::1]"),
        ("sip:sales@pbx.example.com;user=phone", "sip:alice@example.com", "sip:sales@pbx.example.com;user=phone"),
    ],
)
def test_rfc3515_2_1_who_is_referred_to(target: str, peer: str, uri: str) -> None:
    assert refer_target(target, peer) == uri


@pytest.mark.parametrize("target", ["sip:", "tel:+1800", "sip:a@b?Replaces=x", "sip:a@b>;x", "sip:a@b c"])
def test_rfc3515_2_1_who_cannot_be(target: str) -> None:
    with pytest.raises(ValueError):
        refer_target(target, "sip:alice@example.com")


def test_rfc3515_2_4_4_the_last_notify_ends_the_call_with_a_bye_of_the_next_cseq() -> None:
    rig, dialog, refer = transferring()
    assert rig.step_response(make_response(refer, 202)) == []
    [answer] = rig.send(told(dialog, 180))
    assert answer.status == 200
    answered, bye = rig.send_raw(told(dialog, 200, "terminated;reason=noresource"))
    assert bye.startswith(b"BYE ")
    assert b"CSeq: 2 BYE" in bye
    assert answered.startswith(b"SIP/2.0 200")


def test_rfc3515_2_4_4_a_notify_may_come_before_the_202() -> None:
    rig, dialog, refer = transferring()
    assert rig.ask(told(dialog, 100)).status == 200
    rig.step_response(make_response(refer, 202))
    words = [fact for fact in rig.facts if isinstance(fact, TransferProgressed)]
    assert [(word.by, word.status) for word in words] == [("notify", 100)]


@pytest.mark.parametrize(
    ("headers", "body", "news"),
    [
        (("Content-Type: message/sipfrag",), b"SIP/2.0 100 Trying\r\n", ReferNews(100, "Trying", False)),
        (("Content-Type: message/sipfrag;version=2.0",), b"SIP/2.0 486 Busy Here", ReferNews(486, "Busy Here", False)),
        (("Content-Type: Message/SipFrag",), b"SIP/2.0 200\nTo: x\n", ReferNews(200, "", False)),
        (("Subscription-State: terminated;reason=noresource",), b"", ReferNews(0, "", True)),
        ((), b"", ReferNews(0, "", False)),
    ],
)
def test_rfc3515_2_4_5_the_body_is_a_fragment_with_a_status_line(
    headers: tuple[str, ...], body: bytes, news: ReferNews
) -> None:
    assert refer_news(notify("Event: refer", *headers, body=body)) == news


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"SIP/2.0 200 OK", 415),
        ("message/sipfrag", b"hello", 400),
        ("message/sipfrag", b"SIP/2.0 9", 400),
    ],
)
def test_rfc3515_2_4_5_other_bodies(kind: str, body: bytes, status: int) -> None:
    with pytest.raises(PeerError) as caught:
        refer_news(notify("Event: refer", f"Content-Type: {kind}", body=body))
    assert caught.value.status == status


def test_rfc3515_2_4_6_the_event_may_have_an_id() -> None:
    assert is_of_refer(notify("Event: refer;id=93809824"))
    assert is_of_refer(notify("Event: Refer"))
    assert not is_of_refer(notify("Event: referral"))
    assert not is_of_refer(notify())


def test_rfc3515_2_4_2_no_refer_of_a_peer_is_taken() -> None:
    rig = Rig()
    dialog = rig.call()
    assert rig.ask(dialog.request("REFER", "Refer-To: <sip:+15550199@192.0.2.1>")).status == 403
    assert rig.ask(dialog.request("BYE")).status == 200


def test_nobody_is_transferred_to_whom_the_operation_may_not_call() -> None:
    rig = Rig()
    operation = replace(rig.program.operation, outbound=OutboundPolicy())
    rig.exchange.add_program(replace(rig.program, operation=operation), current=True)
    rig.call(user="leaving")
    assert rig.pass_time(1.05) == []
    told = [report.event for report in rig.reports if report.event.startswith("transfer")]
    assert told == ["transfer_failed"]
    [step] = [fact for fact in rig.facts if isinstance(fact, StepEnded) and fact.verb == "transfer"]
    assert step.reason == "refused"


def test_a_peer_that_tells_much_fills_no_journal() -> None:
    rig, dialog, _ = transferring()
    for index in range(3 * TRANSFER_NEWS_MAX):
        assert rig.ask(told(dialog, 100 + index % 90)).status == 200
    assert sum(isinstance(fact, TransferProgressed) for fact in rig.facts) == TRANSFER_NEWS_MAX
    rig.send_raw(told(dialog, 486, "terminated"))
    assert sum(isinstance(fact, TransferProgressed) for fact in rig.facts) == TRANSFER_NEWS_MAX + 1
    assert sum(isinstance(fact, TransferAsked) for fact in rig.facts) == 1


def test_rfc3515_2_4_a_callee_is_transferred_too_and_a_successor_sends_the_same_refer() -> None:
    placer = Placer()
    invite, answer = placer.connect(flow="hand_over")
    [refer] = placer.wait(1.05)
    assert isinstance(refer, Request)
    assert (refer.method, refer.cseq.number) == ("REFER", invite.cseq.number + 1)
    assert refer.headers.get("Refer-To") == "<sip:+18005550111@192.0.2.50>"
    facts = tuple(placer.facts)
    successor = Placer(seed=b"successor")
    successor.now_s = placer.now_s
    successor.step(fx.CallAdopted(facts[0].call, facts))
    assert refer.encode() in successor.step(fx.WakeSome(1))
    successor.hear(make_response(refer, 202))
    body = b"SIP/2.0 200 OK\r\n"
    told = wire(
        "NOTIFY",
        *("Event: refer", "Subscription-State: terminated", "Content-Type: message/sipfrag"),
        uri="sip:keepline@192.0.2.9:5060",
        body=body,
        From=answer.headers.get("To") or "",
        To=invite.headers.get("From") or "",
        Call_ID=invite.call_id,
        CSeq="7 NOTIFY",
    )
    sent = successor.hear(told)
    assert [each.method for each in sent if isinstance(each, Request)] == ["BYE"]
    steps = [fact for fact in successor.facts if isinstance(fact, StepEnded) and fact.verb == "transfer"]
    assert [step.reason for step in steps] == ["transferred"]
