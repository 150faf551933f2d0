"""The session of a call that goes on: re-INVITE, late offer, ACK (RFC 3261 §13, §14; RFC 3264 §8)."""

import pytest

from keepline.call import effects as fx
from keepline.call.facts import ReinviteAnswered
from keepline.model.limits import CALL_REQUESTS_MAX, SESSION_EXPIRES_S_MAX, SESSION_EXPIRES_S_MIN
from keepline.sip.message import Response
from keepline.sip.sdp import Media, parse_sdp
from tests.spec.exchange_rig import Dialog, Rig, invite
from tests.spec.sip_messages import SDP, wire

MOVED = SDP.replace(b"c=IN IP4 192.0.2.1", b"c=IN IP4 192.0.2.77")
G729 = SDP.replace(b"RTP/AVP 0 8 101", b"RTP/AVP 18")


@pytest.fixture
def rig() -> Rig:
    return Rig()


def audio(response: Response) -> Media:
    return parse_sdp(response.body).media[0]


def origin(response: Response) -> list[str]:
    return parse_sdp(response.body).origin.split()


def acknowledged(rig: Rig, dialog: Dialog, body: bytes) -> Response:
    answer = rig.ask(dialog.request("INVITE", body=body))
    assert rig.send(dialog.request("ACK")) == []
    return answer


@pytest.mark.parametrize(
    ("theirs", "ours"), [("sendonly", "recvonly"), ("inactive", "inactive"), ("recvonly", "sendonly")]
)
def test_rfc3264_8_4_hold_is_answered_with_the_mirrored_direction(rig: Rig, theirs: str, ours: str) -> None:
    dialog = rig.call()
    answer = acknowledged(rig, dialog, SDP + f"a={theirs}\r\n".encode())
    assert (answer.status, audio(answer).direction) == (200, ours)
    assert audio(acknowledged(rig, dialog, SDP)).direction == "sendrecv"


def test_rfc3264_8_4_hold_by_the_zero_address_moves_no_stream_there(rig: Rig) -> None:
    dialog = rig.call()
    answer = acknowledged(rig, dialog, SDP.replace(b"c=IN IP4 192.0.2.1", b"c=IN IP4 0.0.0.0"))
    assert audio(answer).direction == "recvonly"
    last = [fact for fact in rig.facts if isinstance(fact, ReinviteAnswered)][-1]
    assert last.terms is not None
    assert (last.terms.remote_host, last.terms.direction) == ("192.0.2.1", "recvonly")


def test_rfc3264_8_the_session_keeps_its_id_and_its_version_counts_changes(rig: Rig) -> None:
    dialog = rig.invite()
    rig.send(dialog.request("ACK"))
    answers = [acknowledged(rig, dialog, body) for body in (SDP, SDP + b"a=sendonly\r\n", SDP + b"a=sendonly\r\n", SDP)]
    assert len({origin(answer)[1] for answer in answers}) == 1
    assert [origin(answer)[2] for answer in answers] == ["1", "2", "2", "3"]


@pytest.mark.parametrize(("body", "status"), [(G729, 488), (b"nonsense\r\n", 400)])
def test_rfc3261_14_2_a_failed_reinvite_leaves_the_session(rig: Rig, body: bytes, status: int) -> None:
    dialog = rig.call()
    before = acknowledged(rig, dialog, MOVED)
    assert acknowledged(rig, dialog, body).status == status
    after = acknowledged(rig, dialog, MOVED)
    assert (before.body, after.status) == (after.body, 200)


def test_rfc3264_4_an_offer_while_the_answer_to_ours_is_awaited_is_491(rig: Rig) -> None:
    dialog = rig.call()
    assert rig.ask(dialog.request("INVITE")).status == 200
    first = dialog.cseq
    assert acknowledged(rig, dialog, SDP).status == 491
    assert rig.send(dialog.request("ACK", "Content-Type: application/sdp", cseq=first, body=SDP)) == []
    assert acknowledged(rig, dialog, SDP).status == 200


def test_rfc3261_14_1_another_invite_says_that_the_200_arrived_though_its_ack_was_lost(rig: Rig) -> None:
    dialog = rig.invite()
    assert rig.ask(dialog.request("INVITE", body=MOVED)).status == 200
    assert rig.ask(dialog.request("INVITE", body=SDP)).status == 200
    assert rig.send(dialog.request("ACK")) == []
    assert rig.pass_time(60) == []


def test_rfc3261_13_3_1_4_the_200_of_a_reinvite_is_sent_until_its_ack(rig: Rig) -> None:
    dialog = rig.call()
    answer = rig.ask(dialog.request("INVITE", body=MOVED))
    assert rig.pass_time(1.6) == [answer.encode()] * 2
    rig.send(dialog.request("ACK"))
    assert rig.pass_time(60) == []


def test_rfc3261_12_2_2_a_reinvite_refreshes_the_target(rig: Rig) -> None:
    dialog = rig.call()
    rig.ask(dialog.request("INVITE", body=SDP, Contact="<sip:alice@192.0.2.78:5070>"))
    rig.send(dialog.request("ACK"))
    (bye,) = rig.step(fx.HangUpAll("test"))
    assert bye.startswith(b"BYE sip:alice@192.0.2.78:5070 SIP/2.0\r\n")


def test_rfc3261_13_2_1_an_invite_without_an_offer_is_answered_with_ours(rig: Rig) -> None:
    answer = rig.ask(invite(body=b"", content_type=""))
    assert answer.status == 200
    assert audio(answer).formats == ("0", "8", "101")


def test_rfc3264_6_1_the_answer_to_our_offer_is_for_our_payload_types(rig: Rig) -> None:
    dialog = rig.call()
    rig.ask(dialog.request("INVITE"))
    answer = SDP.replace(b"0 8 101", b"8 96").replace(b":101 telephone", b":96 telephone")
    rig.send(dialog.request("ACK", "Content-Type: application/sdp", body=answer))
    terms = rig.exchange.calls[dialog.call].agreement.terms
    assert terms is not None
    assert (terms.codec, terms.dtmf_payload_type) == ("PCMA", 101)


def test_rfc3261_15_an_offer_of_ours_that_the_ack_does_not_answer_ends_the_call(rig: Rig) -> None:
    dialog = rig.call()
    rig.ask(dialog.request("INVITE"))
    (bye,) = rig.send_raw(dialog.request("ACK"))
    assert bye.startswith(b"BYE ")


# RFC 4028 -----------------------------------------------------------------------------------------------------------


def timed(expires: str, *more: str, **changed: str) -> bytes:
    return wire(
        "INVITE",
        "Content-Type: application/sdp",
        "Supported: timer",
        f"Session-Expires: {expires}",
        *more,
        uri="sip:1000@192.0.2.9",
        body=SDP,
        **changed,
    )


def test_rfc4028_9_less_than_the_least_interval_is_422_with_min_se(rig: Rig) -> None:
    answer = rig.ask(timed(str(SESSION_EXPIRES_S_MIN - 1)))
    assert (answer.status, answer.headers.get("Min-SE")) == (422, "90")


def test_rfc4028_9_a_longer_interval_than_the_longest_becomes_that(rig: Rig) -> None:
    answer = rig.ask(timed(str(SESSION_EXPIRES_S_MAX + 1)))
    assert answer.headers.get("Session-Expires") == f"{SESSION_EXPIRES_S_MAX};refresher=uac"


@pytest.mark.parametrize("expires", ["90", "90;refresher=uac", "90 ; Refresher=UAC;x=y"])
def test_rfc4028_9_the_200_names_the_interval_and_the_peer_as_refresher(rig: Rig, expires: str) -> None:
    answer = rig.ask(timed(expires))
    assert answer.headers.get("Session-Expires") == "90;refresher=uac"
    assert answer.headers.get("Require") == "timer"


def test_rfc4028_9_where_we_were_to_refresh_there_is_no_timer(rig: Rig) -> None:
    answer = rig.ask(timed("90;refresher=uas"))
    assert (answer.status, answer.headers.get("Session-Expires")) == (200, None)


def test_rfc4028_9_no_interval_falls_below_min_se(rig: Rig) -> None:
    assert rig.ask(timed("100", "Min-SE: 120")).headers.get("Session-Expires") == "120;refresher=uac"


@pytest.mark.parametrize(("expires", "at_s"), [(90, 60), (1800, 1768)])
def test_rfc4028_10_the_bye_comes_a_little_before_the_session_expires(rig: Rig, expires: int, at_s: int) -> None:
    answer = rig.ask(timed(str(expires)))
    dialog = Dialog("a84b4c76e66710@192.0.2.1", answer.to.tag or "", b"", rig.facts[-1].call)
    rig.send(dialog.request("ACK"))
    assert rig.pass_time(at_s - 1) == []
    assert rig.pass_time(1)[0].startswith(b"BYE ")


@pytest.mark.parametrize("header", ["Session-Expires: soon", "Session-Expires: ", "Session-Expires: 90\r\nMin-SE: x"])
def test_rfc4028_4_an_interval_that_cannot_be_read_is_400(rig: Rig, header: str) -> None:
    assert rig.ask(invite("1000", "Supported: timer", header)).status == 400


def test_rfc3261_21_5_1_what_one_call_writes_is_bounded(rig: Rig) -> None:
    dialog = rig.call()
    for _ in range(CALL_REQUESTS_MAX):
        assert acknowledged(rig, dialog, SDP).status == 200
    facts = len(rig.facts)
    assert [rig.ask(dialog.request("INVITE", body=SDP)).status for _ in range(3)] == [500] * 3
    key = dialog.request("INFO", "Content-Type: application/dtmf-relay", body=b"Signal=5\r\n")
    assert rig.ask(key).status == 500
    assert len(rig.facts) == facts
    assert rig.ask(dialog.request("OPTIONS")).status == 200
    assert rig.ask(dialog.request("BYE")).status == 200


def test_rfc3261_21_4_26_a_488_says_why_within_a_call_and_before_it(rig: Rig) -> None:
    dialog = rig.call()
    for answer in (rig.ask(dialog.request("INVITE", body=G729)), rig.ask(invite("1000", body=G729, Call_ID="new"))):
        assert answer.status == 488
        assert answer.headers.get("Warning") == '305 keepline "no codec in common: PCMU and PCMA are offered here"'
