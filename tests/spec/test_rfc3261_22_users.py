"""Users of a trunk, who prove by digest that they are (RFC 3261 §22, RFC 7616, RFC 8760): at a whole exchange."""

from dataclasses import replace

import pytest

from keepline.call.facts import CallEnded, CallReceived
from keepline.call.trunks.users import Users
from keepline.call.turn import Program
from keepline.model.capability import SecretRef
from keepline.model.ids import IdSource
from keepline.model.limits import (
    NONCE_LIFE_S_MAX,
    NONCES_REMEMBERED_MAX,
    STRANGER_ANSWERS_PER_S_MAX,
    USER_HOSTS_MAX,
    WRONG_PASSWORDS_ANSWERED_PER_S_MAX,
    WRONG_PASSWORDS_PER_S_MAX,
)
from keepline.model.operation import Trunk, TrunkUser
from keepline.sip.digest import Algorithm, Credentials, answer_challenge, challenges_of
from keepline.sip.message import Request, Response, parse_message
from tests.spec.exchange_rig import Rig, hold
from tests.spec.sip_messages import request, wire
from tests.spec.users_rig import ALICE, AWAY, GOOD, KEY, Caller, rig_with_users


def received(rig: Rig) -> list[CallReceived]:
    return [fact for fact in rig.facts if isinstance(fact, CallReceived)]


def test_rfc8760_2_3_a_stranger_is_asked_sha_256_first() -> None:
    rig = rig_with_users()
    caller = Caller(rig)
    [challenged] = caller.asks(caller.invite())
    assert challenged.status == 401
    texts = challenged.headers.get_all("WWW-Authenticate")
    assert ["SHA-256" in text for text in texts] == [True, False]
    assert all('qop="auth"' in text and 'realm="spec"' in text for text in texts)
    assert [each.algorithm for each in challenges_of(challenged)] == [Algorithm.SHA256, Algorithm.MD5]
    assert rig.facts == []


def test_rfc3261_22_4_a_user_is_the_trunks() -> None:
    rig = rig_with_users()
    assert Caller(rig).calls().status == 200
    [call] = received(rig)
    assert (call.carrier, call.to_number, call.peer_host) == ("staff", "1000", AWAY[0])


def test_rfc8760_2_4_md5_will_do_for_who_knows_no_better() -> None:
    rig = rig_with_users()
    caller = Caller(rig)
    first = caller.invite()
    [challenged] = caller.asks(first)
    sha, md5 = challenged.headers.get_all("WWW-Authenticate")
    challenged.headers.set("WWW-Authenticate", md5)
    assert "SHA-256" in sha
    [answer] = caller.asks(caller.invite(caller.answer(first, challenged)))
    assert answer.status == 200


def test_rfc3261_22_1_peers_are_not_asked() -> None:
    rig = rig_with_users()
    rig.call_completes()


def test_rfc3261_26_credentials_are_nowhere_in_what_is_written() -> None:
    rig = rig_with_users()
    caller = Caller(rig)
    answer = caller.calls()
    ack = wire(
        "ACK",
        f"Authorization: {GOOD!r} response=1234",
        Call_ID="away",
        CSeq="2 ACK",
        From=parse_message(caller.invite()).headers.get("From") or "",
        To=answer.headers.get("To") or "",
    )
    rig.send(ack, AWAY)
    written = repr(rig.facts)
    assert "Authorization: redacted" in written
    assert "CallAcknowledged" in written
    for secret in ("wonderland", "cnonce", "nonce=", "1234"):
        assert secret not in written
    assert "wonderland" not in repr(rig.program)


@pytest.mark.parametrize(
    ("credentials", "why"),
    [
        (Credentials("alice", "Wonderland"), "a wrong password for the user 'alice'"),
        (Credentials("mallory", "x"), "there is no user 'mallory'"),
        (Credentials("bob", ""), "the password of the user 'bob' could not be read at the start"),
    ],
)
def test_rfc3261_21_4_4_wrong_credentials_are_refused_on_record(credentials: Credentials, why: str) -> None:
    rig = rig_with_users()
    answer = Caller(rig, credentials).calls()
    assert answer.status == 403
    ended = rig.facts[-1]
    assert isinstance(ended, CallEnded)
    assert (ended.sip_status, ended.reason) == (403, why)
    assert received(rig)[0].carrier == ""
    assert [report.event for report in rig.reports if why in report.detail] == ["wrong_password"]


def test_rfc7616_3_4_6_credentials_are_for_one_uri() -> None:
    rig = rig_with_users()
    caller = Caller(rig)
    first = caller.invite(user="ringing")
    [challenged] = caller.asks(first)
    [answer] = caller.asks(caller.invite(caller.answer(first, challenged), user="1000"))
    assert answer.status == 403


def test_rfc7616_5_12_guessing_is_slow() -> None:
    rig = rig_with_users()
    caller = Caller(rig, Credentials("alice", "guess"))
    first = caller.invite()
    [challenged] = caller.asks(first)
    guesses = [caller.asks(caller.invite(caller.answer(first, challenged), call_id=f"g{n}")) for n in range(20)]
    assert sum(map(len, guesses)) == WRONG_PASSWORDS_PER_S_MAX
    right = Caller(rig)
    right.cseq = 100
    assert right.asks(right.invite(right.answer(first, challenged), call_id="right")) == []  # unread, in this second
    elsewhere = Caller(rig, source=("198.51.100.8", 5060))
    elsewhere.cseq = 200
    assert elsewhere.calls("elsewhere").status == 200
    assert len([report for report in rig.reports if report.event == "wrong_password"]) == 1
    rig.pass_time(61)
    caller.asks(caller.invite(caller.answer(first, challenged), call_id="later"))
    counted = [report.detail for report in rig.reports if report.event == "wrong_password"]
    assert len(counted) == 2
    assert ": 21 since the last line" in counted[1]  # those unread are counted, and the one of now


def test_rfc7616_5_12_guessing_from_everywhere_is_not_answered_without_end() -> None:
    rig = rig_with_users()
    answers = []
    for index in range(WRONG_PASSWORDS_ANSWERED_PER_S_MAX + 10):
        caller = Caller(rig, Credentials("alice", "guess"), source=(f"198.51.{index}.9", 5060))
        first = caller.invite(call_id=f"c{index}")
        nonce = rig.exchange.gate.users.challenge(rig.now_s, caller.source[0])
        challenged = Response(401, "Unauthorized", parse_message(first).headers.copy())
        for name, text in nonce:
            challenged.headers.add(name, text)
        answers += caller.asks(caller.invite(caller.answer(first, challenged), call_id=f"c{index}"))
    assert len(answers) == WRONG_PASSWORDS_ANSWERED_PER_S_MAX


def test_rfc3261_22_1_asking_has_its_limit_for_strangers_and_none_for_users() -> None:
    rig = rig_with_users()
    caller = Caller(rig)
    asked = [caller.asks(caller.invite(call_id=f"s{n}")) for n in range(STRANGER_ANSWERS_PER_S_MAX + 5)]
    assert sum(map(len, asked)) == STRANGER_ANSWERS_PER_S_MAX
    rig.pass_time(2)
    assert caller.calls("first").status == 200
    for n in range(20):
        caller.cseq += 1
        assert caller.asks(caller.invite(call_id=f"k{n}"))[0].status == 401


def test_rfc7616_3_3_an_old_nonce_is_stale_and_asked_for_anew() -> None:
    rig = rig_with_users()
    caller = Caller(rig)
    first = caller.invite()
    [challenged] = caller.asks(first)
    rig.pass_time(NONCE_LIFE_S_MAX + 1)
    second = caller.invite(caller.answer(first, challenged))
    [again] = caller.asks(second)
    assert again.status == 401
    assert [each.stale for each in challenges_of(again)] == [True, True]
    [answer] = caller.asks(caller.invite(caller.answer(second, again)))
    assert answer.status == 200


def test_rfc7616_3_4_a_nonce_is_used_once_for_each_count() -> None:
    rig = rig_with_users()
    caller = Caller(rig)
    first = caller.invite()
    [challenged] = caller.asks(first)
    line = caller.answer(first, challenged)
    assert caller.asks(caller.invite(line))[0].status == 200
    [replayed] = caller.asks(caller.invite(line, call_id="replayed"))
    assert (replayed.status, challenges_of(replayed)[0].stale) == (401, True)
    counted = caller.answer(first, challenged, nc=2)
    assert caller.asks(caller.invite(counted, call_id="counted"))[0].status == 200


def test_rfc7616_5_4_what_is_overheard_is_worth_nothing_elsewhere() -> None:
    rig = rig_with_users()
    caller = Caller(rig)
    first = caller.invite()
    [challenged] = caller.asks(first)
    stolen = caller.invite(caller.answer(first, challenged))
    [answer] = caller.asks(stolen, ("203.0.113.200", 5060))
    assert (answer.status, challenges_of(answer)[0].stale) == (401, False)


def test_rfc3261_22_a_successor_takes_the_answer_to_its_predecessors_challenge() -> None:
    rig, successor = rig_with_users(), rig_with_users(seed=b"another process")
    caller = Caller(rig)
    first = caller.invite()
    [challenged] = caller.asks(first)
    caller.rig = successor
    [answer] = caller.asks(caller.invite(caller.answer(first, challenged)))
    assert answer.status == 200


def within(rig: Rig, answer: Response, method: str, cseq: int, *more: str) -> bytes:
    """A request in alice's call."""
    return wire(
        method,
        *more,
        uri="sip:keepline@192.0.2.9",
        Via=f"SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-{method}{cseq};rport",
        Call_ID="away",
        CSeq=f"{cseq} {method}",
        From=str(answer.headers.get("From")),
        To=str(answer.headers.get("To")),
    )


def test_rfc3261_22_1_in_a_call_nobody_is_asked_again_but_from_another_address() -> None:
    rig = rig_with_users()
    caller = Caller(rig)
    answer = caller.calls()
    caller.asks(within(rig, answer, "ACK", 2))
    assert caller.asks(within(rig, answer, "OPTIONS", 3))[0].status == 200
    moved = ("198.51.100.200", 5060)
    [challenged] = caller.asks(within(rig, answer, "BYE", 4), moved)
    assert challenged.status == 401
    assert rig.exchange.live_calls == 1
    bye = within(rig, answer, "BYE", 4)
    [ended] = caller.asks(within(rig, answer, "BYE", 5, caller.answer(bye, challenged)), moved)
    assert ended.status == 200
    assert rig.exchange.live_calls == 0


def test_rfc3261_22_1_in_a_call_another_trunks_user_is_nobody() -> None:
    rig = rig_with_users()
    trunks = (*rig.program.operation.trunks, Trunk("others", (), users=(TrunkUser("eve", SecretRef("env", "EVE")),)))
    operation = replace(rig.program.operation, trunks=trunks)
    passwords = {ALICE: "wonderland", SecretRef("env", "EVE"): "apple"}
    rig.exchange.add_program(Program(operation, {"hold": hold}, passwords), current=True)
    answer = Caller(rig).calls()
    eve = Caller(rig, Credentials("eve", "apple"), ("198.51.100.200", 5060))
    bye = within(rig, answer, "BYE", 4)
    [challenged] = eve.asks(bye)
    [refused] = eve.asks(within(rig, answer, "BYE", 5, eve.answer(bye, challenged)))
    assert refused.status == 403
    assert rig.exchange.live_calls == 1


def test_rfc3261_22_1_an_ack_and_a_cancel_are_never_asked() -> None:
    rig = rig_with_users()
    caller = Caller(rig)
    first = caller.invite(user="ringing")
    [challenged] = caller.asks(first)
    ringing = caller.invite(caller.answer(first, challenged), user="ringing")
    assert caller.asks(ringing)[0].status == 180
    begun = parse_message(ringing)
    cancel = wire(
        "CANCEL",
        uri="sip:ringing@192.0.2.9",
        Via=str(begun.top_via),
        Call_ID="away",
        CSeq=f"{begun.cseq.number} CANCEL",
        From=str(begun.headers.get("From")),
        To=str(begun.headers.get("To")),
    )
    assert sorted(each.status for each in caller.asks(cancel)) == [200, 487]
    unknown = cancel.replace(b"z9hG4bK", b"z9hG4bK-other")
    assert [each.status for each in caller.asks(unknown)] == [403]


def test_rfc3261_22_strangers_that_are_ignored_are_asked_and_then_ignored() -> None:
    rig = rig_with_users(strangers="ignore")
    caller = Caller(rig, Credentials("alice", "guess"))
    first = caller.invite()
    [challenged] = caller.asks(first)
    assert caller.asks(caller.invite(caller.answer(first, challenged))) == []
    assert Caller(rig, source=("198.51.100.8", 5060)).calls("good").status == 200


def test_rfc3261_22_4_other_requests_are_asked_too() -> None:
    rig = rig_with_users()
    caller = Caller(rig)
    ping = wire("OPTIONS", uri="sip:192.0.2.9", CSeq="1 OPTIONS")
    [challenged] = caller.asks(ping)
    assert challenged.status == 401
    via = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK2"
    again = wire("OPTIONS", caller.answer(ping, challenged), uri="sip:192.0.2.9", CSeq="2 OPTIONS", Via=via)
    assert caller.asks(again)[0].status == 200


def test_credentials_that_cannot_be_read_are_a_bad_request() -> None:
    rig = rig_with_users()
    caller = Caller(rig)
    [answer] = caller.asks(caller.invite('Authorization: Digest realm="a'))
    assert answer.status == 400


def test_what_is_remembered_has_its_limits() -> None:
    users = Users(KEY, IdSource(b"seed"))
    users.use(rig_with_users().program.operation, {ALICE: "wonderland"})
    asked = request("OPTIONS")
    for index in range(max(NONCES_REMEMBERED_MAX, USER_HOSTS_MAX) + 5):
        host = f"198.{index >> 16}.{index >> 8 & 255}.{index & 255}"
        challenged = Response(401, "Unauthorized", asked.headers.copy())
        challenged.headers.add(*users.challenge(0.0, host)[1])
        header = answer_challenge(asked, challenged, GOOD, "c")
        assert header is not None
        proved = Request(asked.method, asked.uri, asked.headers.copy())
        proved.headers.add(*header)
        assert users.claim(0.0, proved, host).trunk == "staff"
    assert users.remembered == (USER_HOSTS_MAX, NONCES_REMEMBERED_MAX)
    assert not users.knows(0.0, "198.0.0.0")
    assert users.knows(0.0, host)
    assert not users.knows(3601.0, host)


@pytest.mark.parametrize(
    ("offered", "taken"),
    [(("SHA-256", "MD5"), "SHA-256"), (("MD5", "SHA-256"), "SHA-256"), (("MD5",), "MD5"), (("SHA-256",), "SHA-256")],
)
def test_rfc8760_2_4_users_are_asked_by_what_the_operation_lists_in_its_order(
    offered: tuple[str, ...], taken: str
) -> None:
    rig = rig_with_users(challenges=offered)
    caller = Caller(rig)
    first = caller.invite()
    [challenged] = caller.asks(first)
    asked = challenged.headers.get_all("WWW-Authenticate")
    assert [each.split("algorithm=")[1].split(",")[0] for each in asked] == list(offered)
    proof = caller.answer(first, challenged)
    assert f"algorithm={taken}" in proof
    [answer] = caller.asks(caller.invite(proof))
    assert answer.status == 200


def test_rfc8760_2_4_an_algorithm_that_the_operation_does_not_list_proves_nothing() -> None:
    rig = rig_with_users(challenges=("SHA-256",))
    caller = Caller(rig)
    first = caller.invite()
    [challenged] = caller.asks(first)
    header = challenged.headers.get("WWW-Authenticate") or ""
    challenged.headers.set("WWW-Authenticate", header.replace("SHA-256", "MD5"))
    [answer] = caller.asks(caller.invite(caller.answer(first, challenged)))
    assert answer.status == 403
