"""A recording that is asked for again after everything died begins its file anew."""

from tests.sim.random_worlds import random_scene
from tests.sim.scenes import Scene

WITHIN_SEEDS = 120


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    scene = random_scene(seed)
    scene.node.media.keeps_files = False
    return scene
