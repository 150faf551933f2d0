"""docs/reference/sip.md says what the code does: every row of its answers is sent, every limit compared."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.call import effects as fx
from keepline.model import limits, limits_carriers
from keepline.sip.digest import Credentials
from keepline.sip.message import Response
from tests.spec.exchange_rig import STRANGER, Rig, invite
from tests.spec.sip_messages import SDP, wire
from tests.spec.users_rig import Caller, rig_with_users

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "sip.md").read_text(encoding="utf-8")
Ask = Callable[[Rig], list[Response]]


def rows(section: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    text = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return lines[1:]


def full(rig: Rig) -> list[Response]:
    for _ in range(8):
        rig.call()
    return rig.send(invite(Call_ID="late"))


def draining(data: bytes) -> Ask:
    def ask(rig: Rig) -> list[Response]:
        rig.step(fx.Drain())
        return rig.send(data)

    return ask


def out_of_order(rig: Rig) -> list[Response]:
    return rig.send(rig.call().request("OPTIONS", cseq=1))


def merged(rig: Rig) -> list[Response]:
    rig.invite(Call_ID="merged")
    return rig.send(invite(Call_ID="merged", Via="SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK-other"))


def sending(data: bytes, source: fx.Address = ("192.0.2.1", 5060)) -> Ask:
    return lambda rig: rig.send(data, source)


def overlapping(rig: Rig) -> list[Response]:
    dialog = rig.call()
    rig.send(dialog.request("INVITE"))
    return rig.send(dialog.request("INVITE", body=SDP))


def within(method: str, body: bytes, *more: str) -> Ask:
    """A request within a call."""
    return lambda rig: rig.send(rig.call().request(method, *more, body=body))


def told(body: bytes, content_type: str = "message/sipfrag") -> Ask:
    """A NOTIFY about a transfer."""

    def ask(rig: Rig) -> list[Response]:
        dialog = rig.call(user="leaving")
        rig.pass_time(1.5)
        typed = (f"Content-Type: {content_type}",) if body else ()
        return rig.send(dialog.request("NOTIFY", "Event: refer", "Subscription-State: active", *typed, body=body))

    return ask


def timed(seconds: int) -> Ask:
    return sending(invite("1000", "Supported: timer", f"Session-Expires: {seconds}"))


def proving(password: str, *, wait_s: float = 0.0) -> Ask:
    """An INVITE that answers the challenge to another one, which it waited for."""

    def ask(_rig: Rig) -> list[Response]:
        rig = rig_with_users()
        caller = Caller(rig, Credentials("alice", password))
        first = caller.invite()
        [challenged] = caller.asks(first)
        rig.pass_time(wait_s)
        return caller.asks(caller.invite(caller.answer(first, challenged)))

    return ask


ANSWERS: dict[str, list[Ask]] = {
    "an INVITE for a number of the operation": [sending(invite())],
    "OPTIONS, whatever number it names, on a full node too": [
        sending(wire("OPTIONS", uri="sip:nobody@192.0.2.9")),
        lambda rig: [full(rig), rig.send(wire("OPTIONS"))][1],
    ],
    "OPTIONS while the node drains": [draining(wire("OPTIONS"))],
    "any request of a stranger": [sending(wire("OPTIONS"), STRANGER), sending(invite(), STRANGER)],
    "the same where a trunk has users": [lambda _rig: rig_with_users().send(wire("OPTIONS"), STRANGER)],
    "credentials that prove nothing": [proving("guess")],
    "credentials that are right and too old": [proving("wonderland", wait_s=limits.NONCE_LIFE_S_MAX + 1)],
    "a request that cannot be read": [sending(wire("OPTIONS", CSeq="x"))],
    "headers in the Request-URI": [sending(wire("OPTIONS", uri="sip:a@b?c=d"))],
    "an INVITE without an offer": [sending(invite(body=b"", content_type=""))],
    "an INVITE within a call: hold, resume, another address, port or codec": [
        within("INVITE", SDP + b"a=sendonly\r\n"),
        within("INVITE", SDP.replace(b"49170", b"50000")),
        within("INVITE", SDP.replace(b"0 8 101", b"8 101")),
    ],
    "an INVITE within a call whose offer cannot be met": [within("INVITE", SDP.replace(b"AVP 0 8 101", b"AVP 18"))],
    "a session timer (`Supported: timer`) of 90 s or more": [timed(90)],
    "an INFO within a call: a key (`application/dtmf-relay`, `application/dtmf`), or without a body": [
        within("INFO", b"Signal=5", "Content-Type: application/dtmf-relay"),
        within("INFO", b"5", "Content-Type: application/dtmf"),
        within("INFO", b""),
    ],
    "a NOTIFY of the transfer that a flow asked for": [
        told(b"SIP/2.0 100 Trying\r\n"),
        told(b"SIP/2.0 486 Busy Here"),
        told(b""),
    ],
    "a REFER, unless its trunk [accepts it](#callers-who-are-handed-on)": [
        within("REFER", b"", "Refer-To: <sip:+15550199@192.0.2.1>"),
        sending(wire("REFER", "Refer-To: <sip:+15550199@192.0.2.1>")),
    ],
    "a number that the operation has not": [sending(invite("9999"))],
    "a known method that is not served": [sending(wire("PUBLISH"))],
    "Accept without room for a session description": [sending(invite("1000", "Accept: text/plain"))],
    "a body that must be understood and is not": [sending(invite(content_type="text/plain"))],
    "an INFO with another body": [within("INFO", b"5", "Content-Type: text/plain")],
    "a NOTIFY of a transfer with another body than message/sipfrag": [told(b"v=0\r\n", "application/sdp")],
    "a Request-URI of another scheme than sip, sips and, in INVITE and OPTIONS, tel": [
        sending(wire("INVITE", uri="urn:service:sos")),
        lambda rig: rig.send(rig.call().request("INFO").replace(b"sip:keepline@192.0.2.9", b"tel:1000")),
    ],
    "Require of what is not supported, but in ACK and CANCEL": [sending(wire("OPTIONS", "Require: teleport"))],
    "a session timer of less than 90 s": [timed(89)],
    "an INFO of an INFO package": [within("INFO", b"", "Info-Package: x")],
    "a To tag of no dialog that lives": [sending(wire("BYE", To="<sip:bob@biloxi.example.com>;tag=x"))],
    "a NOTIFY of no transfer that was asked for": [
        within("NOTIFY", b"", "Event: refer"),
        sending(wire("NOTIFY", "Event: refer")),
    ],
    "an INVITE that came by another way already": [merged],
    "an INVITE within a call while the answer to an offer of ours is awaited": [overlapping],
    "a NOTIFY of another event than refer": [
        within("NOTIFY", b"", "Event: presence"),
        within("NOTIFY", b""),
        sending(wire("NOTIFY", "Event: presence")),
    ],
    "an offer with nothing in common": [sending(invite(body=SDP.replace(b"AVP 0 8 101", b"AVP 18")))],
    "a request below the last CSeq of its dialog": [out_of_order],
    "an INVITE within a call that still rings": [lambda rig: rig.send(rig.invite("ringing").request("INVITE"))],
    "a method that nobody knows": [sending(wire("TELEPORT"))],
    "an INVITE while the node drains or is full": [draining(invite()), full],
    "a SIP version other than 2.0": [sending(wire("OPTIONS").replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1))],
    "a message that is too long": [sending(wire("OPTIONS", body=b"x" * 40_000))],
    "a response to no request of ours, an ACK of nothing, a message with no readable Via": [
        sending(b"SIP/2.0 200 OK\r\n" + wire("BYE").split(b"\r\n", 1)[1]),
        sending(wire("ACK")),
        sending(wire("OPTIONS", Via="?")),
    ],
}


def test_every_answer_of_the_page_is_known_here() -> None:
    assert [row[0] for row in rows("Answers")] == list(ANSWERS)


@pytest.mark.parametrize("row", rows("Answers"), ids=lambda row: row[0])
def test_what_comes_is_answered_as_the_page_says(row: list[str]) -> None:
    for ask in ANSWERS[row[0]]:
        answers = ask(Rig())
        if row[1] == "silence":
            assert answers == []
            continue
        assert [answer.status for answer in answers] == [int(row[1][:3])]
        answer = answers[0]
        named = row[1].split(" with ")[1] if " with " in row[1] and "never" not in row[1] else ""
        for name in re.findall(r"[A-Z][a-zA-Z-]+", named):
            assert name in answer.headers, name
        if "never with Retry-After" in row[1]:
            assert "Retry-After" not in answer.headers


def test_every_limit_is_the_one_in_force() -> None:
    for name, value, _ in rows("Limits"):
        room = limits if hasattr(limits, name.strip("`")) else limits_carriers
        assert getattr(room, name.strip("`")) == float(value), name
