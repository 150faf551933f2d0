"""Callees and carriers: what a behaviour means in SIP, what a rule is for, and what a tone is made of."""

import math
from typing import Any

import numpy as np
import pytest
from callers_sip import Message, parse, sdp_answer, sdp_offer
from world_callee import Behaviour, Callee, behaviour, called_number
from world_carrier import RULES_MAX, Rules
from world_tone import FRAMES, alaw, tone, ulaw

from keepline.rtp import g711

SOURCE = ("127.0.0.1", 5060)
OFFER = sdp_offer("127.0.0.1", 4000, 8, 1)


class Line:
    """A carrier of one call: it keeps what is sent and set."""

    host, port = "127.0.0.1", 5070

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.timers: list[tuple[float, str]] = []
        self.talks: list[Any] = []
        self.ends = 0

    def now(self) -> float:
        return 100.0

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        assert to == SOURCE
        message = parse(data)
        assert message is not None
        self.sent.append(message)

    def later(self, delay_s: float, callee: Callee, name: str) -> None:
        self.timers.append((delay_s, name))

    def rtp_port(self, callee: Callee) -> int:
        return 6000

    def talk(self, callee: Callee, *remote: Any) -> None:
        self.talks.append(remote)

    def ended(self, callee: Callee) -> None:
        self.ends += 1

    def statuses(self) -> list[int | str]:
        return [message.status or message.method for message in self.sent]


def request(method: str, body: bytes = b"", cseq: int = 1, to_tag: str = "") -> Message:
    headers = {
        "via": ["SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx"], "from": ["<sip:node@127.0.0.1>;tag=n"],
        "to": [f"<sip:+15551234567@127.0.0.1>{to_tag}"], "call-id": ["abc"], "cseq": [f"{cseq} {method}"],
        "contact": ["<sip:node@127.0.0.1:5060>"],
    }  # fmt: skip
    return Message(method, 0, headers, body)


def begin(does: str, body: bytes = OFFER) -> tuple[Line, Callee]:
    line = Line()
    callee = Callee(line, 0, request("INVITE", body), SOURCE, behaviour(does))
    callee.start()
    return line, callee


# Behaviours -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "does"),
    [
        ("answer", Behaviour()),
        ("answer,ring:2,tone:0,bye-after:1.5", Behaviour(ring_s=2.0, tone_hertz=0, bye_after_s=1.5)),
        ("busy,after:0.5", Behaviour("busy", 486, after_s=0.5)),
        ("status:404,cause:3", Behaviour("status", 404, cause=3)),
        ("silent", Behaviour("silent", 0)),
    ],
)
def test_behaviours_can_be_said(text: str, does: Behaviour) -> None:
    assert behaviour(text) == does


@pytest.mark.parametrize("text", ["", "hum", "status:200", "busy:1", "answer,ring", "answer,ring:x", "answer,status:3"])
def test_a_behaviour_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is none of"):
        behaviour(text)


def test_the_newest_rule_counts() -> None:
    rules = Rules()
    rules.command("rule +1555*=busy")
    rules.command("rule +15550100=ring")
    assert [rules.of(number).word for number in ("+15550100", "+15550101", "+44")] == ["ring", "busy", "answer"]
    rules.command("rule *=silent")
    assert rules.of("+15550100").word == "silent"
    rules.command("options none")
    rules.command("clear")
    assert (rules.of("+15550100").word, rules.options) == ("answer", "200")


@pytest.mark.parametrize("line", ["", "dance", "rule busy", "rule *=hum", "options 404", "clear all"])
def test_a_command_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        Rules().command(line)


def test_rules_have_a_limit() -> None:
    rules = Rules([("x", Behaviour())] * RULES_MAX)
    with pytest.raises(ValueError, match=f"{RULES_MAX} rules"):
        rules.add("*=busy")


# One call -------------------------------------------------------------------------------------------------------------


def test_it_rings_answers_talks_and_is_hung_up_on() -> None:
    line, callee = begin("answer,ring:2")
    assert line.statuses() == [100, 180]
    assert line.timers == [(2.0, "decide")]
    callee.on_timer("decide")
    assert line.statuses() == [100, 180, 200]
    assert sdp_answer(line.sent[-1].body) == ("127.0.0.1", 6000, 8, 101)
    assert line.talks == [("127.0.0.1", 4000, 8, 101)]
    assert {message.one("to").partition(";")[2] for message in line.sent[1:]} == {"tag=k0"}
    callee.on_message(request("ACK"), SOURCE)
    callee.on_timer("resend_final")
    callee.on_message(request("BYE", cseq=2), SOURCE)
    assert line.statuses() == [100, 180, 200, 200]
    assert (callee.ended_by, callee.facts.bye, line.ends) == ("caller", "theirs", 1)


def test_a_final_response_is_sent_again_until_the_ack() -> None:
    line, callee = begin("busy")
    callee.on_timer("resend_final")
    assert line.statuses() == [100, 486, 486]
    assert line.timers[-1] == (1.0, "resend_final")
    callee.on_message(request("ACK"), SOURCE)
    assert (line.ends, callee.facts.status) == (1, 486)


def test_without_an_ack_it_ends_and_says_so() -> None:
    line, callee = begin("answer")
    callee.on_timer("no_ack")
    assert (line.ends, callee.facts.error) == (1, "no ACK came")


def test_a_repeated_invite_gets_the_same_answer() -> None:
    line, callee = begin("busy")
    callee.on_message(request("INVITE", OFFER), SOURCE)
    assert (line.statuses(), callee.seen_invite) == ([100, 486, 486], 2)


@pytest.mark.parametrize(
    ("does", "statuses"),
    [
        ("ring", [100, 180]),
        ("trying", [100]),
        ("silent", []),
        ("decline", [100, 603]),
        ("unavailable", [100, 503]),
        ("status:480", [100, 480]),
    ],
)
def test_what_a_behaviour_sends(does: str, statuses: list[int]) -> None:
    assert begin(does)[0].statuses() == statuses


def test_a_cause_stands_in_a_reason_header() -> None:
    assert begin("status:404,cause:3")[0].sent[-1].one("reason") == "Q.850;cause=3"


def test_cancel_ends_the_ringing() -> None:
    line, callee = begin("ring")
    callee.on_message(request("CANCEL"), SOURCE)
    assert line.statuses() == [100, 180, 200, 487]
    callee.on_message(request("ACK"), SOURCE)
    assert (line.ends, callee.ended_by, callee.facts.cancelled) == (1, "caller", True)


def test_cancel_after_the_answer_changes_nothing() -> None:
    line, callee = begin("answer")
    callee.on_message(request("CANCEL"), SOURCE)
    assert line.statuses() == [100, 200, 200]
    assert not callee.facts.cancelled


def test_silence_is_kept_whatever_comes() -> None:
    line, callee = begin("silent")
    for method in ("INVITE", "CANCEL", "BYE", "OPTIONS"):
        callee.on_message(request(method), SOURCE)
    assert (line.sent, callee.seen_invite) == ([], 2)


def test_it_hangs_up_and_hears_the_answer() -> None:
    line, callee = begin("answer,bye-after:5")
    assert (5.0, "hang_up") in line.timers
    callee.on_timer("hang_up")
    bye = line.sent[-1]
    assert (bye.method, bye.one("to"), bye.one("from").partition(";")[2]) == (
        "BYE",
        "<sip:node@127.0.0.1>;tag=n",
        "tag=k0",
    )
    callee.on_message(Message("", 200, {"cseq": ["1 BYE"]}, b""), SOURCE)
    assert (line.ends, callee.facts.bye_answered, callee.ended_by) == (1, True, "callee")


def test_an_invite_without_an_offer_gets_one() -> None:
    line, callee = begin("answer", b"")
    assert sdp_answer(line.sent[-1].body) == ("127.0.0.1", 6000, 0, 101)
    assert line.talks == []
    callee.on_message(request("ACK", OFFER), SOURCE)
    assert line.talks == [("127.0.0.1", 4000, 8, 101)]


def test_an_offer_without_g711_is_refused() -> None:
    other = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 18\r\n"
    assert begin("answer", other)[0].statuses() == [100, 488]


def test_the_first_g711_of_several_codecs_is_taken() -> None:
    several = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 18 8 0 96\r\na=rtpmap:96 telephone-event/8000\r\n"
    line, _ = begin("answer", several)
    assert sdp_answer(line.sent[-1].body) == ("127.0.0.1", 6000, 8, 96)


def test_the_called_number_is_read() -> None:
    assert called_number(request("INVITE")) == "+15551234567"


# Tones ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("codec", "full"), [(0, 8158 * 4), (8, 4095 * 8)])
def test_a_tone_is_a_sine(codec: int, full: int) -> None:
    coded = b"".join(tone(440, codec))
    decode = g711.decode_alaw if codec == 8 else g711.decode_ulaw
    samples = np.asarray(decode(coded), dtype=float) / full
    wanted = [0.25 * math.sin(2 * math.pi * 440 * n / 8000) for n in range(len(samples))]
    assert len(samples) == FRAMES * 160
    assert np.abs(samples - wanted).max() < 0.01


def test_nothing_is_coded_as_silence() -> None:
    assert (ulaw(0), alaw(0)) == (0xFF, 0xD5)


def test_a_tone_that_would_click_is_refused() -> None:
    with pytest.raises(ValueError, match="click"):
        tone(445, 0)
