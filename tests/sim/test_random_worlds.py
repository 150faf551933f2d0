"""Random worlds are good ones: nobody waits for ever, nothing happens twice. A failure prints the line that replays it.

`KEEPLINE_SIM_SEEDS=1000` runs more of them, `KEEPLINE_SIM_SEED=17` that one alone.
"""

import os

import pytest

from keepline.model import limits
from keepline.model.errors import LocalError
from keepline.sim import world
from keepline.sim.world import BEGAN_S, World
from tests.sim.random_worlds import random_scene, replay_line

SEEDS = 60
"""A few seconds' worth."""


def seeds() -> list[int]:
    if "KEEPLINE_SIM_SEED" in os.environ:
        return [int(os.environ["KEEPLINE_SIM_SEED"])]
    return list(range(int(os.environ.get("KEEPLINE_SIM_SEEDS", SEEDS))))


def test_random_worlds() -> None:
    deaths = lost = 0
    for seed in seeds():
        scene = random_scene(seed)
        wrong = scene.run()
        assert wrong == [], "\n".join([f"seed {seed}: {len(wrong)} things are wrong", *wrong, replay_line(seed)])
        deaths += scene.node.log.deaths
        lost += scene.network.lost
    if "KEEPLINE_SIM_SEED" not in os.environ:
        assert deaths > len(seeds()), "the process died often enough to prove something"
        assert lost > len(seeds()), "and so did datagrams"


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
