"""RFC 3515, a REFER that comes: who may hand a caller on, what is answered, and what the NOTIFYs say (RFC 3420)."""

from dataclasses import replace

import pytest

from keepline.call import effects as fx
from keepline.call.facts import CallEnded, CallPlaced
from keepline.call.facts.refer import NotifySent, ReferTaken
from keepline.call.turn import Program
from keepline.flow import Call, flow
from keepline.model.limits import REFER_NOTIFIES_MAX, REFERS_MAX
from keepline.model.operation import FlowReference, Number, OutboundPolicy
from keepline.sip.digest import answers_in, proves
from keepline.sip.message import Message, Request, Response, make_response, parse_message
from tests.spec.exchange_rig import Dialog, invite
from tests.spec.placing_rig import Placer, answer_of, answered, callee_request, methods
from tests.spec.test_rfc3261_8_uac_retries import CHALLENGE, SECRET

TARGET = "<sip:+15550002@pbx.example.com>"


@flow
async def person(call: Call) -> None:
    """Let the caller talk to somebody."""
    result = await call.connect("+15550001", timeout_s=20)
    await call.outcome("talked" if result else "not_connected")
    await call.hangup()


class Desk(Placer):
    """A caller who talks with an agent; the trunk of both lets the agent hand the caller on."""

    def __init__(self, *, accepts: bool = True, acknowledges: bool = True, allow: tuple[str, ...] = ("+1",)) -> None:
        self.sent: list[Message] = []
        super().__init__()
        [trunk] = self.operation.trunks
        self.operation = replace(
            self.operation,
            trunks=(replace(trunk, accepts_refer=accepts),),
            flows={"person": FlowReference("flows", "person")},
            numbers={"1000": Number("person")},
            outbound=OutboundPolicy(allow),
        )
        self.program = Program(self.operation, {"person": person})
        self.exchange.add_program(self.program, current=True)
        self.caller = self.begin(acknowledges)
        self.invite = self.invites()[0]
        self.cseq = 0
        ack = self.hear(answered(self.invite))
        assert methods(ack) == ["ACK"]

    def step(self, given: fx.Input) -> list[bytes]:
        sent = super().step(given)
        self.sent += [parse_message(data) for data in sent]
        return sent

    def begin(self, acknowledges: bool) -> Dialog:
        """A caller calls, and acknowledges the answer or not yet."""
        data = invite("1000", Call_ID="caller", Via="SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-caller;rport")
        responses = [each for each in self.hear(data, ("192.0.2.1", 5060)) if isinstance(each, Response)]
        dialog = Dialog("caller", responses[-1].to.tag or "", data, self.facts[0].call)
        if acknowledges:
            self.hear(dialog.request("ACK"), ("192.0.2.1", 5060))
        return dialog

    def invites(self) -> list[Request]:
        """Every INVITE that was sent, without copies."""
        found = [each for each in self.sent if isinstance(each, Request) and each.method == "INVITE"]
        return list({each.call_id: each for each in found}.values())

    def refer(self, *headers: str, cseq: int = 0) -> list[Message]:
        """The agent's REFER, and all that is sent at once."""
        self.cseq = cseq or self.cseq + 1
        lines = callee_request(self.invite, "REFER", self.cseq).decode().split("\r\n")
        lines[1:1] = headers or (f"Refer-To: {TARGET}",)
        return self.hear("\r\n".join(lines).encode())

    def status_of(self, *headers: str) -> int:
        """The answer to a REFER that is refused."""
        sent = self.refer(*headers)
        assert len(sent) == 1
        assert isinstance(sent[0], Response)
        return sent[0].status

    def notifies(self) -> list[Request]:
        return [each for each in self.sent if isinstance(each, Request) and each.method == "NOTIFY"]

    def told(self) -> list[bytes]:
        return [each.body.strip() for each in self.notifies()]


def test_rfc3515_2_4_2_a_refer_is_answered_202_and_the_target_is_called() -> None:
    desk = Desk()
    sent = desk.refer()
    assert methods(sent) == ["202", "NOTIFY", "INVITE"]
    assert sent[0].headers.get("Contact") == "<sip:192.0.2.9:5060>"
    invite = desk.invites()[1]
    assert invite.uri == "sip:+15550002@192.0.2.50", "the host of Refer-To says nothing of who that is"
    placed = [fact for fact in desk.facts if isinstance(fact, CallPlaced)]
    assert [each.parent for each in placed] == [desk.caller.call] * 2


def test_rfc3515_2_4_4_the_first_notify_comes_at_once_and_says_trying() -> None:
    desk = Desk()
    desk.refer()
    [notify] = desk.notifies()
    assert notify.headers.get("Event") == "refer"
    assert notify.headers.get("Subscription-State") == "active;expires=180"
    assert notify.headers.get("Content-Type") == "message/sipfrag"
    assert notify.body == b"SIP/2.0 100 Trying\r\n"
    assert notify.headers.get("Contact") == "<sip:192.0.2.9:5060>"


def test_rfc3515_2_4_4_the_last_notify_ends_the_subscription_and_the_agent_is_released() -> None:
    desk = Desk()
    desk.refer()
    invite = desk.invites()[1]
    desk.hear(answer_of(invite, 180, tag="colleague"))
    sent = desk.hear(answered(invite, tag="colleague"))
    assert methods(sent) == ["ACK", "NOTIFY", "BYE"]
    assert desk.told() == [b"SIP/2.0 100 Trying", b"SIP/2.0 180 Ringing", b"SIP/2.0 200 OK"]
    assert desk.notifies()[-1].headers.get("Subscription-State") == "terminated;reason=noresource"
    numbers = [each.cseq.number for each in desk.notifies()]
    assert numbers == [2, 3, 4]
    bye = sent[2]
    assert isinstance(bye, Request)
    assert (bye.call_id, bye.cseq.number) == (desk.invite.call_id, 5)
    bridges = [effect for effect in desk.media if isinstance(effect, fx.BridgeMedia)]
    assert bridges[-1].other_call == [fact.call for fact in desk.facts if isinstance(fact, CallPlaced)][1]
    assert bridges[-1].number > bridges[0].number


@pytest.mark.parametrize("status", [486, 480, 603, 500])
def test_rfc3515_2_4_5_a_failure_is_told_and_the_agent_keeps_the_caller(status: int) -> None:
    desk = Desk()
    desk.refer()
    sent = desk.hear(answer_of(desk.invites()[1], status, tag="colleague"))
    assert methods(sent) == ["ACK", "NOTIFY"]
    assert desk.told()[-1].startswith(f"SIP/2.0 {status} ".encode())
    bridged = [effect.other_call for effect in desk.media if isinstance(effect, fx.BridgeMedia)]
    assert len(set(bridged)) == 1
    assert not any(isinstance(fact, CallEnded) and fact.call in (desk.caller.call, *bridged) for fact in desk.facts)


def test_rfc3515_2_4_6_a_second_refer_of_the_dialog_has_its_id_in_event() -> None:
    desk = Desk()
    desk.refer()
    desk.hear(answer_of(desk.invites()[1], 486, tag="colleague"))
    sent = desk.refer(cseq=7)
    assert methods(sent) == ["202", "NOTIFY", "INVITE"]
    assert desk.notifies()[-1].headers.get("Event") == "refer;id=7"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("Subject: none",), 400),
        ((f"Refer-To: {TARGET}", f"Refer-To: {TARGET}"), 400),
        (("Refer-To: <sip:+15550002@>",), 400),
        (("Refer-To: <http://example.com/>",), 416),
        (("Refer-To: <sip:pbx.example.com>",), 404),
        (("Refer-To: <sip:+15550002@pbx.example.com;method=BYE>",), 501),
        (("Refer-To: <sip:+15550002@pbx.example.com?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>",), 501),
        ((f"Refer-To: {TARGET}", "Require: gruu"), 420),
        (("Refer-To: <sip:+445550002@pbx.example.com>",), 403),
    ],
)
def test_rfc3515_2_4_1_what_is_refused(headers: tuple[str, ...], status: int) -> None:
    desk = Desk()
    assert desk.status_of(*headers) == status
    assert len(desk.invites()) == 1
    assert methods(desk.refer()) == ["202", "NOTIFY", "INVITE"], "and the next one is taken"


@pytest.mark.parametrize("target", ["<tel:+1-555-000-2>", "sip:+15550002@192.0.2.1", "Bob <sip:15550002000@pbx>"])
def test_rfc3515_2_1_ways_to_name_somebody(target: str) -> None:
    desk = Desk()
    assert methods(desk.refer(f"Refer-To: {target}")) == ["202", "NOTIFY", "INVITE"]


def test_rfc3515_2_4_2_a_trunk_that_does_not_accept_it_refuses_with_403() -> None:
    assert Desk(accepts=False).status_of() == 403


def test_rfc3515_2_4_2_a_second_refer_while_one_is_in_work_is_answered_491() -> None:
    desk = Desk()
    desk.refer()
    assert desk.status_of() == 491


def test_rfc3515_2_4_2_a_copy_of_a_refer_is_answered_alike_and_calls_nobody() -> None:
    desk = Desk()
    first = desk.refer()
    again = desk.refer(cseq=desk.cseq)
    assert [each.encode() for each in again] == [first[0].encode()]


def test_rfc3515_2_4_2_who_talks_with_no_caller_of_ours_is_refused() -> None:
    desk = Desk()
    refer = desk.caller.request("REFER", f"Refer-To: {TARGET}")
    assert methods(desk.hear(refer, ("192.0.2.1", 5060))) == ["403"]


def test_rfc3515_2_4_2_before_the_answer_of_the_new_leg_it_cannot_hand_on_itself() -> None:
    desk = Desk()
    desk.refer()
    agent, desk.invite = desk.invite, desk.invites()[1]
    desk.hear(answered(desk.invite))
    assert methods(desk.refer("Refer-To: <sip:+15550003@pbx>")) == ["202", "NOTIFY", "INVITE"], "and then it can"
    desk.invite = agent
    assert methods(desk.refer()) == ["403"], "whoever has handed on is released"


def test_rfc3515_2_4_4_a_caller_who_is_handed_on_too_often_stays() -> None:
    desk = Desk()
    for index in range(REFERS_MAX):
        assert methods(desk.refer()) == ["202", "NOTIFY", "INVITE"]
        desk.hear(answer_of(desk.invites()[1 + index], 486, tag="colleague"))
    assert desk.status_of() == 403


def test_rfc3515_2_4_4_not_every_word_of_the_new_leg_is_told() -> None:
    desk = Desk()
    desk.refer()
    invite = desk.invites()[1]
    for index in range(2 * REFER_NOTIFIES_MAX):
        desk.hear(answer_of(invite, 180 + index % 4, tag="colleague"))
    desk.hear(answer_of(invite, 486, tag="colleague"))
    assert len(desk.notifies()) == REFER_NOTIFIES_MAX + 1
    assert desk.told()[-1] == b"SIP/2.0 486 Busy Here"


def test_rfc3515_2_4_4_a_successor_answers_the_copy_and_repeats_the_last_notify() -> None:
    desk = Desk()
    first = desk.refer()
    sent = desk.crash()
    assert [each.encode() for each in sent if isinstance(each, Request) and each.method == "NOTIFY"] == [
        desk.notifies()[0].encode()
    ]
    assert [each.encode() for each in desk.refer(cseq=desk.cseq)] == [first[0].encode()]
    assert sum(isinstance(fact, ReferTaken) for fact in desk.facts) == 1
    invite = desk.invites()[1]
    assert methods(desk.hear(answered(invite, tag="colleague")))[-2:] == ["NOTIFY", "BYE"]
    assert [fact.cseq for fact in desk.facts if isinstance(fact, NotifySent)] == [2, 3]


def test_a_caller_whose_ack_is_late_is_handed_on() -> None:
    desk = Desk(acknowledges=False)
    assert methods(desk.refer()) == ["202", "NOTIFY", "INVITE"]
    assert methods(desk.hear(answered(desk.invites()[1], tag="colleague"))) == ["ACK", "NOTIFY", "BYE"]


def test_a_notify_that_is_answered_or_not_changes_nothing() -> None:
    desk = Desk()
    desk.refer()
    for status in (200, 481):
        assert desk.hear(make_response(desk.notifies()[0], status)) == []
    assert methods(desk.hear(answered(desk.invites()[1], tag="colleague")))[-2:] == ["NOTIFY", "BYE"]


def with_password() -> Desk:
    """A desk whose agent's side asks for credentials, and a trunk that has them."""
    desk = Desk()
    [trunk] = desk.operation.trunks
    assert trunk.outbound is not None
    outbound = replace(trunk.outbound, username="shop", password=SECRET)
    desk.operation = replace(desk.operation, trunks=(replace(trunk, outbound=outbound),))
    desk.program = replace(desk.program, operation=desk.operation, passwords={SECRET: "sesame"})
    desk.exchange.add_program(desk.program, current=True)
    return desk


def challenged(desk: Desk, notify: Request, nonce: str) -> Request:
    """The NOTIFY that follows a challenge."""
    [again] = desk.hear(make_response(notify, 401, headers=[("WWW-Authenticate", CHALLENGE.format(nonce))]))
    assert isinstance(again, Request)
    assert (again.method, again.cseq.number, again.body) == ("NOTIFY", notify.cseq.number + 1, notify.body)
    [answer] = answers_in(again, "Authorization")
    assert proves(answer, again, "sesame")
    return again


def test_rfc3261_22_2_a_notify_that_is_challenged_is_proven() -> None:
    desk = with_password()
    desk.refer()
    first = challenged(desk, desk.notifies()[0], "n1")
    assert desk.hear(make_response(first, 200)) == []
    desk.hear(answer_of(desk.invites()[1], 486, tag="colleague"))
    last = desk.notifies()[-1]
    assert last.cseq.number == first.cseq.number + 1
    again = challenged(desk, last, "n2")
    assert again.body.startswith(b"SIP/2.0 486 ")
    assert desk.hear(make_response(again, 401, headers=[("WWW-Authenticate", CHALLENGE.format("n3"))])) == []


def test_rfc3261_22_2_a_successor_repeats_the_notify_with_its_proof() -> None:
    desk = with_password()
    desk.refer()
    again = challenged(desk, desk.notifies()[0], "n1")
    sent = desk.crash()
    assert [each.encode() for each in sent if isinstance(each, Request) and each.method == "NOTIFY"] == [again.encode()]
