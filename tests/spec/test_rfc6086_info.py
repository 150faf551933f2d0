"""INFO: a key where there is no telephone-event, and what becomes of any other (RFC 6086)."""

import pytest

from keepline.call import effects as fx
from keepline.call.agreement import SAME_KEY_S
from keepline.call.facts import DigitSignalled, DigitsPressed
from keepline.model.errors import PeerError
from keepline.sip.info import info_key
from tests.spec.exchange_rig import Dialog, Rig
from tests.spec.sip_messages import PEER, SDP, request, wire

RELAY, PLAIN = "application/dtmf-relay", "application/dtmf"
KEYLESS = SDP.replace(b"0 8 101", b"0 8")


@pytest.fixture
def rig() -> Rig:
    return Rig()


def info(dialog: Dialog, body: bytes, content_type: str = RELAY, **changed: str) -> bytes:
    return dialog.request("INFO", f"Content-Type: {content_type}", body=body, **changed)


def keyless(rig: Rig) -> Dialog:
    """A call without telephone-event."""
    dialog = rig.call()
    assert rig.ask(dialog.request("INVITE", body=KEYLESS)).status == 200
    rig.send(dialog.request("ACK"))
    return dialog


def keys(rig: Rig) -> str:
    return "".join(fact.digit for fact in rig.facts if isinstance(fact, DigitSignalled))


@pytest.mark.parametrize(
    ("content_type", "body", "key"),
    [
        (RELAY, b"Signal=5\r\nDuration=160\r\n", "5"),
        (RELAY, b"Signal= 5\nDuration= 160\n", "5"),
        (RELAY, b"Duration=160\r\nsignal = *", "*"),
        (RELAY, b"Signal=10\r\n", "*"),
        (RELAY, b"Signal=11\r\n", "#"),
        (RELAY, b"Signal=d\r\n", "D"),
        (RELAY, b"Signal=16\r\n", ""),
        (RELAY, b"Signal=!\r\n", ""),
        (RELAY, b"Signal=\r\n", ""),
        (RELAY, b"\xff\x00", ""),
        (PLAIN, b"7", "7"),
        (PLAIN, b" #\r\n", "#"),
        (PLAIN, b"Signal=3\r\nDuration=250", "3"),
        ("Application/DTMF-Relay;x=y", b"Signal=0", "0"),
        ('multipart/mixed;boundary="b"', b"--b\r\nContent-Type: application/dtmf\r\n\r\n4\r\n--b--\r\n", "4"),
    ],
)
def test_the_key_of_an_info(content_type: str, body: bytes, key: str) -> None:
    assert info_key(request("INFO", f"Content-Type: {content_type}", body=body)) == key


@pytest.mark.parametrize("content_type", ["application/sdp", "text/plain", "application/dtmf-info"])
def test_rfc6086_4_2_2_a_body_of_another_type_is_415(rig: Rig, content_type: str) -> None:
    dialog = keyless(rig)
    answer = rig.ask(info(dialog, b"5", content_type))
    assert (answer.status, answer.headers.get("Accept")) == (415, f"{RELAY}, {PLAIN}")
    with pytest.raises(PeerError):
        info_key(request("INFO", f"Content-Type: {content_type}", body=b"5"))


def test_rfc6086_4_2_2_an_info_package_is_469_with_recv_info(rig: Rig) -> None:
    dialog = keyless(rig)
    answer = rig.ask(dialog.request("INFO", "Info-Package: g.3gpp.mid-call"))
    assert (answer.status, answer.headers.get("Recv-Info")) == (469, "")


def test_rfc6086_4_2_2_an_info_without_a_body_is_200(rig: Rig) -> None:
    assert rig.ask(rig.call().request("INFO")).status == 200


def test_rfc6086_4_2_2_an_info_of_no_dialog_is_481(rig: Rig) -> None:
    assert rig.ask(wire("INFO")).status == 481
    assert (
        rig.ask(
            wire("INFO", To="<sip:bob@biloxi.example.com>;tag=x", CSeq="2 INFO", Via="SIP/2.0/UDP h;branch=z9hG4bKx")
        ).status
        == 481
    )


def test_a_key_counts_once_and_only_without_telephone_event(rig: Rig) -> None:
    dialog = rig.call()
    assert rig.ask(info(dialog, b"Signal=1\r\n")).status == 200
    assert keys(rig) == ""
    dialog = keyless(rig)
    key = info(dialog, b"Signal=2\r\n")
    assert [rig.ask(each).status for each in (key, key, info(dialog, b"Signal=3\r\n"))] == [200, 200, 200]
    assert keys(rig) == "23"


def tone(rig: Rig, dialog: Dialog, keyed: str) -> None:
    """Media has heard these keys so far, the ones of the audio among them."""
    rig.step(fx.DigitsHeard(dialog.call, len(keyed), keyed))


def pressed(rig: Rig) -> str:
    return "".join(
        fact.digit if isinstance(fact, DigitSignalled) else fact.digits
        for fact in rig.facts
        if isinstance(fact, DigitSignalled | DigitsPressed)
    )


def ignored(rig: Rig, data: bytes) -> int:
    """How often media is told to listen to tones no more."""
    return sum(
        isinstance(each, fx.IgnoreTones) for each in rig.exchange.step(rig.now_s, fx.DatagramReceived(data, PEER))
    )


def test_the_first_info_ends_the_search_for_tones(rig: Rig) -> None:
    dialog = keyless(rig)
    assert [ignored(rig, info(dialog, b"Signal=1\r\n")) for _ in range(3)] == [1, 0, 0]
    with_events = rig.call()
    assert ignored(rig, info(with_events, b"Signal=1\r\n")) == 0


def test_a_key_that_is_a_tone_and_an_info_counts_once(rig: Rig) -> None:
    dialog = keyless(rig)
    tone(rig, dialog, "1")
    rig.now_s += 0.3
    tone(rig, dialog, "12")
    for key in (b"1", b"2", b"2", b"3"):  # the last two have no tone: media listens no more
        rig.send(info(dialog, b"Signal=" + key))
    assert pressed(rig) == "1223"


def test_a_tone_that_media_tells_of_after_the_info_counts_once(rig: Rig) -> None:
    dialog = keyless(rig)
    rig.send(info(dialog, b"Signal=7"))
    tone(rig, dialog, "7")
    rig.send(info(dialog, b"Signal=8"))
    assert pressed(rig) == "78"


def test_the_same_key_long_after_its_tone_is_another(rig: Rig) -> None:
    dialog = keyless(rig)
    tone(rig, dialog, "5")
    rig.now_s += SAME_KEY_S + 0.1
    rig.send(info(dialog, b"Signal=5"))
    assert pressed(rig) == "55"


def test_a_successor_knows_what_was_a_tone(rig: Rig) -> None:
    dialog = keyless(rig)
    tone(rig, dialog, "45")
    rig.send(info(dialog, b"Signal=4"))
    successor = Rig(seed=b"successor")
    successor.now_s, mine = rig.now_s, [fact for fact in rig.facts if fact.call == dialog.call]
    successor.step(fx.CallAdopted(dialog.call, tuple(mine)))
    assert sum(isinstance(each, fx.IgnoreTones) for each in successor.exchange.step(rig.now_s, fx.WakeSome(1))) == 1
    successor.send(info(dialog, b"Signal=5"))
    assert pressed(successor) == ""


def test_a_key_while_it_rings_does_not_count(rig: Rig) -> None:
    dialog = rig.invite("ringing")
    assert rig.ask(info(dialog, b"Signal=2\r\n")).status == 200
    assert keys(rig) == ""
