"""Connections die with the process that served them, though the supervisor holds them."""

from tests.sim.random_worlds import random_scene
from tests.sim.scenes import Scene

WITHIN_SEEDS = 5


def drop(scene: Scene) -> None:
    """Plant it in a world that has not begun."""
    scene.network.streams.outlive_processes = False


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    return random_scene(seed, prepare=drop)
