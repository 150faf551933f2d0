"""A message is taken from its TCP connection before anything of it is written: who dies then has lost it."""

from tests.sim.random_worlds import random_scene
from tests.sim.scenes import Scene

WITHIN_SEEDS = 10


def consume_early(scene: Scene) -> None:
    """Plant it in a world that has not begun."""
    scene.network.streams.consumes_late = False


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return random_scene(seed, prepare=consume_early)
