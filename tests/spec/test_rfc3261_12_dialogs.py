"""RFC 3261 §12, §13.2.2.4, §13.3.1.4: dialogs and the requests within them."""

import pytest

from keepline.model.errors import PeerError
from keepline.sip.dialog import (
    Dialog,
    ack_for_2xx,
    after_request,
    dialog_key,
    in_order,
    next_hop,
    next_request,
    retransmission_times_s,
    uac_dialog,
    uas_dialog,
)
from keepline.sip.message import Request, parse_message
from tests.spec.sip_messages import SDP, request, response

RECORD_ROUTES = "Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com:5070;lr>"
TO_TAGGED = "Bob <sip:bob@biloxi.example.com>;tag=ours"


def dialog(*routes: str, target: str = "sip:alice@192.0.2.1:5062") -> Dialog:
    """One in which we answered the caller."""
    return Dialog(
        "a84b4c76e66710@192.0.2.1", "ours", "theirs", 0, 314159, "sip:bob@biloxi.example.com",
        "sip:alice@atlanta.example.com", target, routes,
    )  # fmt: skip


def sent(of: Dialog, method: str = "BYE", **more: str) -> Request:
    """Its next request, through the wire and back."""
    _, made = next_request(of, method, branch="z9hG4bKours", via_host="192.0.2.9", via_port=5060, **more)  # type: ignore[arg-type]
    message = parse_message(made.encode())
    assert isinstance(message, Request)
    return message


# Beginning ----------------------------------------------------------------------------------------------------------


def test_rfc3261_12_1_1_the_dialog_of_the_server() -> None:
    made = uas_dialog(request("INVITE", RECORD_ROUTES), "ours")
    assert made == Dialog(
        call_id="a84b4c76e66710@192.0.2.1",
        local_tag="ours",
        remote_tag="1928301774",
        local_cseq=0,
        remote_cseq=314159,
        local_uri="sip:bob@biloxi.example.com",
        remote_uri="sip:alice@atlanta.example.com",
        remote_target="sip:alice@192.0.2.1",
        route_set=("<sip:p2.example.com;lr>", "<sip:p1.example.com:5070;lr>"),
    )


def test_rfc3261_12_1_1_a_peer_without_a_tag_has_an_empty_one() -> None:
    assert uas_dialog(request(From="sip:old@example.com"), "ours").remote_tag == ""


@pytest.mark.parametrize("contact", [None, "*", "<tel:+1>", "<sip:a@b>, <sip:c@d>", "x", ""])
def test_rfc3261_8_1_1_8_an_invite_has_one_sip_contact(contact: str | None) -> None:
    with pytest.raises(PeerError):
        uas_dialog(request(without=("Contact",)) if contact is None else request(Contact=contact), "ours")


def test_rfc2543_6_13_without_a_contact_the_from_serves() -> None:
    old = request(without=("Contact",), Via="SIP/2.0/UDP 192.0.2.1", From="<sip:old@192.0.2.1:5070>")
    assert uas_dialog(old, "ours").remote_target == "sip:old@192.0.2.1:5070"
    with pytest.raises(PeerError) as caught:
        uas_dialog(request(without=("Contact",), Via="SIP/2.0/UDP 192.0.2.1", From="<tel:+1>"), "ours")
    assert caught.value.status == 416


def test_rfc3261_12_1_2_the_dialog_of_the_client() -> None:
    invite = request("INVITE", RECORD_ROUTES)
    made = uac_dialog(invite, response(invite, 200, ("Contact", "<sip:bob@192.0.2.4>")))
    assert made == Dialog(
        call_id="a84b4c76e66710@192.0.2.1",
        local_tag="1928301774",
        remote_tag="a6c85cf",
        local_cseq=314159,
        remote_cseq=None,
        local_uri="sip:alice@atlanta.example.com",
        remote_uri="sip:bob@biloxi.example.com",
        remote_target="sip:bob@192.0.2.4",
        route_set=("<sip:p1.example.com:5070;lr>", "<sip:p2.example.com;lr>"),
    )


# Requests within ----------------------------------------------------------------------------------------------------


def test_rfc3261_12_2_1_1_the_fields_of_a_request_within() -> None:
    after, bye = next_request(dialog(), "BYE", branch="z9hG4bKours", via_host="192.0.2.9", via_port=5060)
    assert bye.encode() == (
        b"BYE sip:alice@192.0.2.1:5062 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKours;rport\r\n"
        b"Max-Forwards: 70\r\n"
        b"From: <sip:bob@biloxi.example.com>;tag=ours\r\n"
        b"To: <sip:alice@atlanta.example.com>;tag=theirs\r\n"
        b"Call-ID: a84b4c76e66710@192.0.2.1\r\n"
        b"CSeq: 1 BYE\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    assert after.local_cseq == 1
    assert next_request(after, "BYE", branch="x", via_host="h", via_port=1)[1].cseq.number == 2


def test_rfc3261_12_2_1_1_no_tag_where_the_peer_has_none() -> None:
    assert sent(uas_dialog(request(From="sip:old@example.com"), "ours")).to.tag is None


def test_rfc3261_12_2_1_1_a_loose_route_leaves_the_target_in_the_request_uri() -> None:
    bye = sent(dialog("<sip:p2.example.com;lr>", "<sip:p1.example.com>"))
    assert bye.uri == "sip:alice@192.0.2.1:5062"
    assert bye.headers.get_all("Route") == ["<sip:p2.example.com;lr>", "<sip:p1.example.com>"]


def test_rfc3261_12_2_1_1_a_strict_route_takes_the_request_uri_and_the_target_goes_last() -> None:
    bye = sent(dialog("<sip:p2.example.com;method=INVITE;x=1?a=b>", "<sip:p1.example.com;lr>"))
    assert bye.uri == "sip:p2.example.com;x=1"
    assert bye.headers.get_all("Route") == ["<sip:p1.example.com;lr>", "<sip:alice@192.0.2.1:5062>"]


def test_rfc3261_12_2_1_1_a_target_refresh_has_a_contact_and_a_body_its_type() -> None:
    _, made = next_request(
        dialog(),
        "INVITE",
        branch="z9hG4bK1",
        via_host="2001:db8::1",
        via_port=5060,
        contact="sip:bob@192.0.2.9",
        body=SDP,
    )
    assert made.headers.get("Contact") == "<sip:bob@192.0.2.9>"
    assert made.headers.get("Content-Type") == "application/sdp"
    assert made.top_via.host == "[2001:db8::1]"


@pytest.mark.parametrize(
    ("routes", "hop"),
    [
        ((), ("192.0.2.1", 5062)),
        (("<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>"), ("p2.example.com", 5060)),
        (("<sip:p2.example.com:5070;maddr=192.0.2.7>",), ("192.0.2.7", 5070)),
        (("<sip:[2001:db8::2];lr>",), ("2001:db8::2", 5060)),
    ],
)
def test_rfc3261_12_2_1_1_requests_go_to_the_first_route_or_the_target(
    routes: tuple[str, ...], hop: tuple[str, int]
) -> None:
    assert next_hop(dialog(*routes)) == hop


def test_rfc3261_12_2_1_1_a_route_that_cannot_be_read_is_the_peers_fault() -> None:
    for broken in ("<tel:+1>", "x", ""):
        with pytest.raises(PeerError):
            next_hop(dialog(broken))
        with pytest.raises(PeerError):
            sent(dialog(broken))


def test_rfc3261_12_2_2_a_request_within_is_found_by_call_id_and_tags() -> None:
    assert dialog_key(request("BYE", To=TO_TAGGED, From="<sip:alice@atlanta.example.com>;tag=theirs")) == dialog().key
    assert dialog_key(request("INVITE"))[1] == ""


def test_rfc3261_12_2_2_a_lower_or_equal_cseq_is_out_of_order() -> None:
    assert not in_order(dialog(), request("BYE", CSeq="314158 BYE"))
    assert not in_order(dialog(), request("BYE", CSeq="314159 BYE"))
    assert in_order(dialog(), request("BYE", CSeq="314160 BYE"))
    assert in_order(dialog(), request("BYE", CSeq="400000 BYE"))


def test_rfc3261_12_2_2_ack_and_cancel_repeat_the_number_of_their_invite() -> None:
    for method in ("ACK", "CANCEL"):
        assert in_order(dialog(), request(method, CSeq=f"314159 {method}"))
        assert not in_order(dialog(), request(method, CSeq=f"314158 {method}"))
        assert after_request(dialog(), request(method)) == dialog()


def test_rfc3261_12_2_2_the_first_request_of_the_peer_is_in_order() -> None:
    invite = request()
    made = uac_dialog(invite, response(invite, 200, ("Contact", "<sip:bob@192.0.2.4>")))
    assert in_order(made, request("BYE", CSeq="0 BYE"))
    assert after_request(made, request("BYE", CSeq="7 BYE")).remote_cseq == 7


def test_rfc3261_12_2_2_a_re_invite_refreshes_the_target_and_a_bye_does_not() -> None:
    moved = after_request(dialog(), request("INVITE", CSeq="314160 INVITE", Contact="<sip:alice@192.0.2.77>"))
    assert (moved.remote_target, moved.remote_cseq) == ("sip:alice@192.0.2.77", 314160)
    left = after_request(dialog(), request("BYE", CSeq="314160 BYE", Contact="<sip:alice@192.0.2.77>"))
    assert left.remote_target == "sip:alice@192.0.2.1:5062"


# ACK and 2xx --------------------------------------------------------------------------------------------------------


def test_rfc3261_13_2_2_4_the_ack_to_a_2xx_has_a_branch_of_its_own_and_the_cseq_of_the_invite() -> None:
    invite = request()
    made = uac_dialog(invite, response(invite, 200, ("Contact", "<sip:bob@192.0.2.4>")))
    ack = ack_for_2xx(made, branch="z9hG4bKack", via_host="192.0.2.1", via_port=5060)
    assert (ack.method, ack.uri, str(ack.cseq)) == ("ACK", "sip:bob@192.0.2.4", "314159 ACK")
    assert ack.top_via.branch == "z9hG4bKack"
    assert ack.to.tag == "a6c85cf"
    assert ack_for_2xx(made, branch="x", via_host="h", via_port=1, cseq=7).cseq.number == 7


def test_rfc3261_13_3_1_4_a_2xx_is_sent_again_from_t1_to_64_t1() -> None:
    assert list(retransmission_times_s(0.5, 4.0)) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
