"""What a simulated call costs, as a count that does not depend on the machine: function calls, Python's and C's."""

import cProfile
import pstats
from collections.abc import Callable

from tests.sim.random_worlds import calm_scene, random_scene
from tests.sim.scenes import Scene

CALM_CALLS = 200
STORM_SEEDS = range(12)


def calm(*, as_objects: bool) -> list[Scene]:
    """One world in which nothing is lost and nobody dies."""
    return [calm_scene(CALM_CALLS, as_objects=as_objects)]


def storm(*, as_objects: bool) -> list[Scene]:
    """Random worlds: loss, partitions, deaths, stops."""
    return [random_scene(seed, as_objects=as_objects) for seed in STORM_SEEDS]


WORLDS: dict[str, Callable[[], list[Scene]]] = {
    "calm, as text": lambda: calm(as_objects=False),
    "calm, as objects": lambda: calm(as_objects=True),
    "storm, as text": lambda: storm(as_objects=False),
    "storm, as objects": lambda: storm(as_objects=True),
}


def function_calls_a_call(name: str) -> float:
    """How many function calls a simulated call takes in these worlds, callers, network and checks included."""
    scenes = WORLDS[name]()
    for scene in WORLDS[name]():  # what is made once and kept is made
        assert scene.run() == []
    profile = cProfile.Profile()
    for scene in scenes:
        profile.runcall(scene.run)
    counted: int = pstats.Stats(profile).total_calls  # type: ignore[attr-defined]
    return counted / sum(len(scene.callers) for scene in scenes)
