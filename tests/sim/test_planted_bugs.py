"""The checks can fail: every planted bug is caught within the number of seeds that is stated for it."""

import pytest

from keepline.call.exchange import Exchange
from keepline.model.errors import LocalError
from keepline.sim.caller import Plan
from tests.sim.planted_bugs import PLANTED, send_before_writing
from tests.sim.random_worlds import CALLERS, random_scene
from tests.sim.scenes import Scene, exchange_of


@pytest.mark.parametrize(("bug", "within"), list(PLANTED.items()), ids=[bug.__name__ for bug in PLANTED])
def test_a_planted_bug_is_caught(bug: type[Exchange], within: int) -> None:
    for seed in range(within):
        try:
            if random_scene(seed, make=exchange_of(CALLERS, bug)).run():
                return
        except LocalError:  # the core itself will not have it
            return
    pytest.fail(f"{bug.__name__} was not caught within {within} seeds")


def test_sending_before_writing_is_caught() -> None:
    for seed in range(60):
        if random_scene(seed, prepare=send_before_writing).run():
            return
    pytest.fail("not caught within 60 seeds")


def test_the_same_seeds_are_good_without_a_bug() -> None:
    for seed in range(max(PLANTED.values())):
        assert random_scene(seed).run() == []


def test_sending_before_writing_is_caught_at_a_crash_point_too() -> None:
    undisturbed = Scene([(0.0, Plan("1000"))], prepare=send_before_writing)
    assert undisturbed.run() == []
    wrong = []
    for moment in range(undisturbed.node.moment):
        scene = Scene([(0.0, Plan("1000"))], prepare=send_before_writing)
        scene.node.dies_at = frozenset((moment,))
        wrong += scene.run()
    assert [what for what in wrong if "still waiting" in what], "answered by a call that its successor never heard of"
