"""A process that dies at every moment of a scene in turn: nothing may be wrong after any of these deaths."""

from collections.abc import Callable

from tests.sim.scenes import Scene

OUTAGES_S = (0.02, 1.3)
"""From the death to the successor's first turn: shorter and longer than the peers' patience."""


def die_at_every_moment(
    make: Callable[[], Scene], outage_s: float, outcome: Callable[[Scene], object] | None, name: str
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
