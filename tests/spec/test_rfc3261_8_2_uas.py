"""What a user agent server refuses, clause by clause (RFC 3261 §8.2, §11.2, §12.2.2, §14.2, §21)."""

import pytest

from keepline.call import effects as fx
from keepline.call.facts import CallEnded, CallReceived
from keepline.sip.message import KNOWN_METHODS
from keepline.sip.uas import ALLOW, ALLOWED_METHODS
from tests.spec.exchange_rig import Rig, invite
from tests.spec.sip_messages import SDP, wire

OTHER_WAY = "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK-other-way"


@pytest.fixture
def rig() -> Rig:
    return Rig()


# 8.2.1 Method -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", sorted(KNOWN_METHODS - {*ALLOWED_METHODS, "REFER"}))
def test_rfc3261_8_2_1_a_known_method_that_is_not_served_is_405_with_allow(rig: Rig, method: str) -> None:
    answer = rig.ask(wire(method))
    assert (answer.status, answer.headers.get("Allow")) == (405, ALLOW)


def test_rfc3261_21_5_2_a_method_that_nobody_knows_is_501(rig: Rig) -> None:
    answer = rig.ask(wire("FROBNICATE"))
    assert (answer.status, answer.headers.get("Allow")) == (501, ALLOW)


def test_rfc3261_7_1_methods_are_case_sensitive(rig: Rig) -> None:
    assert rig.ask(wire("options")).status == 501


def test_rfc3261_8_2_1_within_a_call_too_and_the_call_stays(rig: Rig) -> None:
    dialog = rig.call()
    assert rig.ask(dialog.request("PUBLISH")).status == 405
    assert rig.ask(dialog.request("FROBNICATE")).status == 501
    assert rig.ask(dialog.request("BYE")).status == 200


# 8.2.2.1 To and Request-URI -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("uri", ["http://example.com", "urn:service:sos"])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_rfc3261_8_2_2_1_another_scheme_in_the_request_uri_is_416(rig: Rig, method: str, uri: str) -> None:
    assert rig.ask(wire(method, uri=uri)).status == 416


def test_rfc3261_8_2_2_1_to_may_name_anybody_in_any_scheme(rig: Rig) -> None:
    rig.call(To="<tel:+18005550100>")
    rig.call(To="<sip:somebody.else@elsewhere.example.net>")


def test_rfc3261_8_2_2_1_a_number_that_nobody_has_is_404(rig: Rig) -> None:
    assert rig.ask(invite("9999")).status == 404


def test_rfc3261_19_1_1_headers_in_the_request_uri_are_400(rig: Rig) -> None:
    answer = rig.ask(wire("INVITE", uri="sip:1000@192.0.2.9?Subject=x"))
    assert (answer.status, answer.reason) == (400, "Bad Request: headers in the Request-URI")


# 8.2.2.2 Merged requests --------------------------------------------------------------------------------------------


def test_rfc3261_8_2_2_2_the_same_invite_by_another_way_is_482_and_the_call_stays(rig: Rig) -> None:
    dialog = rig.call(Call_ID="merged")
    assert rig.ask(invite(Call_ID="merged", Via=OTHER_WAY)).status == 482
    assert rig.ask(dialog.request("BYE")).status == 200
    assert len([fact for fact in rig.facts if isinstance(fact, CallReceived)]) == 1


def test_rfc3261_8_2_2_2_also_when_its_first_copy_was_refused_or_its_call_is_over(rig: Rig) -> None:
    assert rig.ask(invite("9999", Call_ID="refused")).status == 404
    assert rig.ask(invite("9999", Call_ID="refused", Via=OTHER_WAY)).status == 482
    dialog = rig.call(Call_ID="over")
    rig.ask(dialog.request("BYE"))
    assert rig.ask(invite(Call_ID="over", Via=OTHER_WAY + "2")).status == 482
    rig.pass_time(64)
    assert rig.ask(invite("9999", Call_ID="refused", Via=OTHER_WAY + "3")).status == 404


def test_rfc3261_8_2_2_2_a_new_attempt_with_the_next_cseq_is_no_merged_one(rig: Rig) -> None:
    assert rig.ask(invite("9999", Call_ID="again")).status == 404
    assert rig.ask(invite("9999", Call_ID="again", CSeq="314160 INVITE", Via=OTHER_WAY)).status == 404


def test_rfc3261_8_2_2_2_cancelling_one_way_does_not_cancel_the_other(rig: Rig) -> None:
    first = invite("ringing", Call_ID="two-ways")
    assert rig.ask(first).status == 180
    assert rig.ask(invite("ringing", Call_ID="two-ways", Via=OTHER_WAY)).status == 482
    cancel = wire("CANCEL", uri="sip:ringing@192.0.2.9", Call_ID="two-ways", Via=OTHER_WAY)
    assert [answer.status for answer in rig.send(cancel)] == [200]
    assert rig.exchange.live_calls == 1
    cancel = wire("CANCEL", uri="sip:ringing@192.0.2.9", Call_ID="two-ways")
    assert sorted(answer.status for answer in rig.send(cancel)) == [200, 487]


@pytest.mark.parametrize("user", ["1000", "ringing"])
def test_rfc3261_8_2_2_2_after_a_crash_branches_are_compared(user: str) -> None:
    before, after = Rig(), Rig(seed=b"another process")
    dialog = before.invite(user, Call_ID="crashed")
    after.now_s = before.now_s + 1
    after.step(fx.CallAdopted(dialog.call, tuple(before.facts)))
    waking, refusal = after.send(invite(user, Call_ID="crashed", Via=OTHER_WAY))
    assert (waking.to.tag, refusal.status) == (dialog.tag, 482)
    assert {answer.status for answer in after.send(dialog.invite)} <= {180, 200}
    assert after.exchange.live_calls == 1


def test_rfc3261_8_2_2_2_a_ping_by_two_ways_is_answered_twice(rig: Rig) -> None:
    assert rig.ask(wire("OPTIONS")).status == 200
    assert rig.ask(wire("OPTIONS", Via=OTHER_WAY)).status == 200


# 8.2.2.3 Require ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_rfc3261_8_2_2_3_what_is_required_and_not_supported_is_420_and_listed(rig: Rig, method: str) -> None:
    answer = rig.ask(wire(method, "Require: teleport", "Require: levitate, precondition"))
    assert (answer.status, answer.headers.get("Unsupported")) == (420, "teleport, levitate, precondition")


def test_rfc3261_8_2_2_3_require_is_ignored_in_ack_and_cancel(rig: Rig) -> None:
    dialog = rig.invite()
    assert rig.send(dialog.request("ACK", "Require: teleport")) == []
    assert rig.ask(dialog.request("BYE")).status == 200
    ringing = rig.invite("ringing")
    cancel = ringing.invite.replace(b"INVITE", b"CANCEL").split(b"\r\nContent-Type")[0]
    assert 200 in [answer.status for answer in rig.send(cancel + b"\r\nRequire: teleport\r\nContent-Length: 0\r\n\r\n")]


def test_rfc3261_8_2_2_3_within_a_call_too(rig: Rig) -> None:
    dialog = rig.call()
    assert rig.ask(dialog.request("OPTIONS", "Require: teleport")).status == 420


def test_rfc3261_20_29_proxy_require_is_not_for_us(rig: Rig) -> None:
    assert rig.ask(wire("OPTIONS", "Proxy-Require: something")).status == 200


# 8.2.3 Content ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_rfc3261_8_2_3_a_body_of_another_type_is_415_and_says_what_is_taken(rig: Rig, method: str) -> None:
    answer = rig.ask(wire(method, "Content-Type: text/plain", uri="sip:1000@192.0.2.9", body=b"hello"))
    assert answer.status == 415
    assert "application/sdp" in answer.headers.get_all("Accept")
    assert answer.headers.get("Accept-Encoding") == "identity"
    assert answer.headers.get("Accept-Language") == "en"


def test_rfc3261_8_2_3_an_encoded_body_is_415(rig: Rig) -> None:
    answer = rig.ask(invite("1000", "Content-Encoding: gzip"))
    assert (answer.status, answer.headers.get("Accept-Encoding")) == (415, "identity")


def test_rfc3261_8_2_3_a_description_among_other_parts_is_found(rig: Rig) -> None:
    body = (
        b"--b1\r\nContent-Type: application/isup\r\n\r\n\0\1\2\r\n--b1\r\nContent-Type: application/sdp\r\n\r\n" + SDP
    )
    answer = rig.ask(invite(body=body + b"\r\n--b1--", content_type="multipart/mixed;boundary=b1"))
    assert answer.status == 200
    assert b"m=audio 40000 RTP/AVP 0 101" in answer.body


def test_rfc3261_8_2_3_who_hangs_up_hangs_up_whatever_the_body_says(rig: Rig) -> None:
    dialog = rig.call()
    assert rig.ask(dialog.request("BYE", "Content-Type: application/isup", body=b"\0\1")).status == 200


def test_rfc3261_20_1_an_answer_that_accept_rules_out_is_406_with_a_warning(rig: Rig) -> None:
    answer = rig.ask(invite("1000", "Accept: application/dtmf-relay, text/*"))
    assert answer.status == 406
    assert answer.headers.get("Warning", "").startswith("399 ")


@pytest.mark.parametrize("accept", ["application/sdp", "text/plain, application/*;q=0.5", "*/*"])
def test_rfc3261_20_1_an_accept_with_room_for_a_description_is_fine(rig: Rig, accept: str) -> None:
    assert rig.ask(invite("1000", f"Accept: {accept}")).status == 200


# 8.2.6 The response -------------------------------------------------------------------------------------------------


def test_rfc3261_8_2_6_2_a_response_repeats_what_its_request_said(rig: Rig) -> None:
    request = wire("OPTIONS", "Via: SIP/2.0/UDP far.example.com;branch=z9hG4bKfar", Via=OTHER_WAY)
    answer = rig.ask(request)
    assert [via.split(";")[0] for via in answer.headers.get_all("Via")] == [
        "SIP/2.0/UDP 192.0.2.7:5060",
        "SIP/2.0/UDP far.example.com",
    ]
    assert (answer.call_id, str(answer.cseq)) == ("a84b4c76e66710@192.0.2.1", "314159 OPTIONS")
    assert answer.from_.tag == "1928301774"
    assert answer.to.tag


# 11.2, 16.3 ---------------------------------------------------------------------------------------------------------


def test_rfc3261_11_2_options_say_what_is_taken(rig: Rig) -> None:
    answer = rig.ask(wire("OPTIONS"))
    assert answer.status == 200
    assert answer.headers.get("Allow") == ALLOW
    assert "application/sdp" in answer.headers.get_all("Accept")
    assert "Accept-Encoding" in answer.headers
    assert "Accept-Language" in answer.headers


def test_rfc3261_16_3_max_forwards_0_is_no_matter_to_an_endpoint(rig: Rig) -> None:
    assert rig.ask(wire("OPTIONS", Max_Forwards="0")).status == 200
    assert rig.ask(invite(Max_Forwards="0")).status == 200


# 12.2.2, 14.2: within a dialog --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["BYE", "INVITE", "OPTIONS", "PUBLISH"])
def test_rfc3261_12_2_2_a_dialog_that_nobody_has_is_481(rig: Rig, method: str) -> None:
    assert rig.ask(wire(method, To="<sip:bob@biloxi.example.com>;tag=nobodys")).status == 481


@pytest.mark.parametrize("method", ["BYE", "INVITE", "OPTIONS"])
def test_rfc3261_12_2_2_a_request_out_of_order_is_500(rig: Rig, method: str) -> None:
    dialog = rig.call()
    assert rig.ask(dialog.request("OPTIONS", cseq=314200)).status == 200
    assert rig.ask(dialog.request(method, cseq=314199)).status == 500
    assert rig.exchange.live_calls == 1
    assert rig.ask(dialog.request("BYE", cseq=314201)).status == 200


def test_rfc3261_12_2_2_gaps_in_the_order_are_fine(rig: Rig) -> None:
    dialog = rig.call()
    assert rig.ask(dialog.request("BYE", cseq=2**31 - 1)).status == 200


def test_rfc3261_14_2_an_invite_while_another_is_in_work_is_500_with_retry_after(rig: Rig) -> None:
    waits = set()
    for _ in range(8):
        dialog = rig.invite("ringing")
        answer = rig.ask(dialog.request("INVITE", body=SDP))
        assert answer.status == 500
        waits.add(int(answer.headers.get("Retry-After", "")))
    assert waits <= set(range(11))
    assert len(waits) > 1
    assert rig.exchange.live_calls == 8


# 21: the words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"CSeq": "1 BYE"}, "CSeq names another method than the request line"),
        ({"CSeq": "first INVITE"}, "a CSeq that cannot be read"),
        ({"From": "nobody"}, "From: an address that cannot be read"),
        ({"Max_Forwards": "-1"}, "a Max-Forwards that is no number up to 255"),
        ({"Call_ID": ""}, "Call-ID is empty"),
    ],
)
def test_rfc3261_21_4_1_a_400_says_what_is_wrong(rig: Rig, changed: dict[str, str], reason: str) -> None:
    answer = rig.ask(wire("INVITE", **changed))
    assert (answer.status, answer.reason) == (400, f"Bad Request: {reason}")


def test_rfc3261_21_4_1_of_an_offer_too(rig: Rig) -> None:
    answer = rig.ask(invite(body=b"v=1\r\n"))
    assert (answer.status, answer.reason) == (400, "Bad Request: a session description without v=0")
    assert rig.exchange.live_calls == 0


def test_rfc3261_21_5_6_another_version_is_505(rig: Rig) -> None:
    assert rig.ask(wire("OPTIONS").replace(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia", 1)).status == 505


def test_rfc3261_8_2_7_what_is_refused_without_a_transaction_has_the_same_tag_each_time(rig: Rig) -> None:
    broken = wire("INVITE", Max_Forwards="many")
    assert rig.ask(broken).to.tag == rig.ask(broken).to.tag
    assert rig.ask(broken).to.tag != Rig().ask(wire("INVITE", Max_Forwards="many", Call_ID="another")).to.tag
    assert rig.send(broken.replace(b"INVITE", b"ACK")) == []


def test_rfc3261_8_2_refusals_are_on_record(rig: Rig) -> None:
    for data in (
        invite("9999", Call_ID="a", Via=OTHER_WAY + "a"),
        invite("1000", "Require: x", Call_ID="b", Via=OTHER_WAY + "b"),
        invite("1000", content_type="text/plain", Call_ID="c", Via=OTHER_WAY + "c"),
        wire("INVITE", uri="urn:x:y", Call_ID="d", Via=OTHER_WAY + "d"),
    ):
        rig.send(data)
    ended = [(fact.sip_call_id, fact.sip_status) for fact in rig.facts if isinstance(fact, CallEnded)]
    assert ended == [("a", 404), ("b", 420), ("c", 415), ("d", 416)]
