"""Who takes over builds on what was written before, though a power cut may still take that.

To be seen it needs a death between the writing of an answer and its sync, and a power cut right after the succession:
worlds that are good ones without the bug.
"""

from random import Random

from keepline.call.facts import Fact, StepEnded
from keepline.sim.process import SimProcess
from keepline.sim.world import BEGAN_S
from tests.sim.random_worlds import random_scene
from tests.sim.scenes import Scene

WITHIN_SEEDS = 30
TAKES_OVER_S = 0.02
CUT_AFTER_S = 0.1


def no_first_sync(scene: Scene) -> None:
    """Plant it in a world that has not begun."""
    if scene.node.disk is not None:
        scene.node.disk.syncs_first = False


def die_before_a_sync(scene: Scene, seed: int) -> None:
    """The process dies as soon as it has written the answer of a use, and the power fails a moment later."""
    node, world, after_s = scene.node, scene.world, Random(f"unsynced {seed}").uniform(0.0, 10.0)
    append, armed = node.append, [True]

    def do(process: SimProcess, facts: list[Fact]) -> None:
        append(process, facts)
        is_answer = any(isinstance(fact, StepEnded) and fact.verb == "use" for fact in facts)
        if is_answer and armed and world.now_s > BEGAN_S + after_s:
            armed.clear()
            node.outage_s = TAKES_OVER_S
            world.after(0.0, process.die)
            world.after(TAKES_OVER_S + CUT_AFTER_S, lambda: node.cut_power(1.0))

    node.append = do  # type: ignore[method-assign]


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    scene = random_scene(seed, prepare=no_first_sync, pays=True, whole=True)
    die_before_a_sync(scene, seed)
    return scene
