"""What a request is refused for before anybody deals with it. The clauses are in tests/spec/test_rfc3261_8_2_*."""

import pytest

from keepline.sip.message import KNOWN_METHODS
from keepline.sip.reasons import REASON_CHARS_MAX, phrase_for
from keepline.sip.uas import ALLOWED_METHODS, refusal_of
from tests.spec.sip_messages import SDP, request


@pytest.mark.parametrize("method", [method for method in ALLOWED_METHODS if method != "ACK"])
def test_what_is_served_is_not_refused(method: str) -> None:
    assert refusal_of(request(method)) is None


@pytest.mark.parametrize("method", sorted(KNOWN_METHODS - {*ALLOWED_METHODS, "REFER"}))
def test_what_is_known_and_not_served(method: str) -> None:
    found = refusal_of(request(method))
    assert found is not None
    assert found.status == 405


def test_the_first_thing_wrong_is_what_the_peer_hears_of() -> None:
    everything = ("Require: a", "Content-Type: text/plain", "Accept: text/plain")
    found = [
        refusal_of(request("FOO", *everything, uri="mailto:x@example.com", body=b"x")),
        refusal_of(request("INVITE", *everything, uri="mailto:x@example.com", body=b"x")),
        refusal_of(request("INVITE", *everything, body=b"x")),
        refusal_of(request("INVITE", *everything[1:], body=b"x")),
        refusal_of(request("INVITE", "Content-Type: application/sdp", everything[2], body=SDP)),
    ]
    assert [refusal.status for refusal in found if refusal] == [501, 416, 420, 415, 406]


def test_a_reason_phrase_says_what_is_wrong_with_a_400_alone() -> None:
    assert phrase_for(400, "To: an address") == "Bad Request: To: an address"
    assert phrase_for(400, "") == "Bad Request"
    assert phrase_for(404, "no such number") == "Not Found"
    assert phrase_for(699, "") == phrase_for(600, "")


def test_what_a_peer_wrote_does_not_leave_its_line() -> None:
    said = phrase_for(400, "the parameter a\r\nVia: x\0\x1b[1m is given twice" + "x" * 500)
    assert said.isprintable()
    assert len(said) <= REASON_CHARS_MAX + len("Bad Request: ")
