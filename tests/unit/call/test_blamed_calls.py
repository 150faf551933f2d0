"""A call that has killed a process rests until somebody could take over at once; the others wake in their turn."""

from keepline.call import effects as fx
from keepline.call.adoption import Sleepers
from keepline.model.ids import mark_of
from keepline.model.limits import BLAMED_REST_S
from tests.spec.exchange_rig import Dialog, Rig


def successor_of(rig: Rig, blamed: Dialog, *dialogs: Dialog) -> Rig:
    """A process without a standby, which has taken these calls over asleep."""
    made = Rig(slots=2)
    made.now_s = rig.now_s
    made.exchange.blamed, made.exchange.stands_alone = {mark_of(blamed.call_id): 1}, True
    for dialog in (blamed, *dialogs):
        facts = tuple(fact for fact in rig.facts if fact.call == dialog.call)
        made.step(fx.CallAdopted(dialog.call, facts))
    return made


def two_calls() -> tuple[Rig, Dialog, Dialog]:
    rig = Rig(slots=2)
    return rig, rig.call(Call_ID="poison"), rig.call(Call_ID="other")


def test_who_rests_is_not_woken_in_turn_and_wakes_when_a_standby_came() -> None:
    rig, poison, other = two_calls()
    successor = successor_of(rig, poison, other)
    assert successor.exchange.sleepers.wakeful == 1
    successor.step(fx.WakeSome(10))
    assert set(successor.exchange.calls) == {other.call}
    assert successor.exchange.live_calls == 2
    successor.step(fx.StandbyCame())
    assert set(successor.exchange.calls) == {poison.call, other.call}
    assert not successor.exchange.stands_alone
    successor.step(fx.StandbyCame())


def test_who_rests_wakes_at_the_latest_after_a_while() -> None:
    rig, poison, _ = two_calls()
    successor = successor_of(rig, poison)
    successor.pass_time(BLAMED_REST_S - 1)
    assert not successor.exchange.calls
    successor.pass_time(2)
    assert set(successor.exchange.calls) == {poison.call}


def test_who_rests_is_woken_by_its_caller() -> None:
    rig, poison, _ = two_calls()
    successor = successor_of(rig, poison)
    assert successor.ask(poison.request("BYE")).status == 200
    assert not successor.exchange.sleepers.end_rest()


def test_nobody_rests_beside_a_standby_or_when_all_are_hung_up() -> None:
    rig, poison, other = two_calls()
    successor = successor_of(rig, other)
    successor.step(fx.StandbyCame())
    successor.step(fx.CallAdopted(poison.call, tuple(fact for fact in rig.facts if fact.call == poison.call)))
    assert successor.exchange.sleepers.wakeful == 1
    alone = successor_of(rig, poison)
    alone.step(fx.HangUpAll("stopping"))
    assert len(alone.exchange.sleepers) == 0


def test_sleepers_are_counted_and_woken_in_order() -> None:
    sleepers = Sleepers()
    for call, rests in (("a", False), ("b", True), ("c", False)):
        sleepers.add(call, (), rests=rests)
    assert (sleepers.first(5), sleepers.wakeful, len(sleepers)) == (["a", "c"], 2, 3)
    assert sleepers.pop("b") == ()
    assert (sleepers.end_rest(), sleepers.wakeful) == ([], 2)
