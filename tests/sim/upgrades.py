"""Upgrades that a seed decides: to a version that is good, or fails while it starts, when it serves, or soon after."""

from random import Random

from keepline.call.exchange import Exchange
from keepline.sim.process import SimProcess
from keepline.sim.supervisor import SimSupervisor
from keepline.sim.world import BEGAN_S
from tests.sim.scenes import Scene, exchange_of

UPGRADED = 0.5
"""Share of the worlds with a supervisor."""
UPGRADES_MAX = 2
OLD, NEW = "a1", "b2"
FAILS_AFTER_S = (0.1, 0.7, 2.0, 5.0)
"""From its start: before it is warm, before it serves, and while it does."""
MENDED_S = 40.0
"""By then the new version is as good as the old one: one that a dead supervisor left in use would fail for ever."""


def plan_upgrades(scene: Scene, supervisor: SimSupervisor, random: Random, slots: int, kind: type[Exchange]) -> None:
    """When somebody upgrades the node, and how good the new version is; the other one is there again afterwards."""
    node, world = scene.node, scene.world
    node.versions = {OLD: exchange_of(slots, kind, OLD, NEW), NEW: exchange_of(slots, kind, NEW, OLD)}
    node.version = OLD
    for process in supervisor.members:
        process.version = OLD
    if random.random() < 0.5:
        spoil(scene, supervisor, random.choice(FAILS_AFTER_S))
    for _ in range(random.randint(1, UPGRADES_MAX)):
        at_s = BEGAN_S + random.uniform(1.0, 25.0)
        world.at(at_s, lambda: supervisor.upgrade(OLD if node.version == NEW else NEW))


def spoil(scene: Scene, supervisor: SimSupervisor, after_s: float) -> None:
    """Processes of the new version end of themselves after a while."""

    def do(process: SimProcess) -> None:
        if process.version == NEW and scene.world.elapsed_s < MENDED_S:
            scene.world.after(after_s, process.fail)

    supervisor.spoils = do
