"""An upgrade does not end the old standby: it waits for the lock before the new version does."""

from random import Random

from keepline.call.exchange import Exchange
from tests.sim.random_worlds import random_scene
from tests.sim.scenes import Scene
from tests.sim.upgrades import plan_upgrades

WITHIN_SEEDS = 10


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it, and an upgrade in any case."""
    scene = random_scene(seed, supervised=True)
    assert scene.supervisor is not None
    scene.supervisor.end = lambda member: None  # type: ignore[method-assign]
    plan_upgrades(scene, scene.supervisor, Random(f"upgrades of {seed}"), len(scene.node.media.slots), Exchange)
    return scene
