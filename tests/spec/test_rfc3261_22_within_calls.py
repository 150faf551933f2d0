"""RFC 3261 §22.1 to §22.3, RFC 7616 §3.3: challenges to requests of ours within a call are answered once."""

import pytest

from keepline.call.facts import CallPlaced, RequestProven
from keepline.call.state import request_of
from keepline.model.limits import REQUEST_PROOFS_MAX
from keepline.sip.digest import answers_in, proves
from keepline.sip.message import Message, Request
from tests.spec.placing_rig import CALLEE, Placer, answer_of, answered, callee_request, methods
from tests.spec.test_rfc3261_8_uac_retries import CHALLENGE, with_password

EXPIRES_S = 200
BY_US = ("Session-Expires", f"{EXPIRES_S};refresher=uac")
BY_THEM = ("Session-Expires", f"{EXPIRES_S};refresher=uas")


def only(sent: list[Message], method: str) -> Request:
    [found] = [each for each in sent if isinstance(each, Request) and each.method == method]
    return found


def bye_of(placer: Placer) -> Request:
    """The BYE of a session that nobody refreshed."""
    placer.hear(answered(placer.place(), BY_THEM))
    return only(placer.wait(EXPIRES_S - 31.9), "BYE")


def refer_of(placer: Placer) -> Request:
    placer.connect(flow="hand_over")
    return only(placer.wait(1.05), "REFER")


def refresh_of(placer: Placer) -> Request:
    placer.hear(answered(placer.place(), BY_US))
    return only(placer.wait(EXPIRES_S / 2 + 0.1), "INVITE")


REQUESTS = {"BYE": bye_of, "REFER": refer_of, "INVITE": refresh_of}


def challenge(request: Request, nonce: str, status: int = 401, more: str = "", realm: str = "carrier") -> Message:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return answer_of(request, status, (name, CHALLENGE.format(nonce).replace("carrier", realm) + more))


def proven(placer: Placer, request: Request, nonce: str, status: int = 401, more: str = "") -> Request:
    """The request that follows a challenge."""
    again = only(placer.hear(challenge(request, nonce, status, more)), request.method)
    assert again.cseq.number == request.cseq.number + 1
    assert again.top_via.branch != request.top_via.branch
    assert (again.call_id, again.from_.tag, again.to.tag) == (request.call_id, request.from_.tag, request.to.tag)
    assert (again.uri, again.body) == (request.uri, request.body)
    return again


@pytest.mark.parametrize("method", REQUESTS)
@pytest.mark.parametrize(("status", "name"), [(401, "Authorization"), (407, "Proxy-Authorization")])
def test_rfc3261_22_2_a_challenge_within_a_call_is_answered(method: str, status: int, name: str) -> None:
    placer = with_password()
    again = proven(placer, REQUESTS[method](placer), "n1", status)
    [answer] = answers_in(again, name)
    assert answer.uri == again.uri
    assert proves(answer, again, "sesame")
    fact = placer.facts[-1]
    assert isinstance(fact, RequestProven)
    assert "Digest" not in fact.request, "what is written lets nobody guess the password"


def test_rfc3261_22_2_a_bye_that_is_proven_ends_the_call() -> None:
    placer = with_password()
    again = proven(placer, bye_of(placer), "n1")
    assert placer.record().state == "leaving"
    placer.hear(answer_of(again, 200))
    record = placer.record()
    assert (record.state, record.outcome, record.ended_by) == ("ended", "answered", "node")


def test_rfc3261_22_2_a_refer_that_is_proven_is_heard_of() -> None:
    placer = with_password()
    again = proven(placer, refer_of(placer), "n1")
    placer.hear(answer_of(again, 202))
    told = callee_request(placer_invite(placer), "NOTIFY", body=b"SIP/2.0 200 OK\r\n").replace(
        b"Content-Type: application/sdp",
        b"Event: refer\r\nSubscription-State: terminated\r\nContent-Type: message/sipfrag",
    )
    bye = only(placer.hear(told), "BYE")
    assert bye.cseq.number == again.cseq.number + 1


def placer_invite(placer: Placer) -> Request:
    """The INVITE of its only call."""
    [placed] = [fact for fact in placer.facts if isinstance(fact, CallPlaced)]
    return request_of(placed.invite)


def test_rfc3261_22_2_an_invite_that_is_proven_refreshes_the_session() -> None:
    placer = with_password()
    again = proven(placer, refresh_of(placer), "n1")
    assert only(placer.hear(answered(again, BY_US)), "ACK").cseq.number == again.cseq.number
    third = only(placer.wait(EXPIRES_S / 2 + 0.1), "INVITE")
    assert third.cseq.number == again.cseq.number + 1
    assert answers_in(proven(placer, third, "n3")), "each request has its own"


@pytest.mark.parametrize("method", REQUESTS)
def test_rfc3261_22_2_a_proof_that_is_refused_is_the_end_of_it(method: str) -> None:
    placer = with_password()
    again = proven(placer, REQUESTS[method](placer), "n1")
    sent = placer.hear(challenge(again, "n1"))
    assert method not in methods(sent)
    if method == "BYE":
        assert placer.record().state == "ended"


def test_rfc7616_3_3_a_stale_nonce_is_answered_so_often_and_no_more() -> None:
    placer = with_password()
    bye = bye_of(placer)
    for number in range(REQUEST_PROOFS_MAX):
        bye = proven(placer, bye, f"n{number}", more=", stale=true")
        [answer] = answers_in(bye)
        assert answer.nonce == f"n{number}"
    assert placer.hear(challenge(bye, "last", more=", stale=true")) == []
    assert placer.record().state == "ended"


def test_rfc3261_22_3_the_proxy_and_the_peer_may_both_ask() -> None:
    placer = with_password()
    again = proven(placer, bye_of(placer), "n1", 407)
    third = proven(placer, again, "n2", 401)
    assert answers_in(third, "Proxy-Authorization")
    assert answers_in(third)
    [*_, repeated] = placer.crash()
    assert repeated.encode() == third.encode()


@pytest.mark.parametrize("method", REQUESTS)
def test_rfc3261_22_2_without_credentials_a_challenge_is_the_answer(method: str) -> None:
    placer = Placer()
    request = REQUESTS[method](placer)
    assert method not in methods(placer.hear(challenge(request, "n1")))
    assert not [fact for fact in placer.facts if isinstance(fact, RequestProven)]


@pytest.mark.parametrize("method", REQUESTS)
def test_a_successor_sends_the_very_same_request_with_its_proof(method: str) -> None:
    placer = with_password()
    request = REQUESTS[method](placer)
    again = proven(placer, request, "n1")
    repeated = only(placer.crash(), method)
    assert repeated.encode() == again.encode()
    third = proven(placer, repeated, "n2", more=", stale=true")
    assert third.cseq.number == request.cseq.number + 2


@pytest.mark.parametrize("method", REQUESTS)
def test_a_successor_answers_the_challenge_to_what_its_predecessor_sent(method: str) -> None:
    placer = with_password()
    request = REQUESTS[method](placer)
    repeated = only(placer.crash(), method)
    assert repeated.encode() == request.encode()
    proven(placer, repeated, "n1")


def test_a_bye_that_crosses_theirs_is_not_repeated() -> None:
    placer = with_password()
    placer._media_closes = False
    bye = bye_of(placer)
    assert methods(placer.hear(callee_request(placer_invite(placer), "BYE"), CALLEE)) == ["200"]
    assert placer.hear(challenge(bye, "n1")) == []


def test_a_challenge_to_a_transfer_that_is_over_is_not_answered() -> None:
    placer = with_password()
    refer = refer_of(placer)
    placer.hear(callee_request(placer_invite(placer), "BYE"), CALLEE)
    assert placer.hear(challenge(refer, "n1")) == []


@pytest.mark.parametrize("status", [401, 407])
def test_rfc3261_22_1_the_ack_has_the_credentials_of_its_invite(status: int) -> None:
    placer = with_password()
    _, invite = placer.hear(challenge(placer.place(), "n1", status))
    assert isinstance(invite, Request)
    ack = only(placer.hear(answered(invite, BY_US)), "ACK")
    name = "Authorization" if status == 401 else "Proxy-Authorization"
    assert ack.headers.get_all(name) == invite.headers.get_all(name) != []
    assert [each.encode() for each in placer.crash()] == [ack.encode()], "a successor's is the same"

    refresh = only(placer.wait(EXPIRES_S / 2 + 0.1), "INVITE")
    again = proven(placer, refresh, "n2", status)
    ack = only(placer.hear(answered(again, BY_US)), "ACK")
    assert ack.headers.get_all(name) == again.headers.get_all(name) != []
    placer.crash()
    assert [each.encode() for each in placer.hear(answered(again, BY_US))] == [ack.encode()]


def test_rfc3261_22_1_without_credentials_an_ack_has_none() -> None:
    placer = with_password()
    [ack] = placer.hear(answered(placer.place()))
    assert not ack.headers.get("Authorization")
