"""Everything dies while a caller keys what nobody may see: what it keyed into that is no part of any entry."""

import pytest

from keepline.call.facts import DigitsPressed, QuestionContinued
from keepline.sim.caller import Plan
from keepline.sim.world import BEGAN_S
from tests.sim.scenes import Scene
from tests.sim.test_secrets import CARD, CVV, DIALLED, EXPIRY, answering, charges, keys, leaks, said, scene_of


def test_everything_dies_at_every_moment() -> None:
    """Keys that nobody heard are gone with the memory of all others: what comes then is no part of an entry."""
    asked_again, unknown = 0, 0
    for tenths in range(1, 160):
        scene = answering(all_die_at_s=tenths / 10)
        assert scene.run() == [], tenths
        assert leaks(scene, CARD, EXPIRY, CVV) == [], tenths
        again = [fact for fact in scene.node.written if isinstance(fact, QuestionContinued)]
        assert [fact for fact in again if fact.attempt > 1] == [], "a caller is not to blame"
        asked_again += len(again)
        right = {"card": {"number": CARD, "expiry": EXPIRY}, "cvv": CVV}
        assert [each for each in charges(scene) if each != right] == [], tenths
        if said(scene)[-1] != "Receipt":
            assert "secret was lost before" in said(scene)[-1], (tenths, said(scene))
            unknown += 1
    assert asked_again > 10
    assert unknown < 40


@pytest.mark.parametrize("heard", ["", CVV[:1], CVV[:2]])
def test_the_rest_of_an_entry_is_none_after_everything_died(heard: str) -> None:
    """Who was keying when everything died keys on into it, is asked again, and begins again; keys stay private."""

    def prepare(scene: Scene) -> None:
        scene.world.at(BEGAN_S + 1.0, lambda: scene.node.die_wholly(0.5))

    pressed = [(0.6, heard)] if heard else []
    scene = scene_of(Plan(DIALLED["sending"], keys=keys(*pressed, (1.8, CVV[len(heard) :]), (4.2, CVV))), prepare)
    assert scene.run() == []
    assert said(scene) == ["Your code?", "Your code?", "Reply"]
    assert charges(scene) == [{"code": CVV}]
    assert leaks(scene, CVV) == []
    assert [fact for fact in scene.node.written if isinstance(fact, DigitsPressed)] == []


def test_keys_behind_a_secret_stay_private_though_everything_died() -> None:
    def prepare(scene: Scene) -> None:
        scene.world.at(BEGAN_S + 2.6, lambda: scene.node.die_wholly(0.2))

    scene = scene_of(Plan(DIALLED["pay"], keys=keys((0.5, CARD), (3.0, CARD[:4]))), prepare)
    assert scene.run() == []
    assert [fact for fact in scene.node.written if isinstance(fact, DigitsPressed)] == []
    assert said(scene)[:3] == ["Your card?", "Thank you.", "Thank you."]
