"""Upgrades while calls go on: nobody notices, whoever dies on the way; what does not serve is refused or taken back."""

import pytest

from keepline.call.exchange import Exchange
from keepline.call.facts import CallReceived, Fact
from keepline.sim.caller import Plan
from keepline.sim.supervisor import SimSupervisor
from keepline.sim.world import BEGAN_S
from keepline.succession.upgrades import UpgradeOutcome
from tests.sim.scenes import Scene, exchange_of
from tests.sim.upgrades import NEW, OLD, spoil

UPGRADED_S = 3.0
PLANS = ((1.0, Plan("4000", keys=((1.0, "1"), (3.5, "2"), (4.0, "3"), (4.5, "4")))), (8.0, Plan("1000")))


def scene_of(fails_after_s: float | None = None) -> tuple[Scene, SimSupervisor]:
    scene = Scene(list(PLANS), supervised=True)
    supervisor, node = scene.supervisor, scene.node
    assert supervisor is not None
    node.versions = {OLD: exchange_of(4, Exchange, OLD, NEW), NEW: exchange_of(4, Exchange, NEW, OLD)}
    node.version = OLD
    for process in supervisor.members:
        process.version = OLD
    if fails_after_s is not None:
        spoil(scene, supervisor, fails_after_s)
    scene.world.at(BEGAN_S + UPGRADED_S, lambda: supervisor.upgrade(NEW))
    return scene, supervisor


def versions(scene: Scene) -> list[str]:
    """Of the calls, in the order in which they came."""
    facts: list[Fact] = scene.node.written
    return [fact.operation for fact in facts if isinstance(fact, CallReceived)]


def test_calls_finish_with_the_version_that_they_began_with() -> None:
    scene, supervisor = scene_of()
    assert scene.run() == []
    assert versions(scene) == [OLD, NEW]
    assert [news.outcome for news in supervisor.upgrades] == [UpgradeOutcome.DONE]
    assert supervisor.upgrades[0].took_s < 2.0
    assert {member.version for member in supervisor.members} == {NEW}
    assert [caller.heard.outcome for caller in scene.callers] == ["was hung up on"] * 2


@pytest.mark.parametrize(
    ("fails_after_s", "outcome"),
    [(0.05, UpgradeOutcome.REFUSED), (0.9, UpgradeOutcome.TAKEN_BACK), (4.0, UpgradeOutcome.TAKEN_BACK)],
)
def test_a_version_that_does_not_serve_is_refused_or_taken_back(fails_after_s: float, outcome: UpgradeOutcome) -> None:
    scene, supervisor = scene_of(fails_after_s)
    assert scene.run() == []
    assert supervisor.upgrades[-1].outcome is outcome
    assert {member.version for member in supervisor.members} == {OLD}


@pytest.mark.parametrize("who", ["active", "warm", "supervisor", "everything"])
def test_whoever_dies_meanwhile(who: str) -> None:
    """At twenty instants of the upgrade."""
    for index in range(20):
        scene, supervisor = scene_of()
        at_s = BEGAN_S + UPGRADED_S + 0.05 * index

        def die(scene: Scene = scene, supervisor: SimSupervisor = supervisor) -> None:
            if who == "supervisor":
                supervisor.die()
                scene.world.after(1.0, supervisor.come_back)
            elif who == "everything":
                scene.node.die_wholly(1.0)
            else:
                process = supervisor.find(who)
                if process is not None:
                    process.die()

        scene.world.at(at_s, die)
        assert scene.run() == [], f"{who}, {0.05 * index:.2f} s after it was asked for"
        assert [caller.heard.outcome for caller in scene.callers] == ["was hung up on"] * 2
