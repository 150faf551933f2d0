"""A process takes over from one that is stopped and not dead, under the same epoch: the other wakes up and goes on."""

from random import Random

from keepline.sim.supervisor import SimSupervisor
from keepline.sim.world import BEGAN_S
from tests.sim.random_worlds import random_scene
from tests.sim.scenes import Scene

WITHIN_SEEDS = 3
STOPPED_S = 0.8


def take_early(scene: Scene, supervisor: SimSupervisor, at_s: float) -> None:
    """The active process is stopped, the warm one is granted the lock all the same, and the first one goes on."""

    def do() -> None:
        active = supervisor.find("active")
        if active is not None and supervisor.find("warm") is not None:
            active.freeze(stopped=False)
            supervisor.stop()  # it would end whoever has a successor
            supervisor.grant_to_the_warm()
            scene.world.after(STOPPED_S, active.go_on)
            scene.world.after(2 * STOPPED_S, supervisor.go_on)

    scene.world.at(BEGAN_S + at_s, do)


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    scene = random_scene(seed, supervised=True)
    scene.node.has_epochs = False
    random = Random(f"two actives {seed}")
    assert scene.supervisor is not None
    for _ in range(3):
        take_early(scene, scene.supervisor, random.uniform(1.0, 20.0))
    return scene
