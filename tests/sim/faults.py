"""Faults that a seed decides, of who takes over and of the network: kills, stops, hangs, a lost lock, partitions."""

from collections.abc import Callable
from random import Random

from keepline.sim.network import Address
from keepline.sim.process import SimProcess
from keepline.sim.supervisor import SimSupervisor
from keepline.sim.world import BEGAN_S
from tests.sim.scenes import FAR_END, NODE, Scene

WITHIN_S = 30.0
"""The last fault begins within that time."""
FAULTS_MAX = 8
CUTS_MAX = 3
CUT_S_MAX = 12.0
"""Longer than most retransmissions, shorter than anybody's patience."""
MOMENTS = 400
CLOSES_MAX = 6


def plan_faults(scene: Scene, supervisor: SimSupervisor, random: Random) -> None:
    """What befalls the processes of a node."""
    for _ in range(random.randint(1, FAULTS_MAX)):
        fault = random.choice((kill, kill, freeze, freeze, freeze, kill_supervisor, stop_supervisor, lose_lock))
        at_s, what = BEGAN_S + random.uniform(1.0, WITHIN_S), fault(scene, supervisor, random)
        scene.world.at(at_s, what)
    node = scene.node
    node.stops_at |= frozenset(random.randint(0, MOMENTS) for _ in range(random.randint(0, 3)))


def plan_cuts(scene: Scene, random: Random) -> None:
    """Who cannot be reached, and when."""
    callers = [caller.address for caller in scene.callers]
    for _ in range(random.randint(1, CUTS_MAX)):
        addresses = random.choice(([NODE], [FAR_END], callers))
        address, for_s = random.choice(addresses), random.uniform(0.5, CUT_S_MAX)
        scene.world.at(
            BEGAN_S + random.uniform(0.0, WITHIN_S),
            lambda address=address, for_s=for_s: scene.network.cut(address, for_s),  # type: ignore[misc]
        )


def plan_closes(scene: Scene, random: Random) -> None:
    """What befalls connections: closed by the caller, in the midst of a message too; reset; filled with nonsense."""
    callers = [caller for caller in scene.callers if caller.plan.transport == "tcp"]
    for _ in range(random.randint(0, CLOSES_MAX) if callers else 0):
        befall = random.choice((close, close, break_off, reset, garble))
        befall_at_s = BEGAN_S + random.uniform(0.1, WITHIN_S)
        scene.world.at(befall_at_s, befall, scene, random.choice(callers).address)


def close(scene: Scene, far: Address) -> None:
    """The caller closes its connection."""
    streams = scene.network.streams
    if (stream := streams.of(far)) is not None:
        streams.end(stream)


def break_off(scene: Scene, far: Address) -> None:
    """The caller closes it in the midst of its next message."""
    if (stream := scene.network.streams.of(far)) is not None:
        stream.breaks_next = True


def reset(scene: Scene, far: Address) -> None:
    """Somebody between the two resets it: what is under way is lost."""
    streams = scene.network.streams
    if (stream := streams.of(far)) is not None:
        streams.end(stream, resets=True)


def garble(scene: Scene, far: Address) -> None:
    """The caller sends what is no SIP."""
    streams = scene.network.streams
    if (stream := streams.of(far)) is not None:
        streams.garble(stream)


def _somebody(supervisor: SimSupervisor, random: Random) -> SimProcess | None:
    """The active process, or the warm one."""
    return supervisor.find(random.choice(("active", "active", "warm")))


def kill(_scene: Scene, supervisor: SimSupervisor, random: Random) -> Callable[[], None]:
    """A process is killed."""

    def do() -> None:
        process = _somebody(supervisor, random)
        if process is not None:
            process.die()

    return do


def freeze(scene: Scene, supervisor: SimSupervisor, random: Random) -> Callable[[], None]:
    """A process is stopped, or hangs, and goes on after a while if it is still there."""

    def do() -> None:
        process = _somebody(supervisor, random)
        if process is not None:
            process.freeze(stopped=random.random() < 0.7)
            scene.world.after(random.choice((0.05, 0.3, 1.5, 6.0)), process.go_on)

    return do


def kill_supervisor(scene: Scene, supervisor: SimSupervisor, random: Random) -> Callable[[], None]:
    """The supervisor is killed; somebody starts it again."""

    def do() -> None:
        supervisor.die()
        scene.world.after(random.uniform(0.1, 5.0), supervisor.come_back)

    return do


def stop_supervisor(scene: Scene, supervisor: SimSupervisor, random: Random) -> Callable[[], None]:
    """The supervisor is stopped for a while."""

    def do() -> None:
        supervisor.stop()
        scene.world.after(random.uniform(0.1, 5.0), supervisor.go_on)

    return do


def lose_lock(_scene: Scene, supervisor: SimSupervisor, _random: Random) -> Callable[[], None]:
    """Somebody removes the lock's file."""
    return supervisor.lose_lock
