"""The caller hangs up at every moment of every kind of flow: the flow is over, cleanly and once, and so is the call."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from keepline.call.facts import CallEnded, CallReceived, Fact, FlowEnded, FlowFailed
from keepline.sim.callee import CalleePlan
from keepline.sim.caller import Plan
from tests.sim import test_connecting, test_secrets
from tests.sim.scenes import Scene
from tests.sim.test_crash_points import SCENARIOS

Make = Callable[[Plan], Scene]
FAIL_BY_THEMSELVES = ("flow_raises", "flow_falls_back", "flow_falls_back_and_fails")
"""Whoever hangs up before that spares them; nobody else's flow may fail."""
BESIDE_S = (-0.05, 0.0, 0.001)
"""Around each moment at which something went on record: before, with, and after it."""


def alone(plan: Plan) -> Scene:
    return Scene([(0.0, plan)])


def connected(callee: CalleePlan, plan: Plan) -> Scene:
    return Scene([(0.0, plan)], callees={test_connecting.NUMBER: callee})


SCENES: dict[str, tuple[Plan, Make]] = {
    **{name: (plan, alone) for name, plan in SCENARIOS.items() if plan.acknowledges and plan.number != "9999"},
    **{
        f"connect_{name}": (plan, partial(connected, callee)) for name, (plan, callee) in test_connecting.SCENES.items()
    },
    "pays": (test_secrets.PAYS, test_secrets.scene_of),
}
STAYING = [name for name, (plan, _) in SCENES.items() if plan.hang_up_after_s is None and plan.cancel_after_s is None]
"""Who does not hang up by its own plan."""


def moments_of(scene: Scene) -> list[float]:
    """Seconds after the answer at which anything was written, and beside them."""
    answered_at_s = scene.callers[0].heard.answered_at_s
    assert answered_at_s is not None
    found = {round(fact.at_s - answered_at_s + beside_s, 3) for fact in scene.node.written for beside_s in BESIDE_S}
    return sorted(each for each in found if each >= 0)


def of_the_caller(scene: Scene) -> list[Fact]:
    """The facts of the caller's own call."""
    [call] = {fact.call for fact in scene.node.written if isinstance(fact, CallReceived)}
    return [fact for fact in scene.node.written if fact.call == call]


@pytest.mark.parametrize("name", STAYING)
def test_a_hang_up_at_any_moment_ends_the_flow_cleanly(name: str) -> None:
    plan, make = SCENES[name]
    undisturbed = make(plan)
    assert undisturbed.run() == []
    moments = moments_of(undisturbed)
    assert len(moments) > 3
    for at_s in moments:
        scene = make(replace(plan, hang_up_after_s=at_s))
        where = f"{name}, hung up {at_s} s after the answer"
        assert scene.run() == [], where
        facts = of_the_caller(scene)
        [ended] = [fact for fact in facts if isinstance(fact, CallEnded)]
        assert ended.ended_by in ("caller", "flow"), where
        assert sum(isinstance(fact, FlowEnded) for fact in facts) == 1, where
        failed = [fact.error for fact in facts if isinstance(fact, FlowFailed)]
        assert failed == [] or name in FAIL_BY_THEMSELVES, where
        left = [each.outcome for each in scene.callees.calls.values() if not each.outcome]
        assert left == [], f"{where}: somebody who was called is left alone"
