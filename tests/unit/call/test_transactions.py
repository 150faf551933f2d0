"""The transactions' long tails and the memory of calls that ended elsewhere: bounded, and right at their bounds."""

import pytest

from keepline.call import adoption, transactions
from keepline.call.adoption import LeftCalls
from keepline.call.effects import SendSip
from keepline.call.facts import CallEnded
from keepline.call.transactions import Transactions
from keepline.model.limits import ENDED_CALLS_MAX, REFUSALS_MAX, SETTLED_TRANSACTIONS_MAX
from keepline.sip.message import Request
from keepline.sip.transaction import Timers, server_key
from tests.spec.sip_messages import PEER, request, response


class Scene:
    """Transactions with their schedule written down."""

    def __init__(self) -> None:
        self.scheduled: list[tuple[str, object, float]] = []
        self.all = Transactions(Timers(), lambda *entry: self.scheduled.append(entry))

    def receive(self, now_s: float, message: Request) -> list[bytes] | None:
        """What a request that is known causes; None for a new one."""
        effects = self.all.repeated(now_s, server_key(message), message, PEER)
        return None if effects is None else [each.data for each in effects if isinstance(each, SendSip)]

    def open(self, now_s: float, message: Request, status: int) -> bytes:
        """Receive a new request and answer it."""
        assert self.receive(now_s, message) is None
        self.all.open_server(now_s, server_key(message), message, PEER)
        return self.respond(now_s, message, status)

    def respond(self, now_s: float, message: Request, status: int) -> bytes:
        [effect] = self.all.respond(now_s, server_key(message), response(message, status))
        assert isinstance(effect, SendSip)
        return effect.data

    def fire(self, now_s: float) -> list[bytes]:
        """Every timer that is due."""
        sent: list[bytes] = []
        while due := [entry for entry in self.scheduled if entry[2] <= now_s]:
            for entry in due:
                self.scheduled.remove(entry)
                effects, _ = self.all.fire(entry[2], entry[0], entry[1])  # type: ignore[arg-type]
                sent += [each.data for each in effects if isinstance(each, SendSip)]
        return sent


def numbered(method: str, number: int) -> Request:
    return request(method, Via=f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{number}")


def test_an_answered_request_is_kept_as_its_answer_alone() -> None:
    scene = Scene()
    bye = numbered("BYE", 1)
    answer = scene.open(0.0, bye, 200)
    assert scene.all.servers == {}
    assert scene.receive(31.9, bye) == [answer]


def test_an_answered_invite_is_absorbed_and_so_is_its_ack() -> None:
    scene = Scene()
    invite = numbered("INVITE", 1)
    scene.open(0.0, invite, 200)
    assert scene.receive(1.0, invite) == []
    assert scene.receive(1.0, numbered("ACK", 1)) == []


def test_a_refused_invite_is_repeated_until_its_ack_and_then_absorbs_it() -> None:
    scene = Scene()
    invite = numbered("INVITE", 1)
    refusal = scene.open(0.0, invite, 486)
    assert scene.fire(1.6) == [refusal] * 2
    assert scene.receive(1.7, numbered("ACK", 1)) == []
    assert scene.fire(6.6) == []
    assert scene.receive(6.6, invite) == []
    scene.fire(6.8)
    assert scene.receive(6.8, invite) is None, "timer I is over"
    assert scene.all.servers == {}


def test_a_refused_invite_without_ack_ends_with_timer_h() -> None:
    scene = Scene()
    refusal = scene.open(0.0, numbered("INVITE", 1), 486)
    assert scene.fire(40.0) == [refusal] * 10
    assert scene.all.servers == {}


def test_an_ack_is_never_answered() -> None:
    scene = Scene()
    bye = numbered("INVITE", 1)
    scene.all.remember(0.0, server_key(bye), b"SIP/2.0 486 Busy Here\r\n\r\n")
    assert scene.receive(1.0, bye) == [b"SIP/2.0 486 Busy Here\r\n\r\n"]
    assert scene.receive(1.0, numbered("ACK", 1)) == []


def test_settled_transactions_are_forgotten_after_their_time() -> None:
    scene = Scene()
    scene.open(0.0, numbered("BYE", 1), 200)
    scene.open(32.1, numbered("BYE", 2), 200)
    assert scene.all.settled_count == 1
    assert scene.receive(32.1, numbered("BYE", 1)) is None


def test_settled_transactions_are_forgotten_beyond_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SETTLED_TRANSACTIONS_MAX >= 100_000
    monkeypatch.setattr(transactions, "SETTLED_TRANSACTIONS_MAX", 3)
    scene = Scene()
    for number in range(5):
        scene.open(0.0, numbered("BYE", number), 200)
    assert scene.all.settled_count == 3
    assert scene.receive(0.1, numbered("BYE", 1)) is None
    assert scene.receive(0.1, numbered("BYE", 2)) is not None


def test_beyond_their_limit_refusals_keep_no_timers_but_are_repeated_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    assert REFUSALS_MAX >= 10_000
    monkeypatch.setattr(transactions, "REFUSALS_MAX", 2)
    scene = Scene()
    refusals = [scene.open(0.0, numbered("INVITE", number), 486) for number in range(4)]
    assert len(scene.all.servers) == 2
    assert scene.receive(0.1, numbered("INVITE", 3)) == [refusals[3]]
    assert scene.receive(0.2, numbered("ACK", 3)) == []
    assert set(scene.fire(0.6)) == set(refusals[:2])


def test_a_transaction_waits_until_its_final_answer() -> None:
    scene = Scene()
    invite = numbered("INVITE", 1)
    key = server_key(invite)
    assert not scene.all.is_waiting(key)
    scene.open(0.0, invite, 180)
    assert scene.all.is_waiting(key)
    scene.respond(0.1, invite, 486)
    assert not scene.all.is_waiting(key)


# Calls that ended in a process that died ----------------------------------------------------------------------------


def ended(number: int, at_s: float, status: int = 200) -> CallEnded:
    return CallEnded(str(number), at_s, "caller", status, "BYE", f"{number}@peer", "ours", "theirs", 1, 2)


def invite_of(number: int, cseq: int = 1) -> Request:
    return request(
        Call_ID=f"{number}@peer", From="Alice <sip:alice@atlanta.example.com>;tag=theirs", CSeq=f"{cseq} INVITE"
    )


def test_a_call_that_ended_is_known_by_its_bye_and_its_invite_for_a_while() -> None:
    left = LeftCalls(32.0)
    assert left.remember(10.0, ended(1, 9.0))
    assert left.had_bye("1@peer", "ours", 2)
    assert not left.had_bye("1@peer", "ours", 3)
    assert not left.had_bye("1@peer", "others", 2)
    assert left.final_of(40.9, invite_of(1)) is not None
    assert left.final_of(40.9, invite_of(1, cseq=2)) is None, "another INVITE"
    assert left.final_of(41.1, invite_of(1)) is None, "too long ago"


def test_a_call_that_ended_long_ago_is_not_remembered() -> None:
    left = LeftCalls(32.0)
    assert not left.remember(50.0, ended(1, 9.0))
    assert len(left) == 0


def test_ended_calls_give_way_to_later_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ENDED_CALLS_MAX >= 10_000
    monkeypatch.setattr(adoption, "ENDED_CALLS_MAX", 3)
    left = LeftCalls(32.0)
    for number in range(5):
        left.remember(10.0, ended(number, 9.0))
    assert len(left) == 3
    assert not left.had_bye("1@peer", "ours", 2)
    assert left.had_bye("4@peer", "ours", 2)


def test_ended_calls_are_forgotten_when_their_time_is_over() -> None:
    left = LeftCalls(32.0)
    left.remember(10.0, ended(1, 9.0))
    left.remember(50.0, ended(2, 50.0))
    assert len(left) == 1
    assert not left.had_bye("1@peer", "ours", 2)


def test_the_last_end_of_a_call_is_the_one_that_counts() -> None:
    left = LeftCalls(32.0)
    left.remember(10.0, ended(1, 9.0))
    left.remember(11.0, ended(1, 10.0, status=404))
    final = left.final_of(12.0, invite_of(1))
    assert final is not None
    assert final.sip_status == 404
    assert len(left) == 1
