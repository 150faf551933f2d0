"""Keys by INFO in secret questions: to media at once and before their answer, on no record but by count and CSeq."""

from dataclasses import replace

from keepline.call import effects as fx
from keepline.call.exchange import Exchange
from keepline.call.facts import DigitSignalled, DigitsPressed, Fact, SecretKeyed
from keepline.call.turn import Identity, Program
from keepline.model.operation import HostPort
from keepline.sip.message import parse_message
from keepline.sip.transaction import Timers
from tests.sim.operation import operation
from tests.sim.test_secrets import FLOWS, NUMBERS, OFFICE
from tests.spec.exchange_rig import Dialog, invite
from tests.spec.sip_messages import PEER, SDP

KEYLESS = SDP.replace(b"0 8 101", b"0 8")


class Call:
    """One call without telephone-event to the flow `menu`, and a process that may be followed by another."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.now_s = 1000.0
        self.exchange = self.process(b"one")
        message = invite("8001", body=KEYLESS)
        self.carry_out(fx.DatagramReceived(message, PEER))
        answer = next(effect.data for effect in self.effects if isinstance(effect, fx.SendSip))
        response = parse_message(answer)
        self.dialog = Dialog(response.call_id, response.to.tag or "", message, self.facts[0].call)
        self.carry_out(fx.DatagramReceived(self.dialog.request("ACK"), PEER))

    def process(self, seed: bytes) -> Exchange:
        found = replace(operation(), numbers=NUMBERS, capabilities={"office": OFFICE})
        made = Exchange(Identity(HostPort("192.0.2.9", 5060), "192.0.2.9", "Keepline", Timers()), seed, [40000, 40002])
        made.add_program(Program(found, FLOWS), current=True)  # type: ignore[arg-type]
        return made

    def succeed(self) -> None:
        self.exchange = self.process(b"two")
        self.carry_out(fx.CallAdopted(self.facts[0].call, tuple(self.facts)))
        self.carry_out(fx.WakeSome(1))

    def carry_out(self, given: fx.Input) -> None:
        self.now_s += 0.05
        self.effects = self.exchange.step(self.now_s, given)
        self.facts += [effect.fact for effect in self.effects if isinstance(effect, fx.Persist)]

    def info(self, key: str) -> bytes:
        return self.dialog.request("INFO", "Content-Type: application/dtmf-relay", body=f"Signal={key}\r\n".encode())

    def key(self, data: bytes) -> list[tuple[int, str]]:
        """What an INFO has media told; and it is answered, after that."""
        self.carry_out(fx.DatagramReceived(data, PEER))
        kinds = [type(effect) for effect in self.effects if isinstance(effect, fx.PassSecretKey | fx.SendSip)]
        assert kinds[-1] is fx.SendSip
        return [(effect.cseq, effect.key) for effect in self.effects if isinstance(effect, fx.PassSecretKey)]

    def heard(self, count: int, state: str = "open", cseq: int = 0) -> None:
        call = self.facts[0].call
        self.carry_out(fx.SecretHeard(call, 3, count, state, cseq))

    def signalled(self) -> str:
        return "".join(fact.digit for fact in self.facts if isinstance(fact, DigitSignalled))


def asking() -> Call:
    """The first question is answered by a key; the secret one is open."""
    made = Call()
    assert made.key(made.info("1")) == []
    assert any(isinstance(effect, fx.CollectSecret) for effect in made.effects)
    return made


def test_a_private_key_goes_to_media_and_on_no_record() -> None:
    call = asking()
    cseq = call.dialog.cseq
    assert call.key(call.info("8")) == [(cseq + 1, "8")]
    assert call.key(call.info("4")) == [(cseq + 2, "4")]
    call.heard(2, cseq=cseq + 2)
    assert call.signalled() == "1"
    [keyed] = [fact for fact in call.facts if isinstance(fact, SecretKeyed)]
    assert (keyed.count, keyed.info_cseq) == (2, cseq + 2)


def test_a_repeated_info_is_passed_on_once_by_a_process() -> None:
    call = asking()
    first = call.info("8")
    assert len(call.key(first)) == 1
    assert call.key(first) == []


def test_a_successor_passes_on_what_no_fact_speaks_of() -> None:
    """Media knows whether it had it; what was counted on record is not passed on again."""
    call = asking()
    eight, four = call.info("8"), call.info("4")
    call.key(eight)
    call.heard(1, cseq=call.dialog.cseq - 1)
    call.key(four)
    call.succeed()
    assert call.key(eight) == []
    assert call.key(four) == [(call.dialog.cseq, "4")]


def test_the_repetition_of_the_last_key_is_no_key_of_the_next_question() -> None:
    call = asking()
    last = b""
    for key in "847":
        last = call.info(key)
        call.key(last)
    call.heard(3, "answered", call.dialog.cseq)
    assert any(isinstance(effect, fx.HearOpenly) for effect in call.effects)
    call.succeed()
    assert call.key(last) == []
    assert call.signalled() == "1"
    assert call.key(call.info("2")) == []
    assert call.signalled() == "12"


def test_the_info_of_a_key_that_was_heard_before_is_no_key_of_the_secret() -> None:
    """A phone that sends tones and INFOs: the tone of the last ordinary key has opened the question already."""
    call = Call()
    call.carry_out(fx.DigitsHeard(call.facts[0].call, 1, "1"))
    assert any(isinstance(effect, fx.CollectSecret) for effect in call.effects)
    assert call.key(call.info("1")) == []
    assert call.key(call.info("8")) == [(call.dialog.cseq, "8")]
    assert call.signalled() == ""


def test_keys_that_came_before_media_knew_are_counted_and_on_no_record() -> None:
    call = asking()
    call.carry_out(fx.DigitsHeard(call.facts[0].call, 2, "84"))
    pressed = [fact for fact in call.facts if isinstance(fact, DigitsPressed)]
    assert [(fact.head, fact.digits) for fact in pressed] == [(2, "")]
