"""Two calls processes and a supervisor: whoever dies, hangs or is stopped, no dialog is in two hands and none is lost.

Who takes over is decided by `keepline.succession`, as in a node.
"""

import pytest

from keepline.sim.caller import Plan
from keepline.sim.network import STORM
from keepline.sim.supervisor import SimSupervisor
from keepline.sim.world import BEGAN_S
from keepline.succession.watch import CALLS_HUNG_AFTER_S, CALLS_HUNG_ALONE_AFTER_S, CALLS_STOPPED_AFTER_S
from tests.sim.planted.two_actives import take_early
from tests.sim.random_worlds import random_scene
from tests.sim.scenes import NODE, Scene

WARM_S = 1.0
"""By then both processes are there."""
PLANS = {
    "greeting": Plan("1000", keys=((3.0, "5"),)),
    "keyed": Plan("4000", keys=((1.0, "1"), (1.5, "2"), (2.0, "3"), (2.5, "4"))),
    "hung_up": Plan("2000", hang_up_after_s=3.0),
    "ringing": Plan("1001"),
    "message": Plan("7010", keys=((9.0, "#"),), speaks=((3.0, 6.0),)),
}


def scene_of(name: str, **more: object) -> tuple[Scene, SimSupervisor]:
    scene = Scene([(WARM_S, PLANS[name])], supervised=True, **more)  # type: ignore[arg-type]
    assert scene.supervisor is not None
    return scene, scene.supervisor


def freeze_at(scene: Scene, supervisor: SimSupervisor, at_s: float, *, stopped: bool) -> None:
    def do() -> None:
        active = supervisor.find("active")
        assert active is not None
        active.freeze(stopped=stopped)

    scene.world.at(BEGAN_S + at_s, do)


@pytest.mark.parametrize(("stopped", "limit_s"), [(True, CALLS_STOPPED_AFTER_S), (False, CALLS_HUNG_AFTER_S)])
def test_who_does_nothing_is_killed_and_the_warm_one_goes_on(stopped: bool, limit_s: float) -> None:
    scene, supervisor = scene_of("greeting")
    scene.world.run(BEGAN_S + WARM_S)
    first, second = supervisor.find("active"), supervisor.find("warm")
    assert first is not None
    assert second is not None
    freeze_at(scene, supervisor, 3.0, stopped=stopped)
    scene.world.run(BEGAN_S + 3.0 + limit_s + 0.2)
    assert (first.is_alive, second.state) == (False, "active")
    assert second.epoch == first.epoch + 1
    assert second.active_since_s <= BEGAN_S + 3.0 + limit_s + 0.12
    assert scene.run() == []
    assert scene.node.log.deaths == 1


def test_without_a_warm_one_who_hangs_is_given_more_time() -> None:
    scene, supervisor = scene_of("greeting")
    scene.world.run(BEGAN_S + WARM_S)
    active, warm = supervisor.find("active"), supervisor.find("warm")
    assert active is not None
    assert warm is not None
    supervisor.stop()
    warm.die()
    supervisor.go_on()  # its successor takes a while to be warm
    active.freeze(stopped=False)
    scene.world.run(scene.world.now_s + 0.1)
    assert supervisor.find("warm") is None
    assert CALLS_HUNG_ALONE_AFTER_S > CALLS_HUNG_AFTER_S
    assert scene.run() == []


@pytest.mark.parametrize("gone_on_s", [0.05, 0.2, 5.0])
@pytest.mark.parametrize("name", PLANS)
def test_stopped_at_every_moment(name: str, gone_on_s: float) -> None:
    """It goes on before anybody noticed, about when it is killed, or would after its successor has begun."""
    undisturbed, _ = scene_of(name)
    assert undisturbed.run() == []
    for moment in range(undisturbed.node.moment):
        scene, supervisor = scene_of(name)
        scene.node.stops_at = frozenset((moment,))
        noticed = scene.node.on_frozen

        def on_frozen(scene: Scene = scene, noticed=noticed) -> None:  # type: ignore[no-untyped-def]
            frozen = next(each for each in scene.supervisor.members if each.is_frozen)  # type: ignore[union-attr]
            scene.world.after(gone_on_s, frozen.go_on)
            noticed()

        scene.node.on_frozen = on_frozen
        assert scene.run() == [], f"{name}, stopped at moment {moment}, goes on after {gone_on_s} s"
        assert scene.callers[0].heard.outcome == undisturbed.callers[0].heard.outcome
        assert supervisor.find("active") is not None


@pytest.mark.parametrize("name", PLANS)
def test_a_lost_lock_gives_two_holders_and_no_call_two_hands(name: str) -> None:
    """The lock is granted while its holder is stopped at some moment; its epoch is what refuses it afterwards."""
    undisturbed, _ = scene_of(name)
    assert undisturbed.run() == []
    for moment in range(2, undisturbed.node.moment):
        scene, supervisor = scene_of(name)
        scene.node.stops_at = frozenset((moment,))

        def on_frozen(scene: Scene = scene, supervisor: SimSupervisor = supervisor) -> None:
            frozen = next(each for each in supervisor.members if each.is_frozen)
            supervisor.grant_to_the_warm()
            scene.world.after(0.4, frozen.go_on)

        scene.node.on_frozen = on_frozen
        assert scene.run() == [], f"{name}, stopped at moment {moment}"
        assert scene.node.log.deaths == 1, "it ended by itself"
        assert scene.callers[0].heard.outcome == undisturbed.callers[0].heard.outcome


def test_epochs_alone_keep_a_dialog_in_one_hand() -> None:
    """What the planted bug does, but with epochs: every one of its worlds is a good one."""
    refused = 0
    for seed in range(20):
        scene = random_scene(seed, supervised=True)
        assert scene.supervisor is not None
        for at_s in (3.0, 9.0, 15.0):
            take_early(scene, scene.supervisor, at_s)
        assert scene.run() == [], f"seed {seed}"
        refused += scene.node.log.refused
    assert refused, "somebody tried to write after his time"


def test_what_was_being_written_is_refused_once_a_successor_has_begun() -> None:
    scene, supervisor = scene_of("hung_up")
    scene.node.write_s = lambda: 0.05

    # The INVITE has come, and is not on record yet.
    take_early(scene, supervisor, WARM_S + 0.04)
    assert scene.run() == []
    assert scene.node.log.refused == 1
    assert scene.callers[0].heard.outcome == "hung up"


def test_a_lost_lock_file_is_noticed_by_whoever_still_holds_it() -> None:
    scene, supervisor = scene_of("hung_up")
    scene.world.run(BEGAN_S + WARM_S)
    holder, warm = supervisor.find("active"), supervisor.find("warm")
    assert holder is not None
    assert warm is not None
    supervisor.lose_lock()
    warm.die()  # its successor makes the file anew, and is granted what the first one still has
    assert scene.run() == []
    assert not holder.is_alive


@pytest.mark.parametrize("back_after_s", [0.3, 4.0])
def test_without_a_supervisor_the_warm_one_takes_over_and_the_next_supervisor_adopts_it(back_after_s: float) -> None:
    scene, supervisor = scene_of("greeting")
    scene.world.run(BEGAN_S + 2.0)
    active, warm = supervisor.find("active"), supervisor.find("warm")
    assert active is not None
    assert warm is not None
    supervisor.die()
    active.die()
    scene.world.run(scene.world.now_s + 0.1)
    assert warm.state == "active"
    assert supervisor.find("warm") is None
    scene.world.after(back_after_s, supervisor.come_back)
    assert scene.run() == []
    assert supervisor.find("active") is warm


def test_both_are_killed_at_once() -> None:
    scene, supervisor = scene_of("hung_up")
    scene.world.run(BEGAN_S + 2.0)
    for each in list(supervisor.members):
        each.die()
    assert scene.run() == []


@pytest.mark.parametrize("at_s", [1.0, 1.5, 3.0, 4.5])
def test_a_partition_between_node_and_carriers_passes(at_s: float) -> None:
    scene, _ = scene_of("keyed", weather=STORM)
    scene.world.at(BEGAN_S + at_s, lambda: scene.network.cut(NODE, 10.0))
    scene.world.at(BEGAN_S + at_s + 2.0, scene.node.die)
    assert scene.run() == []
    assert scene.network.lost > 3
    assert scene.callers[0].heard.outcome in ("was hung up on", "INVITE was not answered")


def test_a_connection_outlasts_a_partition() -> None:
    scene = Scene([(0.0, Plan("1000", transport="tcp"))])
    scene.network.cut(NODE, 5.0)
    assert scene.run() == []
    assert scene.callers[0].heard.outcome == "was hung up on"
