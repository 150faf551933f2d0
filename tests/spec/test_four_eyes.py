"""Decisions of people in the core: on record before what follows from them, and what takes two waits for the second."""

from dataclasses import replace

import pytest

from keepline.call.deciding import Decisions
from keepline.call.effects import Effect, Persist
from keepline.call.effects_path import PathAnswered, WishPath
from keepline.call.effects_person import Decide, DecisionAnswered, SettleAction
from keepline.call.facts import Fact
from keepline.call.facts.path import PathWished
from keepline.call.facts.person import PEOPLE, ActionHeld, ActionRefused, PersonDecided
from keepline.config.desk import ActionName
from keepline.model.limits_people import APPROVAL_S_MAX, APPROVALS_MAX, DECISIONS_KNOWN_MAX
from keepline.model.people import FOUR_EYES, DeskSettings
from tests.spec.carriers_rig import CarriersPlacer

HOLD_S = 900.0


def placer_with(*four_eyes: str) -> CarriersPlacer:
    placer = CarriersPlacer()
    exchange = placer.exchange
    program = exchange.programs[exchange.current]
    desk = DeskSettings(four_eyes=four_eyes, approve_within_s=HOLD_S)
    exchange.programs[exchange.current] = replace(program, operation=replace(program.operation, desk=desk))
    return placer


def step(placer: CarriersPlacer, given: object) -> tuple[list[Fact], list[Effect]]:
    effects = placer.exchange.step(placer.now_s, given)  # type: ignore[arg-type]
    facts = [each.fact for each in effects if isinstance(each, Persist)]
    placer.facts += facts
    return facts, [each for each in effects if not isinstance(each, Persist)]


def drain(asked: str = "a1", by: str = "ana", how: str = "session", path: str = "first") -> Decide:
    wanted = WishPath(asked, path, "drain", 60.0, "works", by)
    return Decide(asked, by, "supervisor", how, "path.drain", path, "works", wanted)


def approve(by: str, held: str = "a1", approves: bool = True) -> SettleAction:
    return SettleAction("s1", held, by, "commander", "session", approves, "seen")


def test_who_decided_is_on_record_with_what_follows() -> None:
    placer = placer_with()
    facts, effects = step(placer, drain())
    assert [type(each) for each in facts] == [PersonDecided, PathWished]
    said = PersonDecided(PEOPLE, placer.now_s, "a1", "ana", "supervisor", "path.drain", "first", "works", "session")
    assert facts[0] == said
    assert effects == [PathAnswered("a1")]
    assert step(placer, drain()) == ([], [DecisionAnswered("a1")]), "told again"


def test_what_cannot_be_done_was_not_decided() -> None:
    facts, [answer] = step(placer_with(), drain(path="nosuch"))
    assert (facts, isinstance(answer, PathAnswered) and "there is no path" in answer.mistake) == ([], True)


def test_a_decision_of_the_desks_own_is_written_once_at_its_own_time() -> None:
    placer = placer_with()
    given = Decide("d1", "root", "machine", "machine", "people.role", "ana as admin", "", None, 900.0)
    facts, effects = step(placer, given)
    assert ([each.at_s for each in facts if isinstance(each, PersonDecided)], effects) == (
        [900.0],
        [DecisionAnswered("d1")],
    )
    assert step(placer, given)[0] == []
    nobody, [answer] = step(placer, replace(given, asked="d2", by=""))
    assert (nobody, isinstance(answer, DecisionAnswered) and "say who" in answer.mistake) == ([], True)


def test_an_action_waits_for_a_second_person_and_is_then_done() -> None:
    placer = placer_with("path.drain")
    [held], effects = step(placer, drain())
    assert isinstance(held, ActionHeld)
    assert effects == [DecisionAnswered("a1", held_until_s=placer.now_s + HOLD_S)]
    facts, [answer] = step(placer, approve("ana"))
    assert (facts, isinstance(answer, DecisionAnswered) and "another person" in answer.mistake) == ([], True)
    facts, _ = step(placer, approve("ben"))
    assert [type(each) for each in facts] == [PersonDecided, PathWished]
    assert isinstance(facts[0], PersonDecided)
    assert (facts[0].by, facts[0].approved_by) == ("ana", "ben")
    facts, [answer] = step(placer, approve("cem"))
    assert (facts, isinstance(answer, DecisionAnswered) and "settled already" in answer.mistake) == ([], True)


def test_what_is_done_elsewhere_waits_too_and_is_then_on_record() -> None:
    placer = placer_with("drill.run")
    wanted = Decide("a1", "ana", "commander", "session", "drill.run", "surge", "before the sales")
    [held], [answer] = step(placer, wanted)
    assert isinstance(held, ActionHeld)
    assert answer == DecisionAnswered("a1", held_until_s=placer.now_s + HOLD_S)
    assert step(placer, approve("ana"))[0] == []
    [decided], [answer] = step(placer, approve("ben"))
    assert isinstance(decided, PersonDecided)
    assert (decided.action, decided.about, decided.by, decided.approved_by) == ("drill.run", "surge", "ana", "ben")
    assert answer == DecisionAnswered("s1")
    facts, _ = step(placer, replace(wanted, asked="a2", action="drill.abort"))
    assert [type(each) for each in facts] == [PersonDecided], "to end one takes nobody else"


def test_the_machines_shell_is_held_too_and_a_broken_glass_is_not() -> None:
    placer = placer_with("path.drain")
    [held], [_] = step(placer, WishPath("c1", "first", "drain", 60.0, "works", "root"))
    assert isinstance(held, ActionHeld)
    assert (held.by, held.role) == ("root", "machine")
    facts, _ = step(placer, drain("a2", "eve", "glass"))
    assert [type(each) for each in facts] == [PersonDecided, PathWished]
    facts, _ = step(placer, WishPath("c2", "first", "release", 0.0, "", "root"))
    assert [type(each) for each in facts] == [PathWished], "not one that takes two"


def test_what_is_refused_or_late_is_not_done() -> None:
    placer = placer_with("path.drain")
    step(placer, drain())
    [refused], _ = step(placer, approve("ben", approves=False))
    assert isinstance(refused, ActionRefused)
    step(placer, drain("a2"))
    placer.now_s += HOLD_S
    facts, [answer] = step(placer, approve("ben", "a2"))
    assert (facts, isinstance(answer, DecisionAnswered) and "waits no more" in answer.mistake) == ([], True)
    step(placer, drain("a3", path="nosuch"))
    [refused], [answer] = [each[:1] for each in step(placer, approve("ben", "a3"))]
    assert isinstance(refused, ActionRefused)
    assert "it cannot be done: there is no path" in refused.why


@pytest.mark.parametrize("seen", range(3))
def test_a_successor_begins_with_what_is_on_record(seen: int) -> None:
    """Killed after each of its facts: what waits still waits, what is settled stays so, nothing is done twice."""
    placer = placer_with("path.drain")
    step(placer, drain())
    step(placer, approve("ben"))
    book = Decisions()
    for fact in placer.facts[:seen]:
        book.note(fact)
    successor = placer_with("path.drain")
    successor.exchange.deciding.book = book
    asked_again, _ = step(successor, drain())
    settled, _ = step(successor, approve("ben"))
    assert [type(each) for each in asked_again] == ([ActionHeld] if seen == 0 else [])
    assert [type(each) for each in settled] == ([] if seen == 2 else [PersonDecided, PathWished])


def test_no_more_wait_and_are_known_than_the_limits() -> None:
    placer = placer_with("path.drain")
    for each in range(APPROVALS_MAX):
        step(placer, drain(f"a{each}"))
    facts, [answer] = step(placer, drain("one-more"))
    assert (facts, isinstance(answer, DecisionAnswered) and "already" in answer.mistake) == ([], True)
    book = placer.exchange.deciding.book
    for each in range(DECISIONS_KNOWN_MAX + 1):
        step(placer, Decide(f"d{each}", "ana", "admin", "session", "people.role", "", ""))
    assert (len(book.known), "d0" in book.known) == (DECISIONS_KNOWN_MAX, False)
    assert (86_400, ActionName.__args__) == (APPROVAL_S_MAX, FOUR_EYES)
