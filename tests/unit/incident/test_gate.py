"""The recovery gate: each step of it, what reverts it, what it lets through, and a process that takes over in it."""

from itertools import product

import pytest

from keepline.call.effects_incident import CloseIncident, TakeIncident
from keepline.call.facts.incident import GateMoved, PathTested
from keepline.flow.capabilities import Unavailable
from keepline.incident.gate import GATE_TRANSITIONS, GateEvent, GateStage, RecoveryGate, next_move
from keepline.incident.phases import IncidentPhase
from keepline.incident.returning import ASKED_AFTER_EVERY_S
from keepline.model.incident import GateSettings, Mode
from keepline.model.limits_incidents import GATE_PAUSE_S_MAX, GATE_SHARES_MAX
from keepline.paths.choice import PathLoad, PathOption, choose_path
from keepline.paths.health import Breaker, Condition, PathView
from tests.spec.incidents_rig import GATE, IncidentsRig

E = GateEvent
WAY: dict[GateStage, tuple[GateEvent, ...]] = {
    GateStage.WAITING: (),
    GateStage.TESTING: (E.CLEARED,),
    GateStage.HOLDING: (E.CLEARED, E.TESTED),
    GateStage.LOADING: (E.CLEARED, E.TESTED, E.HELD),
    GateStage.PASSED: (E.CLEARED, E.TESTED, E.HELD, E.LOADED),
}


def moved(event: GateEvent, share: float = 0.0) -> GateMoved:
    return GateMoved("INC-20251123-1", 1.0, event.value, share, 1, 0.0, "")


@pytest.mark.parametrize(("stage", "event"), list(product(GateStage, GateEvent)))
def test_each_pair_leads_where_the_table_says_or_nowhere(stage: GateStage, event: GateEvent) -> None:
    gate = RecoveryGate()
    for each in WAY[stage]:
        assert gate.apply(moved(each))
    following = GATE_TRANSITIONS.get((stage, event))
    assert gate.apply(moved(event)) is (following is not None)
    assert gate.stage is (following or stage)


def shares_seen(rig: IncidentsRig, path: str, for_s: float) -> list[float]:
    """What new calls may choose it, each time that this changes."""
    seen: list[float] = []
    for _ in range(int(for_s * 2)):
        rig.pass_time(0.5)
        share = rig.incidents.shares().get(path, 1.0)
        if not seen or seen[-1] != share:
            seen.append(share)
    return seen


def test_a_path_comes_back_by_a_test_a_hold_and_growing_shares() -> None:
    rig = IncidentsRig()
    rig.report("orders/crm", "down")
    rig.pass_time(5.0)
    assert rig.incidents.shares() == {}, "what is down is left by its own health"
    rig.report("orders/crm", "healthy")
    assert rig.incidents.shares() == {"orders/crm": 0.0}
    assert shares_seen(rig, "orders/crm", 60.0) == [0.0, 0.05, 0.25, 0.5, 1.0]
    assert [each.action for each in rig.asked] == ["status"]
    assert rig.asked[0].path == "crm"
    assert (rig.one.phase, rig.incidents.book.mode) == (IncidentPhase.CLOSED, Mode.NORMAL)
    assert rig.one.closed is not None
    assert "nobody commanded it" in rig.one.closed.why


def test_one_that_is_commanded_waits_for_its_commander() -> None:
    rig = IncidentsRig()
    rig.report("orders/crm", "down")
    rig.ask(TakeIncident("a", rig.one.id, "ada"))
    rig.report("orders/crm", "healthy")
    rig.pass_time(3_600.0)
    assert (rig.one.phase, rig.incidents.book.mode) == (IncidentPhase.RESTORED, Mode.RECOVERY)
    assert rig.ask(CloseIncident("b", rig.one.id, "ada")).mistake == ""
    assert rig.one.closed is not None
    assert rig.one.closed.overrode == ""


@pytest.mark.parametrize(
    ("after_s", "words"),
    [(5.0, "all must be well for a while yet"), (11.0, "5% of new calls"), (21.0, "50% of new calls")],
)
def test_closing_before_the_gate_has_passed_needs_a_reason_that_is_kept(after_s: float, words: str) -> None:
    rig = IncidentsRig()
    rig.report("orders/crm", "down")
    assert "it still fails: orders/crm: failed (timeout)" in rig.ask(CloseIncident("a", rig.one.id, "ada")).mistake
    rig.report("orders/crm", "healthy")
    rig.pass_time(after_s)
    refusal = rig.ask(CloseIncident("b", rig.one.id, "ada"))
    assert words in refusal.mistake
    assert rig.ask(CloseIncident("c", rig.one.id, "ada", "we know what it was", override=True)).mistake == ""
    assert rig.one.closed is not None
    assert words in rig.one.closed.overrode
    assert rig.incidents.shares() == {}, "whoever closes it lets everything through"


def test_a_path_that_fails_while_it_is_loaded_begins_again_after_a_pause_that_grows() -> None:
    rig = IncidentsRig()
    rig.report("orders/crm", "down")
    rig.report("orders/crm", "healthy")
    rig.pass_time(16.0)
    assert rig.incidents.shares() == {"orders/crm": 0.25}
    rig.report("orders/crm", "degraded", "slower than usual")
    assert rig.one.phase is IncidentPhase.MITIGATED
    assert rig.incidents.shares() == {}
    rig.report("orders/crm", "healthy")
    rig.pass_time(1.0)
    assert rig.incidents.shares() == {"orders/crm": 0.0}
    rig.pass_time(60.0)
    cleared = [each.at_s for each in rig.facts if isinstance(each, GateMoved) and each.event == "cleared"]
    reverted = [each for each in rig.facts if isinstance(each, GateMoved) and each.event == "reverted"]
    assert (len(cleared), len(reverted)) == (2, 1)
    assert cleared[1] >= reverted[0].next_at_s == reverted[0].at_s + GATE.step_s


def test_a_test_that_fails_reverts_too_and_pauses_have_an_end() -> None:
    rig = IncidentsRig()
    rig.answers = Unavailable("timeout")
    rig.report("orders/crm", "down")
    rig.report("orders/crm", "healthy")
    rig.pass_time(7_200.0)
    assert rig.incidents.shares() in ({}, {"orders/crm": 0.0})
    pauses = [each.next_at_s - each.at_s for each in rig.facts if isinstance(each, GateMoved) and each.next_at_s]
    assert pauses[:3] == [5.0, 10.0, 20.0]
    assert pauses[-1] == GATE_PAUSE_S_MAX
    rig.answers = None  # nobody answers at all: it is a failed test after its time
    rig.pass_time(GATE_PAUSE_S_MAX + 10.0)
    tested = [each for each in rig.facts if isinstance(each, PathTested)]
    assert not any(each.ok for each in tested)


def test_a_path_without_a_test_is_taken_at_its_word_which_is_on_record() -> None:
    rig = IncidentsRig()
    rig.report("payments/gateway", "down")
    rig.report("payments/gateway", "healthy")
    tested = next(each for each in rig.facts if isinstance(each, PathTested))
    assert (tested.ok, tested.words) == (True, "no test is declared for it: it is taken at its word")


def test_what_fails_and_has_a_test_is_asked_after_though_nobody_comes_by_it() -> None:
    rig = IncidentsRig()
    rig.answers = Unavailable("timeout")
    rig.report("orders/crm", "down")
    rig.report("payments/gateway", "down")
    rig.pass_time(ASKED_AFTER_EVERY_S - 1.0)
    assert rig.asked == []
    rig.pass_time(4 * ASKED_AFTER_EVERY_S)
    assert [(each.path, each.action, each.changes, each.may_skip) for each in rig.asked] == [
        ("crm", "status", False, False)
    ] * 4, "its health takes what comes of it; what has no test is not asked"
    assert [each for each in rig.facts if isinstance(each, PathTested | GateMoved)] == [], "and no gate is moved by it"
    rig.report("orders/crm", "healthy")
    assert [each.ok for each in rig.facts if isinstance(each, PathTested)] == [False], "the test itself is another one"
    rig.answers = None
    before = len(rig.asked)
    rig.pass_time(3 * ASKED_AFTER_EVERY_S)
    assert len(rig.asked) - before <= 2, "of what does not fail any more only the gate asks"


@pytest.mark.parametrize("at_s", [0.0, 4.0, 10.5, 16.0, 21.0, 26.0, 31.0, 50.0])
def test_whoever_takes_over_goes_on_at_the_same_step(at_s: float) -> None:
    rig = IncidentsRig()
    rig.report("orders/crm", "down")
    rig.report("orders/crm", "healthy")
    rig.pass_time(at_s)
    before = (rig.one.phase, rig.one.gate.stage, rig.one.gate.share, rig.incidents.shares())
    following = rig.successor()
    following.pass_time(0.0)
    assert (following.one.phase, following.one.gate.stage, following.one.gate.share) == before[:3]
    assert following.incidents.shares() == before[3]
    following.pass_time(120.0)
    assert following.one.phase is IncidentPhase.CLOSED
    events = [each.event for each in following.facts if isinstance(each, GateMoved)]
    assert events == ["cleared", "tested", "held", "stepped", "stepped", "stepped", "loaded"]


def test_a_test_under_way_is_made_again_by_whoever_takes_over() -> None:
    rig = IncidentsRig()
    rig.answers = None
    rig.report("orders/crm", "down")
    rig.report("orders/crm", "healthy")
    assert rig.one.gate.stage is GateStage.TESTING
    following = rig.successor()
    following.answers = IncidentsRig().answers
    following.pass_time(1.0)
    assert following.one.gate.stage is GateStage.HOLDING


def test_shares_are_of_new_calls_and_leave_none_without_a_path() -> None:
    view = {
        name: PathView(name, Condition.HEALTHY, Breaker.CLOSED, "well", may_try=True) for name in ("first", "second")
    }
    options = [PathOption("first", 1), PathOption("second", 2)]
    load = {name: PathLoad() for name in view}
    tickets = [number / 1_000 for number in range(1_000)]
    chosen = [choose_path(options, view, load, each, shares={"first": 0.25}).path for each in tickets]
    assert 200 <= chosen.count("first") <= 300
    alone = choose_path(options[:1], view, load, 0.5, shares={"first": 0.0})
    assert alone.path == "first"
    assert "held back: 0% of new calls may choose it" in alone.reasons[0]


def test_as_many_shares_as_there_may_be_are_carried_one_after_another() -> None:
    shares = tuple((number + 1) / GATE_SHARES_MAX for number in range(GATE_SHARES_MAX))
    settings, gate, now_s, seen = GateSettings(1.0, 1.0, shares), RecoveryGate(), 0.0, []
    while gate.stage is not GateStage.PASSED:
        now_s += 1.0
        move = next_move(gate, "", (), settings, now_s) if not seen else next_move(gate, "", ("p",), settings, now_s)
        assert move is not None or gate.stage is GateStage.TESTING
        if move is None:
            gate.apply(PathTested("INC-20251123-1", now_s, "p", 1, True, "answered"))
            continue
        seen.append(move.share)
        gate.apply(GateMoved("INC-20251123-1", now_s, move.event.value, move.share, 1, 0.0, move.why))
    assert sorted(set(seen)) == [0.0, *shares]
