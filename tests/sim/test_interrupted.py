"""Everything dies at once, media's memory included: who is there goes on, who is gone is work for a person."""

import pytest

from keepline.call.facts import CallEnded, StepEnded, WorkOpened
from keepline.call.facts.interrupted import CallInterrupted, PeerAsked, PeerFound
from keepline.call.interruption import ANSWERED_WITHIN_S, HEARD_WITHIN_S
from keepline.call.unfinished.book import CALL_BROKEN
from keepline.sim.caller import Plan
from keepline.sim.world import BEGAN_S
from tests.sim.scenes import Scene

KEYED = Plan("4000", keys=((1.0, "1"), (1.5, "2"), (9.0, "3"), (9.5, "4")))
HOLD = Plan("2000", hang_up_after_s=30.0)


def scene_of(plan: Plan, at_s: float = 2.5, outage_s: float = 5.0, **more: object) -> Scene:
    """Everything dies at a second of the call."""
    scene = Scene([(0.0, plan)], **more)  # type: ignore[arg-type]
    scene.world.at(BEGAN_S + at_s, lambda: scene.node.die_wholly(outage_s))
    return scene


def of(scene: Scene, kind: type) -> list[object]:
    return [fact for fact in scene.node.written if isinstance(fact, kind)]


def silence(scene: Scene) -> None:
    """No audio comes from anybody."""
    calls = {fact.call for fact in scene.node.written}
    scene.node.media.unheard |= calls


def vanish(scene: Scene) -> None:
    """The caller's machine is switched off."""
    silence(scene)
    scene.network.cut(scene.callers[0].address, 1e9)


def test_a_caller_who_is_there_goes_on_from_the_step() -> None:
    scene = scene_of(KEYED)
    assert scene.run() == []
    assert scene.callers[0].heard.outcome == "was hung up on"
    [found] = of(scene, PeerFound)
    assert isinstance(found, PeerFound)
    assert found.by == "rtp"
    assert of(scene, PeerAsked) == []
    asked = next(fact for fact in of(scene, StepEnded) if isinstance(fact, StepEnded) and fact.verb == "ask_digits")
    assert asked.value == "1234", "keys of before and after"
    assert of(scene, WorkOpened) == []


def test_a_caller_who_sends_no_audio_is_asked() -> None:
    scene = scene_of(HOLD)
    scene.world.at(BEGAN_S + 3.0, lambda: silence(scene))
    assert scene.run() == []
    [interrupted], [asked], [found] = of(scene, CallInterrupted), of(scene, PeerAsked), of(scene, PeerFound)
    assert isinstance(interrupted, CallInterrupted)
    assert isinstance(asked, PeerAsked)
    assert isinstance(found, PeerFound)
    assert HEARD_WITHIN_S <= asked.at_s - interrupted.at_s <= HEARD_WITHIN_S + 1.0
    assert found.by == "200"
    assert of(scene, WorkOpened) == []


def test_a_caller_who_is_gone_is_hung_up_on_and_looked_after() -> None:
    scene = scene_of(HOLD)
    scene.world.at(BEGAN_S + 3.0, lambda: vanish(scene))
    scene.run()
    [ended], [opened], [interrupted] = of(scene, CallEnded), of(scene, WorkOpened), of(scene, CallInterrupted)
    assert isinstance(ended, CallEnded)
    assert isinstance(opened, WorkOpened)
    assert isinstance(interrupted, CallInterrupted)
    assert (ended.ended_by, opened.about) == ("node", CALL_BROKEN)
    assert "was gone when the node came back" in ended.reason
    assert opened.at_s - interrupted.at_s <= HEARD_WITHIN_S + ANSWERED_WITHIN_S + 2.0
    assert (opened.from_number, opened.flow) == ("caller0", "hold")


def test_a_caller_who_hung_up_meanwhile_is_looked_after() -> None:
    scene = scene_of(Plan("2000", hang_up_after_s=5.0))
    scene.world.at(BEGAN_S + 3.0, lambda: silence(scene))
    scene.run()
    [ended], [opened] = of(scene, CallEnded), of(scene, WorkOpened)
    assert isinstance(ended, CallEnded)
    assert isinstance(opened, WorkOpened)
    assert ended.ended_by == "caller"
    assert "hung up on the silence" in opened.why


def test_what_rang_is_answered() -> None:
    scene = scene_of(Plan("1001", keys=((12.0, "5"),)), at_s=1.0, outage_s=4.0)
    assert scene.run() == []
    assert scene.callers[0].heard.outcome == "was hung up on"
    assert of(scene, CallInterrupted) == []


@pytest.mark.parametrize("is_there", [True, False])
def test_the_one_that_comes_back_dies_too_at_every_moment(is_there: bool) -> None:
    """Whenever it dies while it looks for the other side, its successor ends where an undisturbed one does."""

    def run(moment: int | None) -> tuple[Scene, list[str]]:
        scene = scene_of(HOLD, outage_s=2.0)
        scene.world.at(BEGAN_S + 3.0, lambda: silence(scene) if is_there else vanish(scene))
        scene.node.dies_at = frozenset(() if moment is None else (moment,))
        return scene, scene.run()

    undisturbed, wrong = run(None)
    before = sum(1 for _ in range(undisturbed.node.moment))
    assert wrong == [] or not is_there
    for moment in range(before):
        scene, wrong = run(moment)
        assert wrong == [] or not is_there, f"death at moment {moment}"
        assert len(of(scene, WorkOpened)) == (not is_there), f"death at moment {moment}"
        assert len(of(scene, CallEnded)) == 1, f"death at moment {moment}"
        assert len({fact.cseq for fact in of(scene, PeerAsked)}) <= 1, f"death at moment {moment}"  # type: ignore[attr-defined]
