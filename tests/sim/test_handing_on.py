"""Callees who hand a caller on by REFER, and a process that dies at every moment of it: nobody is called twice."""

import json

import pytest

from keepline.call.facts import CallEnded, StepEnded
from keepline.sim.callee import CalleePlan
from keepline.sim.caller import Plan
from keepline.sim.network import STORM
from keepline.sip.message import parse_message
from keepline.sip.refer import refer_news
from tests.sim.moments import OUTAGES_S, die_at_every_moment
from tests.sim.scenes import Scene

AGENT, COLLEAGUE = "+18005550111", "+18005550122"
HANDS_ON = CalleePlan(refers_to=COLLEAGUE)
LEAVES = CalleePlan(refers_to=COLLEAGUE, leaves=True)
SCENES = {
    "answered": (Plan("6008"), HANDS_ON, CalleePlan(hang_up_after_s=3.0)),
    "early_media": (Plan("6008"), HANDS_ON, CalleePlan(has_early_media=True, hang_up_after_s=3.0)),
    "busy": (Plan("6008"), CalleePlan(refers_to=COLLEAGUE, hang_up_after_s=6.0), CalleePlan(486, rings_s=0.5)),
    "nobody_answers": (Plan("6008"), CalleePlan(refers_to=COLLEAGUE, hang_up_after_s=12.0), CalleePlan(0)),
    "leaves": (Plan("6008"), LEAVES, CalleePlan(hang_up_after_s=3.0)),
    "leaves_in_early_media": (Plan("6008"), LEAVES, CalleePlan(has_early_media=True, hang_up_after_s=3.0)),
    "leaves_and_busy": (Plan("6008"), LEAVES, CalleePlan(486, rings_s=1.5)),
    "caller_hangs_up_while_it_rings": (Plan("6008", hang_up_after_s=3.5), HANDS_ON, CalleePlan(rings_s=4.0)),
    "caller_hangs_up_after": (Plan("6008", hang_up_after_s=6.0), HANDS_ON, CalleePlan()),
}

TOLD = ("answered", "early_media", "busy", "nobody_answers")
"""Where the agent is there to hear the last word."""


def scene_of(name: str, **more: object) -> Scene:
    plan, agent, colleague = SCENES[name]
    return Scene([(0.0, plan)], callees={AGENT: agent, COLLEAGUE: colleague}, **more)  # type: ignore[arg-type]


def told(scene: Scene) -> list[int]:
    """The statuses that the agent's phone was told, in the order of their CSeqs."""
    [agent] = scene.callees.called(AGENT)
    messages = [parse_message(agent.notified[cseq]) for cseq in sorted(agent.notified)]
    return [refer_news(message).status for message in messages]  # type: ignore[arg-type]


def connected(scene: Scene) -> dict[str, object]:
    """What the flow was told, without the time."""
    [step] = [fact for fact in scene.node.written if isinstance(fact, StepEnded) and fact.verb == "connect"]
    value = json.loads(step.value) if step.outcome == "done" else {}
    value.pop("duration_s", None)
    return {"reason": step.reason, **value}


def outcome(scene: Scene) -> tuple[object, ...]:
    """What everybody can tell."""
    callees = [(each.outcome, each.answered_at_s is not None) for each in scene.callees.calls.values()]
    return scene.callers[0].heard.outcome, callees, connected(scene)


@pytest.mark.parametrize(
    ("name", "statuses", "value"),
    [
        ("answered", [100, 180, 200], {"ended_by": "callee", "transfers": 1}),
        ("early_media", [100, 183, 200], {"ended_by": "callee", "transfers": 1}),
        ("busy", [100, 180, 486], {"ended_by": "callee"}),
        ("nobody_answers", [100, 180, 487], {"ended_by": "callee"}),
        ("leaves", [100], {"ended_by": "callee", "transfers": 1}),
        ("leaves_in_early_media", [100], {"ended_by": "callee", "transfers": 1}),
        ("leaves_and_busy", [100], {"ended_by": "callee"}),
    ],
)
def test_what_comes_of_it(name: str, statuses: list[int], value: dict[str, object]) -> None:
    scene = scene_of(name)
    assert scene.run() == []
    assert told(scene)[: len(statuses)] == statuses
    assert connected(scene) == {"reason": "connected", "number": AGENT, **value}
    assert len(scene.callees.called(COLLEAGUE)) == 1


def test_the_caller_stays_with_the_agent_until_the_colleague_answers() -> None:
    scene = scene_of("answered")
    assert scene.run() == []
    [agent], [colleague] = scene.callees.called(AGENT), scene.callees.called(COLLEAGUE)
    first, second = scene.node.media.log.bridged
    assert first[0] == second[0]
    assert colleague.answered_at_s is not None
    assert second[2] >= colleague.answered_at_s
    assert (agent.outcome, colleague.outcome) == ("was hung up on", "hung up")
    assert len(scene.node.media.log.started) <= 4, "nothing is played while the agent is there"


def test_early_media_is_heard_once_the_agent_has_left() -> None:
    late = CalleePlan(rings_s=3.0, early_after_s=1.5, hang_up_after_s=3.0)
    scene = Scene([(0.0, Plan("6008"))], callees={AGENT: LEAVES, COLLEAGUE: late})
    assert scene.run() == []
    [colleague] = scene.callees.called(COLLEAGUE)
    assert colleague.answered_at_s is not None
    heard_at_s = min(at_s for _, other, at_s in scene.node.media.log.bridged[1:])
    assert heard_at_s < colleague.answered_at_s - 1.0


def test_the_caller_of_an_agent_who_left_hears_it_ring() -> None:
    scene = scene_of("leaves")
    assert scene.run() == []
    rung = [each.prompt.file_digest for each in scene.node.media.log.started]
    assert rung.count("ringback american 1") == 2


def what_all_can_tell(scene: Scene) -> tuple[object, ...]:
    return *outcome(scene), told(scene)[-1]


@pytest.mark.parametrize("outage_s", OUTAGES_S)
@pytest.mark.parametrize("name", SCENES)
def test_every_moment(name: str, outage_s: float) -> None:
    die_at_every_moment(lambda: scene_of(name), outage_s, what_all_can_tell if name in TOLD else outcome, name)


@pytest.mark.parametrize("name", ["answered", "busy", "leaves", "caller_hangs_up_while_it_rings"])
def test_a_storm(name: str) -> None:
    for seed in range(6):
        scene = scene_of(name, seed=seed, weather=STORM)
        scene.node.dies_at = frozenset((10 * seed,))
        assert scene.run() == [], f"{name}, seed {seed}"
        assert sum(isinstance(fact, CallEnded) for fact in scene.node.written) == 1 + len(scene.callees.calls)
