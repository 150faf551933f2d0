"""A process that dies at every moment of a scene in turn: nothing may be wrong after any of these deaths."""

from collections.abc import Callable
from random import Random
from typing import TypeVar

from keepline.sim.world import BEGAN_S
from tests.sim.scenes import Scene

SceneT = TypeVar("SceneT", bound=Scene)
OUTAGES_S = (0.02, 1.3)
"""From the death to the successor's first turn: shorter and longer than the peers' patience."""


def die_at_every_moment(
    make: Callable[[], SceneT], outage_s: float, outcome: Callable[[SceneT], object] | None, name: str
) -> None:
    """Run the scene once for each of its moments, with a death at that one.

    `outcome` says what came of it, which a death must not change; None where one at the right moment may.
    """
    undisturbed = make()
    assert undisturbed.run() == []
    for moment in range(undisturbed.node.moment):
        scene = make()
        scene.node.dies_at = frozenset((moment,))
        scene.node.outage_s = outage_s
        where = f"{name}, outage {outage_s} s, death at moment {moment}"
        assert scene.run() == [], where
        assert scene.node.log.deaths == 1, where
        if outcome is not None:
            assert outcome(scene) == outcome(undisturbed), where


def die_twice(make: Callable[[], SceneT], laters: range, outcome: Callable[[SceneT], object] | None, name: str) -> None:
    """The same, and the successor dies too, so many moments later."""
    undisturbed = make()
    assert undisturbed.run() == []
    for first in range(undisturbed.node.moment):
        for later in laters:
            scene = make()
            scene.node.dies_at = frozenset((first, first + later))
            scene.node.outage_s = OUTAGES_S[0]
            where = f"{name}, deaths at moments {first} and {first + later}"
            assert scene.run() == [], where
            if outcome is not None:
                assert outcome(scene) == outcome(undisturbed), where


def die_now_and_then(scene: Scene, random: Random) -> None:
    """Up to four deaths at random times of the first 25 s."""
    for _ in range(random.randint(0, 4)):
        scene.world.at(BEGAN_S + random.uniform(0.1, 25.0), scene.node.die)
