"""Faults of a whole node that a seed decides: everything is killed, or the power fails, and it is started again."""

from random import Random

from keepline.call.effects_run import StartRun, TellEvent
from keepline.sim.saving import SimDisk
from keepline.sim.world import BEGAN_S
from tests.sim.scenes import Scene

WHOLE = 0.4
"""Share of the worlds with a disk that takes its time, and with deaths of everything."""
WHOLE_DEATHS_MAX = 2
OUTAGES_S = (0.3, 1.5, 5.0)
FLUSH_S = (0.0005, 0.03)
RUNNING = 0.5
"""Share of those with runs."""
RUNS_MAX = 3


def plan_disk(scene: Scene) -> None:
    """The journal's disk takes its time."""
    world = scene.world
    scene.node.disk = SimDisk(lambda: world.random.uniform(*FLUSH_S))


def plan_whole_deaths(scene: Scene, random: Random) -> None:
    """When everything dies, how, and for how long."""
    node = scene.node
    for _ in range(random.randint(1, WHOLE_DEATHS_MAX)):
        at_s, outage_s = BEGAN_S + random.uniform(1.0, 30.0), random.choice(OUTAGES_S)
        die = random.choice((node.die_wholly, node.cut_power, node.cut_power))
        scene.world.at(at_s, lambda die=die, outage_s=outage_s: die(outage_s))  # type: ignore[misc]


def plan_runs(scene: Scene, random: Random, change: str, *, drains: bool) -> None:
    """Runs that are asked for, which use this action of the office, and events that are told, until they are answered.

    A node that `drains` places no calls: a run that wants one waits for the next node.
    """
    node, world = scene.node, scene.world
    for index in range(random.randint(1, RUNS_MAX)):
        order = f"{index}"
        flow, variables = random.choice(
            (
                ("fulfilling", (("change", change), ("wait_s", f"{random.uniform(0.5, 20.0):.3f}"))),
                ("gathering", ()),
                ("listening", (("order", order),)),
                ("gathering", ()) if drains else ("calling_back", ()),
            )
        )
        start = StartRun(flow, f"r{index:015x}", variables=variables)
        world.at(BEGAN_S + random.uniform(0.1, 15.0), lambda start=start: node.ask(start))  # type: ignore[misc]
        for number, event in enumerate(("paid", "sent")):
            if random.random() < 0.7:
                told = TellEvent(event, order, f"e{2 * index + number:015x}")
                world.at(BEGAN_S + random.uniform(0.1, 30.0), lambda told=told: node.ask(told))  # type: ignore[misc]
