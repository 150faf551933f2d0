"""What is to be synced before it is acted upon is only written: a power cut takes what was asked for, or promised."""

from tests.sim.random_worlds import random_scene
from tests.sim.scenes import Scene

WITHIN_SEEDS = 60


def no_syncs(scene: Scene) -> None:
    """Plant it in a world that has not begun."""
    if scene.node.disk is not None:
        scene.node.disk.is_heeded = False


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return random_scene(seed, prepare=no_syncs)
