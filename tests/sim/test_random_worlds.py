"""Random worlds are good ones: nobody waits for ever, nothing happens twice. A failure prints the line that replays it.

`make sim SEEDS=1000` runs more of them.
"""

import pytest

from keepline.model import limits
from keepline.model.errors import LocalError
from keepline.sim import world
from keepline.sim.world import BEGAN_S, World
from tests.sim.random_worlds import failure_of, random_scene

SEEDS = 600
"""The budget of `make test`: some 15 seconds of CPU."""


def test_random_worlds() -> None:
    deaths = lost = whole = cut = runs = 0
    for seed in range(SEEDS):
        scene = random_scene(seed)
        wrong = failure_of(seed, scene)
        assert not wrong, wrong
        deaths += scene.node.log.deaths
        lost += scene.network.lost
        whole += scene.node.log.whole_deaths
        cut += bool(scene.node.log.lost)
        runs += len(scene.node.runs.rows)
    assert whole > SEEDS / 3, "everything died at once"
    assert cut > SEEDS / 100, "and a power cut took what was not synced"
    assert runs > SEEDS / 3, "flows without a caller were at work"
    assert deaths > SEEDS, "the process died often enough to prove something"
    assert lost > SEEDS, "and so did datagrams"


def test_a_seed_decides_everything() -> None:
    first, second = random_scene(3), random_scene(3)
    first.run()
    second.run()
    assert first.node.written == second.node.written
    assert [caller.heard for caller in first.callers] == [caller.heard for caller in second.callers]
    assert first.node.log.sent == second.node.log.sent


def test_a_world_that_does_not_come_to_rest_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits.SIM_EVENTS_MAX >= 100_000
    monkeypatch.setattr(world, "SIM_EVENTS_MAX", 1000)
    circle = World(0)

    def again() -> None:
        circle.after(0.0, again)

    again()
    with pytest.raises(LocalError, match="something goes round in circles"):
        circle.run(BEGAN_S + 1.0)
