"""A connection that was left in the midst of a message is used on: its caller gets half of one and all of the next."""

from tests.sim.random_worlds import random_scene
from tests.sim.scenes import Scene

WITHIN_SEEDS = 30


def go_on(scene: Scene) -> None:
    """Plant it in a world that has not begun."""
    scene.network.streams.heeds_corks = False


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return random_scene(seed, prepare=go_on)
