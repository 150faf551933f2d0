"""Calls by TCP: which way everything goes, what is not repeated, and what becomes of a connection that fails."""

from dataclasses import dataclass

import pytest

from keepline.call import effects as fx
from keepline.call.exchange import Exchange
from keepline.call.facts import ByeSent, CallEnded, CallReceived, Fact
from keepline.call.turn import Identity
from keepline.model.limits import BYE_CONNECTIONS_MAX
from keepline.model.operation import HostPort
from keepline.sip.message import Request, Response, parse_message
from keepline.sip.peers import TcpPeer
from keepline.sip.transaction import Timers
from tests.spec.exchange_rig import Rig, invite
from tests.spec.sip_messages import SDP, wire

CALLER = TcpPeer("192.0.2.1", 49152)
VIA = "SIP/2.0/TCP 192.0.2.1:5070;branch=z9hG4bK-tcp"


@dataclass(frozen=True)
class Sent:
    message: Request | Response
    peer: fx.Address


class TcpRig(Rig):
    """The same exchange, whose peers come by TCP, and whose effects are looked at with where they go."""

    def __init__(self, slots: int = 8, seed: bytes = b"seed") -> None:
        super().__init__(slots, seed)
        self.closed: list[fx.Address] = []

    def take(self, given: fx.Input) -> list[Sent]:
        sent: list[Sent] = []
        for effect in self.exchange.step(self.now_s, given):
            if isinstance(effect, fx.SendSip):
                sent.append(Sent(parse_message(effect.data), effect.peer))
            elif isinstance(effect, fx.Persist):
                self.facts.append(effect.fact)
            elif isinstance(effect, fx.CloseConnection):
                self.closed.append(effect.peer)
            elif isinstance(effect, fx.CloseMedia):
                sent += self.take(fx.MediaStopped(effect.call))
        return sent

    def hear(self, data: bytes, source: TcpPeer = CALLER) -> list[Sent]:
        return self.take(fx.MessageReceived(data, source))

    def wait(self, seconds: float) -> list[tuple[float, Sent]]:
        """What timers send, and when."""
        until_s, sent = self.now_s + seconds, []
        begun_s = self.now_s
        while (at_s := self.exchange.deadline_s) is not None and at_s <= until_s:
            self.now_s = max(self.now_s, at_s)
            sent += [(self.now_s - begun_s, each) for each in self.take(fx.TimeCame())]
        self.now_s = until_s
        return sent

    def succeed(self) -> "TcpRig":
        """Another process that has nothing but the facts."""
        made = TcpRig(seed=b"successor")
        made.now_s = self.now_s
        calls: dict[str, list[Fact]] = {}
        for fact in self.facts:
            calls.setdefault(fact.call, []).append(fact)
        for call, facts in calls.items():
            if isinstance(facts[-1], CallEnded):
                made.take(fx.CallLeft(facts[-1]))
            else:
                made.take(fx.CallAdopted(call, tuple(facts)))
        made.facts = list(self.facts)
        return made


def only(sent: list[Sent]) -> Sent:
    assert len(sent) == 1, sent
    return sent[0]


def request_in(answer: Response, method: str, cseq: int, branch: str, body: bytes = b"") -> bytes:
    more = ("Content-Type: application/sdp",) if body else ()
    return wire(method, *more, body=body, uri="sip:keepline@192.0.2.9:5060;transport=tcp", Via=f"{VIA}-{branch}",
                To=answer.headers.get("To") or "", CSeq=f"{cseq} {method}")  # fmt: skip


def established(rig: TcpRig, contact: str = "<sip:alice@192.0.2.1:5070;transport=tcp>", *more: str) -> Response:
    """A call, answered and acknowledged; its 200."""
    answer = only(rig.hear(invite("1000", *more, Via=VIA, Contact=contact))).message
    assert isinstance(answer, Response)
    assert answer.status == 200
    assert rig.hear(request_in(answer, "ACK", 314159, "ack")) == []
    return answer


def test_rfc3261_18_2_2_a_response_takes_the_connection_or_a_new_one_to_the_sent_by() -> None:
    rig = TcpRig()
    answer = only(rig.hear(invite("1000", Via=VIA)))
    assert answer.peer == TcpPeer("192.0.2.1", 49152, back=("192.0.2.1", 5070))
    refusal = only(rig.hear(invite("4711", Via="SIP/2.0/TCP pbx.example.com;branch=z9hG4bK-2", Call_ID="other")))
    assert refusal.peer == TcpPeer("192.0.2.1", 49152, back=("192.0.2.1", 5060))


def test_rfc3261_8_1_1_8_the_contact_names_the_transport_of_the_dialog() -> None:
    answer = established(TcpRig())
    assert answer.headers.get("Contact") == "<sip:keepline@192.0.2.9:5060;transport=tcp>"


def test_rfc3261_17_2_1_a_refusal_is_not_repeated_over_tcp_and_its_transaction_ends_with_its_ack() -> None:
    rig = TcpRig()
    refusal = only(rig.hear(invite("4711", Via=VIA))).message
    assert rig.wait(10) == []
    assert len(rig.exchange.transactions.servers) == 1
    ack = wire("ACK", uri="sip:4711@192.0.2.9", Via=VIA, To=refusal.headers.get("To") or "")
    assert rig.hear(ack) == []
    assert len(rig.exchange.transactions.servers) == 0


def test_rfc3261_17_2_2_timer_j_is_zero_over_tcp() -> None:
    rig = TcpRig()
    answer = established(rig)
    remembered = rig.exchange.transactions.settled_count
    assert only(rig.hear(request_in(answer, "INFO", 314160, "info"))).message.cseq.method == "INFO"
    assert rig.exchange.transactions.settled_count == remembered
    assert len(rig.exchange.transactions.servers) == 0


def test_rfc3261_13_3_1_4_a_2xx_is_repeated_over_tcp_too() -> None:
    rig = TcpRig()
    first = only(rig.hear(invite("1000", Via=VIA)))
    again = rig.wait(4)
    assert [at_s for at_s, _ in again] == [0.5, 1.5, 3.5]
    assert {each.peer for _, each in again} == {first.peer}


def test_rfc3261_17_1_2_2_our_bye_takes_the_connection_once_and_says_so_in_its_via() -> None:
    rig = TcpRig()
    established(rig)
    sent = rig.take(fx.HangUpAll("stopping"))
    bye = only(sent)
    assert isinstance(bye.message, Request)
    assert (bye.message.method, bye.message.top_via.transport) == ("BYE", "TCP")
    assert bye.peer == TcpPeer("192.0.2.1", 49152, back=("192.0.2.1", 5070))
    assert rig.wait(20) == []


@pytest.mark.parametrize(
    ("contact", "more", "peer"),
    [
        # Nobody between the two of us: the connection leads to it, whatever address it takes itself to have.
        ("<sip:alice@10.0.0.7:5070>", (), TcpPeer("192.0.2.1", 49152, back=("10.0.0.7", 5070))),
        ("<sip:alice@pbx.example.com;transport=tcp>", (), TcpPeer("192.0.2.1", 49152)),
        ("<sip:alice@192.0.2.7:5070;transport=udp>", (), ("192.0.2.7", 5070)),
        # A proxy that stays in the route is at the other end of the connection; one that does not is left out.
        (
            "<sip:alice@10.0.0.7>",
            ("Via: SIP/2.0/TCP 10.0.0.7;branch=z9hG4bK-a", "Record-Route: <sip:192.0.2.1;transport=tcp;lr>"),
            TcpPeer("192.0.2.1", 49152, back=("192.0.2.1", 5060)),
        ),
        ("<sip:alice@10.0.0.7>", ("Via: SIP/2.0/TCP 10.0.0.7;branch=z9hG4bK-a",), TcpPeer("10.0.0.7", 5060)),
    ],
)
def test_rfc3261_12_2_1_1_our_bye_goes_to_the_route_or_the_target(
    contact: str, more: tuple[str, ...], peer: fx.Address
) -> None:
    rig = TcpRig()
    established(rig, contact, *more)
    assert only(rig.take(fx.HangUpAll("stopping"))).peer == peer


def test_rfc3261_12_2_1_1_a_call_by_udp_whose_target_wants_tcp_gets_its_bye_by_tcp() -> None:
    rig = TcpRig()
    rig.call(Contact="<sip:alice@192.0.2.1:5070;transport=tcp>")
    bye = only(rig.take(fx.HangUpAll("stopping")))
    assert bye.peer == TcpPeer("192.0.2.1", 5070)
    assert bye.message.top_via.transport == "TCP"


def test_rfc3261_17_1_4_a_bye_that_cannot_be_sent_is_over() -> None:
    rig = TcpRig()
    established(rig)
    bye = only(rig.take(fx.HangUpAll("stopping")))
    assert rig.exchange.live_calls == 1
    rig.take(fx.SendFailed(bye.message.encode(), bye.peer, "refused"))
    assert rig.exchange.live_calls == 0
    assert isinstance(rig.facts[-1], CallEnded)


@pytest.mark.parametrize("lost", [CALLER, TcpPeer("192.0.2.1", 5070)])
def test_rfc3261_18_4_a_bye_whose_connection_is_lost_takes_another(lost: TcpPeer) -> None:
    """Its caller would hear nothing for as long as they care to wait; the same BYE may be heard twice."""
    rig = TcpRig()
    established(rig, "<sip:alice@192.0.2.1:5070;transport=tcp>")
    bye = only(rig.take(fx.HangUpAll("stopping")))
    assert bye.peer == TcpPeer("192.0.2.1", 49152, back=("192.0.2.1", 5070))
    assert rig.take(fx.ConnectionLost(TcpPeer("192.0.2.99", 1), "reset")) == []
    for _ in range(BYE_CONNECTIONS_MAX):
        again = only(rig.take(fx.ConnectionLost(lost, "reset")))
        assert again.peer == TcpPeer("192.0.2.1", 5070)
        assert again.message.encode() == bye.message.encode()
        assert rig.exchange.live_calls == 1
    assert rig.take(fx.ConnectionLost(lost, "reset")) == []
    assert rig.exchange.live_calls == 0


def test_rfc3261_17_1_4_a_bye_that_a_connection_did_not_take_takes_another() -> None:
    rig = TcpRig()
    established(rig, "<sip:alice@192.0.2.1:5070;transport=tcp>")
    bye = only(rig.take(fx.HangUpAll("stopping")))
    again = only(rig.take(fx.SendFailed(bye.message.encode(), CALLER, "reset")))
    assert again.peer == TcpPeer("192.0.2.1", 5070)
    assert rig.exchange.live_calls == 1


def test_a_response_that_cannot_be_sent_ends_nothing() -> None:
    rig = TcpRig()
    answer = only(rig.hear(invite("1000", Via=VIA)))
    rig.take(fx.SendFailed(answer.message.encode(), CALLER, "gone"))
    rig.take(fx.ConnectionLost(CALLER, "gone"))
    assert rig.exchange.live_calls == 1


def test_rfc3261_18_3_a_message_that_cannot_be_delimited_is_answered_400_and_its_connection_closed() -> None:
    rig = TcpRig()
    head = invite("1000", Via=VIA).partition(b"\r\n\r\n")[0]
    answer = only(rig.take(fx.StreamBroken(head, CALLER, 400, "no Content-Length")))
    assert isinstance(answer.message, Response)
    assert (answer.message.status, answer.message.reason) == (400, "Bad Request: no Content-Length")
    assert rig.closed == [CALLER]
    assert rig.take(fx.StreamBroken(b"\x16\x03\x01", CALLER, 400, "not SIP")) == []
    assert rig.closed == [CALLER, CALLER]


# What a successor needs -----------------------------------------------------------------------------------------------


def test_a_successor_takes_the_connection_for_what_its_predecessor_did_not_finish() -> None:
    rig = TcpRig()
    answer = only(rig.hear(invite("1000", Via=VIA)))
    successor = rig.succeed()
    again = only(successor.take(fx.WakeSome(1)))
    assert (again.peer, again.message.encode()) == (answer.peer, answer.message.encode())
    assert isinstance(answer.message, Response)
    successor.hear(request_in(answer.message, "ACK", 314159, "ack"))
    bye = only(successor.take(fx.HangUpAll("stopping")))
    assert bye.peer == TcpPeer("192.0.2.1", 49152, back=("192.0.2.1", 5060))
    third = successor.succeed()
    assert any(isinstance(fact, ByeSent) for fact in third.facts)
    repeated = only(third.take(fx.WakeSome(1)))
    assert (repeated.peer, repeated.message.encode()) == (bye.peer, bye.message.encode())


def test_an_invite_that_is_read_again_by_a_successor_is_the_same_call() -> None:
    """Read again since it is consumed only after its answer is on its way."""
    rig = TcpRig()
    data = invite("1000", Via=VIA)
    answer = only(rig.hear(data))
    successor = rig.succeed()
    again = only(successor.hear(data))
    assert again.message.encode() == answer.message.encode()
    assert sum(isinstance(fact, CallReceived) for fact in successor.facts) == 1


def test_the_refusal_of_a_call_that_had_rung_is_repeated_over_its_connection() -> None:
    rig = TcpRig()
    ringing = only(rig.hear(invite("ringing", Via=VIA)))
    assert isinstance(ringing.message, Response)
    assert ringing.message.status == 180
    cancel = wire("CANCEL", uri="sip:ringing@192.0.2.9", Via=VIA)
    assert {each.peer for each in rig.hear(cancel)} == {ringing.peer}
    successor = rig.succeed()
    (repeated,) = (each for _, each in successor.wait(0.1))
    assert isinstance(repeated.message, Response)
    assert (repeated.message.status, repeated.peer) == (487, ringing.peer)


def test_a_reinvite_over_another_connection_moves_what_we_send() -> None:
    rig = TcpRig()
    answer = established(rig)
    other = TcpPeer("192.0.2.1", 50000)
    reinvite = request_in(answer, "INVITE", 314160, "again", SDP)
    accepted = only(rig.hear(reinvite, other))
    assert accepted.peer[:2] == other[:2]
    rig.hear(request_in(answer, "ACK", 314160, "ack2"), other)
    successor = rig.succeed()
    successor.take(fx.WakeSome(1))
    for each in (rig, successor):
        assert only(each.take(fx.HangUpAll("stopping"))).peer[:2] == other[:2]


def test_an_ipv6_caller_is_reached_without_brackets() -> None:
    identity = Identity(HostPort("2001:db8::9", 5060), "2001:db8::9", "Keepline", Timers())
    rig = TcpRig()
    rig.exchange = Exchange(identity, b"seed", [40000])
    rig.exchange.add_program(rig.program, current=True)
    caller = TcpPeer("2001:db8::1", 49152)
    sdp = SDP.replace(b"IP4 192.0.2.1", b"IP6 2001:db8::1")
    via = "SIP/2.0/TCP [2001:db8::1]:5070;branch=z9hG4bK-6"
    answer = only(rig.hear(invite("1000", Via=via, Contact="<sip:a@[2001:db8::1]:5070>", body=sdp), caller))
    assert answer.peer == TcpPeer("2001:db8::1", 49152, back=("2001:db8::1", 5070))
    assert answer.message.headers.get("Contact") == "<sip:keepline@[2001:db8::9]:5060;transport=tcp>"
