"""The shell does not wait: effects leave before their facts are written."""

from tests.sim.random_worlds import random_scene
from tests.sim.scenes import Scene

WITHIN_SEEDS = 60


def no_waiting(scene: Scene) -> None:
    """Plant it in a world that has not begun."""
    scene.node.writes_first = False


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return random_scene(seed, prepare=no_waiting)
