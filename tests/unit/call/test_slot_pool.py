"""Media slots: nobody's is given away while it is used, and a call that needs none keeps no other out."""

from keepline.call import effects as fx
from keepline.call.facts import CallEnded
from keepline.call.slot_pool import SlotPool
from tests.spec.exchange_rig import Rig, invite


def test_slots_are_taken_in_turn_and_given_back() -> None:
    pool = SlotPool(2)
    assert [pool.take(), pool.take()] == [0, 1]
    assert not pool.has_room
    pool.give_back("a", 0)
    assert pool.take() == 0


def test_a_slot_of_a_call_without_media_is_the_last_to_be_taken() -> None:
    pool = SlotPool(2)
    pool.take()
    pool.rest("a", 0)
    assert pool.take() == 1, "while there is another"
    assert pool.has_room
    assert pool.take() == 0
    assert not pool.has_room
    assert pool.over == 1
    pool.give_back("a", 0)
    assert list(pool.free) == [], "another call has it"
    pool.give_back("c", 0)
    assert list(pool.free) == [0]
    assert pool.over == 0


def test_a_call_that_is_over_by_itself_gives_its_slot_back_once() -> None:
    pool = SlotPool(1)
    pool.take()
    pool.rest("a", 0)
    pool.give_back("a", 0)
    assert (list(pool.free), pool.over) == ([0], 0)


def test_of_two_calls_of_a_predecessor_with_one_slot_the_live_one_has_it() -> None:
    pool = SlotPool(1)
    assert pool.claim("leaving", 0, is_leaving=True)
    assert pool.claim("live", 0, is_leaving=False)
    assert not pool.claim("third", 0, is_leaving=False)
    pool.give_back("leaving", 0)
    assert not pool.has_room
    pool.give_back("live", 0)
    assert list(pool.free) == [0]
    assert not SlotPool(1).claim("other", 7, is_leaving=False)


def test_who_takes_over_begins_behind_the_newest_call() -> None:
    pool = SlotPool(6)
    for call, slot in (("a", 5), ("b", 1), ("c", 3)):
        assert pool.claim(call, slot, is_leaving=False)
    assert [pool.take() for _ in range(2)] == [4, 0]
    pool.give_back("c", 3)
    assert [pool.take() for _ in range(2)] == [2, 3]
    last = SlotPool(2)
    assert last.claim("a", 1, is_leaving=False)
    assert last.take() == 0


def unacknowledged(rig: Rig) -> str:
    """A call whose caller never sends an ACK, up to our BYE."""
    dialog = rig.invite()
    sent = rig.pass_time(33)
    assert any(data.startswith(b"BYE ") for data in sent)
    return dialog.call


def test_rfc3261_13_3_1_4_a_caller_that_never_acknowledges_keeps_nobody_out() -> None:
    rig = Rig(slots=1)
    first = unacknowledged(rig)
    second = rig.call(Call_ID="second")
    rig.pass_time(33)
    (ended,) = [fact for fact in rig.facts if isinstance(fact, CallEnded)]
    assert (ended.call, ended.reason) == (first, "no ACK")
    assert rig.ask(invite(Call_ID="third")).status == 503, "the second call has the slot"
    assert rig.ask(second.request("BYE")).status == 200
    assert len(rig.exchange.slots.free) == 1


def test_after_a_crash_the_slot_is_that_of_the_live_call() -> None:
    rig = Rig(slots=1)
    first = unacknowledged(rig)
    second = rig.call(Call_ID="second")
    successor = Rig(slots=1)
    successor.now_s = rig.now_s
    for call in (first, second.call):
        mine = tuple(fact for fact in rig.facts if fact.call == call)
        successor.step(fx.CallAdopted(call, mine))
    successor.step(fx.WakeSome(2))
    assert successor.ask(second.request("BYE")).status == 200
    successor.pass_time(70)
    assert len(successor.exchange.slots.free) == 1
    assert len(successor.exchange.calls) == 0
