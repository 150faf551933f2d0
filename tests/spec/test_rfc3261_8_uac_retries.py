"""RFC 3261 §8.1.3, §13.2.2.2, §22; RFC 3263 §4.3; RFC 4028 §7.4: what another INVITE may mend."""

from dataclasses import replace

import pytest

from keepline.call.facts import CallRetried
from keepline.model.capability import SecretRef
from keepline.model.limits import CALL_ATTEMPTS_MAX
from keepline.sip.digest import answers_in, proves
from keepline.sip.message import Request
from tests.spec.placing_rig import PROXY, Placer, answer_of, answered, methods

CHALLENGE = 'Digest realm="carrier", nonce="{}", algorithm=SHA-256, qop="auth"'
SECRET = SecretRef("env", "CARRIER")


def with_password(**more: object) -> Placer:
    placer = Placer(username="shop", password=SECRET, **more)
    placer.program = replace(placer.program, passwords={SECRET: "sesame"})
    placer.exchange.add_program(placer.program, current=True)
    return placer


def next_invite(placer: Placer, invite: Request, status: int, *headers: tuple[str, str]) -> Request:
    """The INVITE that follows a refusal, after its ACK."""
    ack, again = placer.hear(answer_of(invite, status, *headers))
    assert isinstance(ack, Request)
    assert isinstance(again, Request)
    assert (ack.method, again.method) == ("ACK", "INVITE")
    assert again.cseq.number == invite.cseq.number + 1
    assert again.top_via.branch != invite.top_via.branch
    assert (again.call_id, again.from_.tag, again.to.tag) == (invite.call_id, invite.from_.tag, None)
    return again


@pytest.mark.parametrize(
    ("status", "asks", "proof"),
    [(401, "WWW-Authenticate", "Authorization"), (407, "Proxy-Authenticate", "Proxy-Authorization")],
)
def test_rfc3261_22_2_a_challenge_is_answered_once(status: int, asks: str, proof: str) -> None:
    placer = with_password()
    invite = placer.place()
    again = next_invite(placer, invite, status, (asks, CHALLENGE.format("n1")))
    [answer] = answers_in(again, proof)
    assert proves(answer, again, "sesame")
    assert methods(placer.hear(answer_of(again, status, (asks, CHALLENGE.format("n2"))))) == ["ACK"]
    assert placer.record().sip_status == status


def test_rfc3261_22_2_a_stale_nonce_is_answered_again() -> None:
    placer = with_password()
    again = next_invite(placer, placer.place(), 401, ("WWW-Authenticate", CHALLENGE.format("n1")))
    third = next_invite(placer, again, 401, ("WWW-Authenticate", CHALLENGE.format("n2") + ", stale=true"))
    [answer] = answers_in(third)
    assert answer.nonce == "n2"
    assert methods(placer.hear(answered(third))) == ["ACK"]


def test_rfc3261_22_2_without_credentials_a_challenge_is_a_refusal() -> None:
    placer = Placer()
    invite = placer.place()
    assert methods(placer.hear(answer_of(invite, 401, ("WWW-Authenticate", CHALLENGE.format("n1"))))) == ["ACK"]
    assert placer.record().outcome == "refused"


def test_rfc4028_7_4_a_session_timer_that_is_too_small_is_raised() -> None:
    placer = Placer()
    again = next_invite(placer, placer.place(), 422, ("Min-SE", "2400"))
    assert (again.headers.get("Session-Expires"), again.headers.get("Min-SE")) == ("2400", "2400")
    assert methods(placer.hear(answer_of(again, 422, ("Min-SE", "2400")))) == ["ACK"], "nothing more to raise"


def test_rfc3261_8_1_3_4_a_redirection_is_followed_by_q() -> None:
    placer = Placer()
    invite = placer.place("1000")
    low, high = "sip:1000@192.0.2.71:5071", "sip:1000@192.0.2.70"
    again = next_invite(placer, invite, 302, ("Contact", f"<{low}>;q=0.2"), ("Contact", f"<{high}>;q=0.8"))
    assert (again.uri, placer.peers[-1]) == (high, ("192.0.2.70", 5060))
    third = next_invite(placer, again, 404)
    assert (third.uri, placer.peers[-1]) == (low, ("192.0.2.71", 5071))
    assert methods(placer.hear(answer_of(third, 486))) == ["ACK"]
    assert (placer.record().sip_status, placer.record().attempts) == (486, 3)


def test_rfc3261_8_1_3_4_no_target_is_tried_twice() -> None:
    placer = Placer()
    invite = placer.place("1000")
    there = ("Contact", "<sip:1000@192.0.2.70>")
    again = next_invite(placer, invite, 302, there)
    assert methods(placer.hear(answer_of(again, 302, there, ("Contact", f"<{invite.uri}>")))) == ["ACK"]
    assert placer.record().sip_status == 302


def test_rfc3261_8_1_3_4_a_loop_of_redirections_comes_to_an_end() -> None:
    placer = Placer()
    invite = placer.place("1000")
    for number in range(CALL_ATTEMPTS_MAX - 1):
        invite = next_invite(placer, invite, 302, ("Contact", f"<sip:1000@192.0.2.{100 + number}>"))
    assert methods(placer.hear(answer_of(invite, 302, ("Contact", "<sip:1000@192.0.2.99>")))) == ["ACK"]


def test_rfc3261_8_1_3_4_a_host_that_is_no_peer_of_the_trunk_is_reached_by_its_proxy() -> None:
    placer = Placer()
    again = next_invite(placer, placer.place("1000"), 302, ("Contact", "<sip:1000@198.51.100.9>"))
    assert (again.uri, placer.peers[-1]) == ("sip:1000@198.51.100.9", PROXY)


@pytest.mark.parametrize(
    "contact", ["<tel:+15550002>", "<sips:1000@192.0.2.70>", "<sip:>", "<sip:1000@192.0.2.70", "*"]
)
def test_rfc3261_8_1_3_4_a_contact_of_no_use_is_left_out(contact: str) -> None:
    placer = Placer()
    invite = placer.place("1000")
    assert methods(placer.hear(answer_of(invite, 302, ("Contact", contact)).encode())) == ["ACK"]
    assert placer.record().outcome == "refused"


def test_rfc3261_21_6_nobody_else_is_asked_after_a_603() -> None:
    placer = Placer()
    contacts = [("Contact", f"<sip:1000@192.0.2.{host}>") for host in (70, 71)]
    again = next_invite(placer, placer.place("1000"), 300, *contacts)
    assert methods(placer.hear(answer_of(again, 603))) == ["ACK"]


def test_rfc3263_4_3_the_next_target_follows_one_that_does_not_answer() -> None:
    placer = Placer(proxy_host="sip.example.net")
    placer.exchange.targets = {"carrier": (PROXY, ("192.0.2.51", 5060))}
    placer.place()
    sent = placer.wait(33.0)
    assert placer.peers[-1] == ("192.0.2.51", 5060)
    assert isinstance(sent[-1], Request)
    assert sent[-1].cseq.number == 2
    assert methods(placer.hear(answered(sent[-1]))) == ["ACK"]
    assert placer.record().state == "live"


def test_a_successor_sends_the_very_same_invite_with_its_proof() -> None:
    placer = with_password()
    again = next_invite(placer, placer.place(), 401, ("WWW-Authenticate", CHALLENGE.format("n1")))
    fact = placer.facts[-1]
    assert isinstance(fact, CallRetried)
    assert "response=" not in fact.invite, "what is written lets nobody guess the password"
    [repeated] = placer.crash()
    assert repeated.encode() == again.encode()


def test_a_successor_answers_both_challenges_that_its_predecessor_had() -> None:
    placer = with_password()
    again = next_invite(placer, placer.place(), 407, ("Proxy-Authenticate", CHALLENGE.format("n1")))
    third = next_invite(placer, again, 401, ("WWW-Authenticate", CHALLENGE.format("n2").replace("carrier", "callee")))
    assert answers_in(third, "Proxy-Authorization")
    assert answers_in(third)
    [repeated] = placer.crash()
    assert repeated.encode() == third.encode()


def test_rfc3261_8_1_3_4_a_redirection_leads_nowhere_that_may_not_be_called() -> None:
    placer = Placer()
    policy = replace(placer.operation.outbound, allow=("10",))
    placer.program = replace(placer.program, operation=replace(placer.operation, outbound=policy))
    placer.exchange.add_program(placer.program, current=True)
    premium, next_door = "sip:+4490011111@192.0.2.70", "sip:1001@192.0.2.70"
    again = next_invite(placer, placer.place("1000"), 302, ("Contact", f"<{premium}>, <{next_door}>;q=0.1"))
    assert again.uri == next_door
