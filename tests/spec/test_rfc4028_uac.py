"""RFC 4028, RFC 3261 §12.2.1.2, §14.1: we refresh a call that we placed where that was agreed, or end it."""

import pytest

from keepline.call import effects as fx
from keepline.call.facts import ReinviteEnded, ReinviteSent
from keepline.sip.message import Request
from tests.spec.placing_rig import ANSWER, Placer, answer_of, answered, callee_request, methods

EXPIRES_S = 200
BY_US = ("Session-Expires", f"{EXPIRES_S};refresher=uac")
BY_THEM = ("Session-Expires", f"{EXPIRES_S};refresher=uas")


def connected(placer: Placer, *headers: tuple[str, str]) -> Request:
    invite = placer.place()
    assert methods(placer.hear(answered(invite, *headers))) == ["ACK"]
    return invite


def refreshed(placer: Placer, after_s: float = EXPIRES_S / 2) -> Request:
    """The INVITE that refreshes the session, when it is due."""
    assert placer.wait(after_s - 0.1) == []
    [invite] = placer.wait(0.2)
    assert isinstance(invite, Request)
    assert invite.method == "INVITE"
    return invite


def test_rfc4028_7_2_we_refresh_at_half_time() -> None:
    placer = Placer()
    first = connected(placer, BY_US)
    again = refreshed(placer)
    assert (again.to.tag, again.from_.tag, again.cseq.number) == ("callee", first.from_.tag, 2)
    assert again.body == first.body, "the description stands, so its version does too"
    assert again.headers.get("Session-Expires") == f"{EXPIRES_S};refresher=uac"
    [ack] = placer.hear(answered(again, BY_US))
    [same] = placer.hear(answered(again, BY_US))
    assert ack.encode() == same.encode()
    assert ack.cseq.number == 2
    third = refreshed(placer)
    assert third.cseq.number == 3
    placer.hear(answered(third, BY_US))
    assert methods(placer.hear(callee_request(first, "BYE"))) == ["200"]


def test_rfc4028_10_a_callee_that_does_not_refresh_ends_the_call() -> None:
    placer = Placer()
    connected(placer, BY_THEM)
    assert methods(placer.wait(EXPIRES_S))[0] == "BYE"
    assert placer.record().reason == "session expired without a refresh"


def test_rfc4028_7_2_without_a_timer_nothing_is_refreshed() -> None:
    placer = Placer()
    connected(placer)
    assert placer.wait(10_000.0) == []


def test_rfc4028_9_the_callee_may_take_the_refreshing_over() -> None:
    placer = Placer()
    first = connected(placer, BY_US)
    theirs = callee_request(first, "INVITE", body=ANSWER).replace(
        b"CSeq:", b"Supported: timer\r\nSession-Expires: 200;refresher=uac\r\nCSeq:"
    )
    [ok] = placer.hear(theirs)
    assert methods([ok]) == ["200"]
    placer.hear(callee_request(first, "ACK"))
    assert placer.wait(EXPIRES_S / 2 + 1) == []


def test_rfc3261_14_1_a_491_is_tried_again_after_2_to_4_seconds() -> None:
    placer = Placer()
    connected(placer, BY_US)
    again = refreshed(placer)
    assert methods(placer.hear(answer_of(again, 491))) == ["ACK"]
    assert placer.wait(2.0) == []
    third, *_copies = placer.wait(2.1)
    assert isinstance(third, Request)
    assert (third.method, third.cseq.number) == ("INVITE", 3)


def test_rfc4028_7_4_a_422_is_tried_again_with_more() -> None:
    placer = Placer()
    connected(placer, BY_US)
    again = refreshed(placer)
    assert methods(placer.hear(answer_of(again, 422, ("Min-SE", "900")))) == ["ACK"]
    [third] = placer.wait(0.1)
    assert (third.headers.get("Session-Expires"), third.headers.get("Min-SE")) == ("900;refresher=uac", "900")


@pytest.mark.parametrize("status", [408, 481])
def test_rfc3261_12_2_1_2_a_callee_without_the_call_ends_it(status: int) -> None:
    placer = Placer()
    connected(placer, BY_US)
    assert methods(placer.hear(answer_of(refreshed(placer), status))) == ["ACK", "BYE"]


def test_rfc3261_12_2_1_2_so_does_one_that_does_not_answer() -> None:
    placer = Placer()
    connected(placer, BY_US)
    refreshed(placer)
    assert methods(placer.wait(32.5))[-1] == "BYE"


def test_rfc3261_14_1_another_refusal_leaves_the_session_until_it_expires() -> None:
    placer = Placer()
    connected(placer, BY_US)
    assert methods(placer.hear(answer_of(refreshed(placer), 500))) == ["ACK"]
    assert placer.record().state == "live"
    assert "BYE" in methods(placer.wait(EXPIRES_S / 2))


def test_rfc3261_14_2_an_invite_that_meets_ours_is_491() -> None:
    placer = Placer()
    first = connected(placer, BY_US)
    refreshed(placer)
    assert methods(placer.hear(callee_request(first, "INVITE", body=ANSWER))) == ["491"]


def test_rfc3261_14_1_the_answer_may_move_the_media() -> None:
    placer = Placer()
    connected(placer, BY_US)
    again = refreshed(placer)
    placer.hear(answered(again, BY_US, body=ANSWER.replace(b"49170", b"49190")))
    [moved] = [each for each in placer.media if isinstance(each, fx.RedirectMedia)]
    assert moved.remote_port == 49190


def test_a_successor_goes_on_with_the_very_same_invite() -> None:
    placer = Placer()
    first = connected(placer, BY_US)
    again = refreshed(placer)
    assert isinstance(placer.facts[-1], ReinviteSent)
    sent = placer.crash()
    assert methods(sent) == ["ACK", "INVITE"]
    assert sent[1].encode() == again.encode()
    assert methods(placer.hear(answered(again, BY_US))) == ["ACK"]
    assert isinstance(placer.facts[-1], ReinviteEnded)
    placer.crash()
    third = refreshed(placer)
    assert third.cseq.number == 3
    assert methods(placer.hear(callee_request(first, "BYE"))) == ["200"]


def test_a_2xx_that_a_predecessor_has_acknowledged_is_acknowledged_alike() -> None:
    placer = Placer()
    connected(placer, BY_US)
    again = refreshed(placer)
    [ack] = placer.hear(answered(again, BY_US))
    placer.crash()
    [same] = placer.hear(answered(again, BY_US))
    assert same.encode() == ack.encode()
