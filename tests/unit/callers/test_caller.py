"""One caller's SIP against a peer made of text: what it sends, when it sends it again, and how its call ends."""

from typing import Any

import pytest
from callers import digit_plan, script_of, target
from callers_sip import Caller, Message, Script, State, parse, sdp_answer, sdp_offer

SDP = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 40002 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"


class Line:
    """A crowd of one: it keeps what is sent and set."""

    host, port, codec, target_host, target_port = "127.0.0.1", 5555, 0, "127.0.0.1", 5060

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.timers: list[tuple[float, str]] = []
        self.talks: list[tuple[Any, ...]] = []
        self.ends = 0

    def now(self) -> float:
        return 100.0

    def send(self, data: bytes) -> None:
        message = parse(data)
        assert message is not None
        self.sent.append(message)

    def later(self, delay_s: float, caller: Caller, name: str) -> None:
        self.timers.append((delay_s, name))

    def rtp_port(self, caller: Caller) -> int:
        return 6000

    def talk(self, caller: Caller, *remote: Any) -> None:
        self.talks.append(remote)

    def ended(self, caller: Caller) -> None:
        self.ends += 1

    def methods(self) -> list[str]:
        return [message.method or str(message.status) for message in self.sent]


def begin(script: Script | None = None) -> tuple[Line, Caller]:
    line = Line()
    caller = Caller(line, 3, "abc-3@127.0.0.1", "1000", script or Script())
    caller.start()
    return line, caller


def response(line: Line, status: int, body: bytes = b"", to_tag: str = "t") -> Message:
    request = next(sent for sent in reversed(line.sent) if sent.method in ("INVITE", "BYE", "CANCEL"))
    headers = dict(request.headers) | {"to": [f"{line.sent[0].one('to')};tag={to_tag}"]}
    return Message("", status, headers | {"contact": ["<sip:node@127.0.0.1:5060>"]}, body)


def bye(line: Line) -> Message:
    return Message("BYE", 0, dict(line.sent[0].headers) | {"cseq": ["1 BYE"]}, b"")


def test_an_answered_call_acks_and_answers_bye() -> None:
    line, caller = begin()
    caller.on_message(response(line, 100), 100.1)
    caller.on_message(response(line, 200, SDP), 100.2)
    assert line.talks == [("127.0.0.1", 40002, 0, 101)]
    caller.on_message(bye(line), 101.0)
    assert line.methods() == ["INVITE", "ACK", "200"]
    assert (caller.state, caller.facts.bye, line.ends) == (State.ENDED, "theirs", 1)
    caller.on_message(bye(line), 101.5)
    assert line.methods()[3:] == ["200"]
    assert (line.ends, caller.seen_bye) == (1, 2)


def test_an_invite_is_sent_again_until_something_comes() -> None:
    line, caller = begin()
    caller.on_timer("resend_invite")
    caller.on_timer("resend_invite")
    assert [delay for delay, name in line.timers if name == "resend_invite"] == [0.5, 1.0, 2.0]
    caller.on_message(response(line, 180), 100.1)
    caller.on_timer("resend_invite")
    assert line.methods() == ["INVITE"] * 3


def test_a_repeated_200_is_acked_again_even_after_the_end() -> None:
    line, caller = begin()
    answer = response(line, 200, SDP)
    for _ in range(2):
        caller.on_message(answer, 100.2)
    caller.on_message(bye(line), 101.0)
    caller.on_message(answer, 101.1)
    assert line.methods() == ["INVITE", "ACK", "ACK", "200", "ACK"]


def test_silence_ends_a_call_by_timer_b() -> None:
    line, caller = begin()
    caller.on_timer("timer_b")
    assert (caller.state, line.ends) == (State.ENDED, 1)
    assert "timer B" in caller.facts.error


def test_cancel_waits_for_a_provisional_response() -> None:
    line, caller = begin()
    caller.cancel()
    assert line.methods() == ["INVITE"]
    caller.on_message(response(line, 100), 100.1)
    assert line.methods() == ["INVITE", "CANCEL"]
    assert line.sent[1].one("via") == line.sent[0].one("via")
    caller.on_message(response(line, 200), 100.2)
    caller.on_message(Message("", 487, dict(line.sent[0].headers) | {"to": ["<sip:1000@127.0.0.1>;tag=t"]}, b""), 100.3)
    assert (caller.facts.status, caller.state, line.methods()[-1]) == (487, State.ENDED, "ACK")
    assert line.sent[-1].one("via") == line.sent[0].one("via")


def test_a_cancel_that_lost_the_race_hangs_up() -> None:
    line, caller = begin()
    invited = response(line, 180)
    caller.on_message(invited, 100.1)
    caller.cancel()
    answer = Message("", 200, invited.headers, SDP)
    caller.on_message(answer, 100.2)
    assert line.methods() == ["INVITE", "CANCEL", "ACK", "BYE"]


def test_our_bye_is_sent_again_until_it_is_answered() -> None:
    line, caller = begin(Script(hang_up_after_s=1.5))
    caller.on_message(response(line, 200, SDP), 100.2)
    assert (1.5, "hang_up") in line.timers
    caller.on_timer("hang_up")
    caller.on_timer("resend_bye")
    caller.on_message(response(line, 200), 103.0)
    assert line.methods() == ["INVITE", "ACK", "BYE", "BYE"]
    assert (caller.facts.bye, caller.facts.bye_answered, caller.resent_bye, line.ends) == ("ours", True, 1, 1)


def test_a_call_that_never_ends_is_hung_up_as_a_failure() -> None:
    line, caller = begin()
    caller.on_message(response(line, 200, SDP), 100.2)
    caller.on_timer("give_up")
    assert line.methods()[-1] == "BYE"
    assert "still up" in caller.facts.error


def test_behaviour_depends_on_the_seed_alone() -> None:
    class Arguments:
        seed, digits, digits_share = 5, digit_plan("random@1-7,#@8"), 0.5
        hang_up_after = cancel_after = None
        give_up_after = 60.0

    scripts = [script_of(Arguments, index) for index in range(50)]  # type: ignore[arg-type]
    assert scripts == [script_of(Arguments, index) for index in range(50)]  # type: ignore[arg-type]
    pressing = [script for script in scripts if script.digits]
    assert 10 < len(pressing) < 40
    assert all(1 <= script.digits[0][1] <= 7 and script.digits[1] == ("#", 8.0) for script in pressing)


@pytest.mark.parametrize("text", ["x@1", "1", "1@", "random@a"])
def test_a_digit_plan_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="is not DIGIT@SECONDS"):
        digit_plan(text)


def test_targets_and_sdp() -> None:
    assert target("sip:1000@127.0.0.1:5070") == ("1000", "127.0.0.1", 5070)
    assert target("sip:1000@[::1]") == ("1000", "::1", 5060)
    assert sdp_answer(sdp_offer("127.0.0.1", 6000, 8, 1)) == ("127.0.0.1", 6000, 8, 101)
    assert sdp_answer(b"v=0\r\n") is None
