"""Whose turn it is of what has come by SIP: nothing is lost, calls that are live go first, and the latest in time."""

from keepline.model.limits import (
    SHED_REMEMBERED_MAX,
    SHED_REMEMBERED_S,
    SIP_DATAGRAMS_PER_READ_MAX,
    SIP_DATAGRAMS_PER_TURN_MAX,
    SIP_REFUSALS_PER_TURN_MAX,
    SIP_TAKE_OVER_S,
    SIP_WAIT_FAIR_S,
    SIP_WAIT_S_MAX,
    SIP_WAITING_MAX,
)
from keepline.node.sip_intake import Intake, begins_call
from keepline.sip.first_look import STATELESS_TAG
from tests.unit.node.node_doubles import SipSocket


def message(method: str, number: int, to_tag: str = "", branch: str = "1") -> bytes:
    lines = (
        f"{method} sip:a@b SIP/2.0", f"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{branch}", "From: <sip:c@d>;tag=f",
        f"To: <sip:a@b>{f';tag={to_tag}' if to_tag else ''}", f"Call-ID: {number:05d}", f"CSeq: 1 {method}", "", "",
    )  # fmt: skip
    return "\r\n".join(lines).encode()


def filled(*datagrams: bytes, now_s: float = 0.0) -> Intake:
    intake, sip = Intake(), SipSocket()
    sip.waiting.extend(datagrams)
    while sip.waiting and len(intake) < SIP_WAITING_MAX:
        intake.read(sip, now_s)  # type: ignore[arg-type]
    sip.close()
    return intake


def add(intake: Intake, *datagrams: bytes, now_s: float) -> None:
    sip = SipSocket()
    sip.waiting.extend(datagrams)
    intake.read(sip, now_s)  # type: ignore[arg-type]
    sip.close()


def invites(*numbers: int) -> list[bytes]:
    return [message("INVITE", number) for number in numbers]


def test_what_begins_a_call_is_told_from_what_belongs_to_one() -> None:
    assert begins_call(message("INVITE", 1))
    assert not begins_call(message("INVITE", 1, to_tag="x"))
    assert not begins_call(message("INVITE", 1).replace(b"To:", b"t ").replace(b"t  <sip:a@b>", b"t : <sip:a@b>;tag=x"))
    assert begins_call(message("INVITE", 1).replace(b"To:", b"t:"))
    assert begins_call(message("INVITE", 1).replace(b"<sip:a@b>", b"<sip:tag@b>"))
    assert begins_call(message("INVITE", 1) + b"To: in the body;tag=x")
    assert not begins_call(message("BYE", 1, to_tag="x"))
    assert not begins_call(b"INVITE")


def test_what_belongs_to_calls_goes_first() -> None:
    bye, ack = message("BYE", 8, "x"), message("ACK", 9, "x")
    taken = filled(*invites(1, 2), bye, ack).take(0.0)
    assert [each.data for each in taken] == [bye, ack, *invites(1, 2)]


def test_new_calls_are_not_starved_by_it() -> None:
    byes = [message("BYE", number, "x") for number in range(1000)]
    taken = filled(*byes, *invites(*range(2000, 3000))).take(0.0)
    assert len(taken) == SIP_DATAGRAMS_PER_TURN_MAX
    assert sum(begins_call(each.data) for each in taken) == SIP_DATAGRAMS_PER_TURN_MAX // 4


def test_new_calls_have_their_turn_in_their_order_while_it_keeps_up() -> None:
    intake = filled(*invites(1, 2, 3))
    assert [each.data for each in intake.take(SIP_WAIT_FAIR_S)] == invites(1, 2, 3)
    assert len(intake) == 0


def test_the_latest_is_served_first_when_it_is_behind() -> None:
    intake = filled(*invites(1, 2))
    add(intake, *invites(3, 4), now_s=0.15)
    taken = intake.take(0.2)
    assert [each.data for each in taken] == invites(4, 3, 2, 1)
    assert [round(each.waited_s, 2) for each in taken] == [0.05, 0.05, 0.2, 0.2]


def test_what_is_late_is_refused_beside_the_calls_that_are_served() -> None:
    late = 3 * SIP_DATAGRAMS_PER_TURN_MAX
    intake = filled(*invites(*range(late)))
    add(intake, *invites(*range(late, late + SIP_DATAGRAMS_PER_TURN_MAX)), now_s=1.0)
    taken = [(each.data, each.waited_s > SIP_WAIT_S_MAX) for each in intake.take(1.1)]
    assert taken[:late] == [(data, True) for data in invites(*range(late))]
    latest = reversed(range(late, late + SIP_DATAGRAMS_PER_TURN_MAX))
    assert taken[late:] == [(data, False) for data in invites(*latest)]
    assert len(intake) == 0


def test_one_turn_refuses_no_more_than_the_limit() -> None:
    intake = filled(*invites(*range(2 * SIP_REFUSALS_PER_TURN_MAX)))
    taken = intake.take(1.0)
    assert len(taken) == SIP_REFUSALS_PER_TURN_MAX + SIP_DATAGRAMS_PER_TURN_MAX
    assert len(intake) == 2 * SIP_REFUSALS_PER_TURN_MAX - len(taken)


def test_a_copy_of_what_was_refused_takes_no_other_calls_place() -> None:
    intake = filled(*invites(1))
    assert [each.waited_s for each in intake.take(1.0)] == [1.0]
    add(intake, *invites(2, 1), message("INVITE", 1, branch="2"), now_s=1.1)
    again, *others = intake.take(1.2)
    assert (again.data, round(again.waited_s, 2)) == (invites(1)[0], 1.2), "it counts from the first one"
    assert [each.data for each in others] == [*invites(2), message("INVITE", 1, branch="2")]
    assert max(each.waited_s for each in others) < SIP_WAIT_S_MAX
    assert len(intake) == 0


def test_what_was_refused_is_known_for_a_while_and_up_to_the_limit() -> None:
    intake = filled(*invites(1))
    intake.take(1.0)
    add(intake, *invites(2), now_s=SHED_REMEMBERED_S + 0.1)
    intake.take(SHED_REMEMBERED_S + 1.1)
    add(intake, *invites(1), now_s=SHED_REMEMBERED_S + 1.2)
    assert [each.waited_s for each in intake.take(SHED_REMEMBERED_S + 1.2)] == [0.0]
    for first in range(10, SHED_REMEMBERED_MAX + 11, 1000):
        add(intake, *invites(*range(first, first + 1000)), now_s=9.0)
        intake.take(10.0, 0)
    assert len(intake._late) == SHED_REMEMBERED_MAX


def test_an_ack_of_a_stateless_answer_is_left_out() -> None:
    ack = message("ACK", 1, "0123456789abcdef")
    assert [each.data for each in filled(message("ACK", 2, f"{STATELESS_TAG}01234567"), ack).take(0.0)] == [ack]


def test_a_copy_of_what_waits_is_left_out_and_another_invite_of_its_call_is_not() -> None:
    again, other = message("INVITE", 1), message("INVITE", 1, branch="2")
    intake = filled(message("INVITE", 1), again, other)
    assert [each.data for each in intake.take(0.0)] == [other, again]


def test_a_cancel_takes_its_invite_along() -> None:
    cancel = message("CANCEL", 2)
    intake = filled(*invites(1, 2, 3), cancel)
    assert [each.data for each in intake.take(0.0)] == [*invites(2), cancel, *invites(1, 3)]


def test_one_read_ends_at_the_limit_and_so_does_what_may_wait() -> None:
    intake, sip = Intake(), SipSocket()
    sip.waiting.extend(invites(*range(SIP_WAITING_MAX + 10)))
    intake.read(sip, 0.0)  # type: ignore[arg-type]
    assert len(intake) == SIP_DATAGRAMS_PER_READ_MAX
    for _ in range(SIP_WAITING_MAX // SIP_DATAGRAMS_PER_READ_MAX + 5):
        intake.read(sip, 0.0)  # type: ignore[arg-type]
    assert (len(intake), len(sip.waiting)) == (SIP_WAITING_MAX, 10)
    sip.close()


def test_what_waited_for_a_process_that_died_is_served_in_its_order_and_refused_by_nobody() -> None:
    intake = filled(*invites(1, 2, 3))
    intake.be_patient(0.0)
    late_s = SIP_TAKE_OVER_S - 0.1
    assert late_s > SIP_WAIT_S_MAX
    taken = intake.take(late_s, 2)
    assert [(each.data, each.waited_s) for each in taken] == [(each, 0.0) for each in invites(1, 2)]
    [last] = intake.take(SIP_TAKE_OVER_S + 0.1)
    assert last.waited_s > SIP_WAIT_S_MAX, "from then on it is judged by how long it waited"
