"""Callers who talk to somebody else, and a process that dies at every moment of it: nobody is called twice."""

import pytest

from keepline.call import effects as fx
from keepline.call.exchange import Exchange
from keepline.call.facts import CallEnded, CallPlaced, StepEnded
from keepline.call.steps.connect import LEFT
from keepline.call.turn import Program
from keepline.sim.callee import CalleePlan
from keepline.sim.caller import Plan
from keepline.sim.network import STORM
from keepline.sip.message import make_response
from tests.sim.moments import OUTAGES_S, die_at_every_moment
from tests.sim.operation import hold, program
from tests.sim.scenes import Scene, exchange_of

NUMBER = "+18005550111"
SCENES = {
    "callee_hangs_up": (Plan("6008"), CalleePlan(hang_up_after_s=4.0)),
    "early_media": (Plan("6008"), CalleePlan(has_early_media=True, hang_up_after_s=2.0)),
    "caller_hangs_up": (Plan("6008", hang_up_after_s=3.0), CalleePlan()),
    "caller_hangs_up_while_it_rings": (Plan("6008", hang_up_after_s=1.0), CalleePlan(rings_s=3.0)),
    "caller_hangs_up_in_early_media": (
        Plan("6008", hang_up_after_s=1.0),
        CalleePlan(rings_s=3.0, has_early_media=True),
    ),
    "busy": (Plan("6008"), CalleePlan(486, rings_s=0.2)),
    "busy_after_early_media": (Plan("6008"), CalleePlan(486, has_early_media=True)),
    "refused": (Plan("6008"), CalleePlan(603, rings_s=0.5)),
    "failed": (Plan("6008"), CalleePlan(500, rings_s=0.5)),
    "nobody_answers": (Plan("6008"), CalleePlan(0)),
    "answered_at_the_last_moment": (Plan("6008"), CalleePlan(rings_s=6.0, hang_up_after_s=2.0)),
    "keys_in_the_conversation": (
        Plan("6008", keys=((1.5, "1"), (2.0, "2"), (9.0, "3"))),
        CalleePlan(hang_up_after_s=4.0),
    ),
    "held": (Plan("6008", holds_at_s=(1.5, 2.5)), CalleePlan(hang_up_after_s=4.0)),
}
UNSURE = ("answered_at_the_last_moment", "nobody_answers", "held")
"""Where a death at the right moment may change what comes of it, within what is promised."""


def scene_of(name: str, **more: object) -> Scene:
    plan, callee = SCENES[name]
    return Scene([(0.0, plan)], callees={NUMBER: callee}, **more)  # type: ignore[arg-type]


def outcome(scene: Scene) -> tuple[object, ...]:
    """What both sides can tell."""
    steps = [fact for fact in scene.node.written if isinstance(fact, StepEnded) and fact.outcome != "hung_up"]
    callees = [(each.outcome, each.answered_at_s is not None) for each in scene.callees.calls.values()]
    return (
        scene.callers[0].heard.outcome,
        callees,
        [(fact.step, fact.verb, fact.reason, fact.value if fact.verb == "ask_digits" else "") for fact in steps],
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("callee_hangs_up", "connected"), ("early_media", "connected"), ("busy", "busy"), ("refused", "refused"),
        ("busy_after_early_media", "busy"), ("failed", "failed"), ("nobody_answers", "no_answer"),
        ("keys_in_the_conversation", "connected"), ("held", "connected"),
    ],
)  # fmt: skip
def test_what_comes_of_it(name: str, reason: str) -> None:
    scene = scene_of(name)
    assert scene.run() == []
    [step] = [fact for fact in scene.node.written if isinstance(fact, StepEnded) and fact.verb == "connect"]
    assert step.reason == reason


def test_keys_of_the_conversation_answer_no_question_after_it() -> None:
    scene = scene_of("keys_in_the_conversation")
    assert scene.run() == []
    [asked] = [fact for fact in scene.node.written if isinstance(fact, StepEnded) and fact.verb == "ask_digits"]
    assert asked.value == "3"


def test_the_caller_hears_ringing_then_the_callee() -> None:
    scene = scene_of("callee_hangs_up")
    scene.world.run(scene.world.now_s + 0.8)
    log = scene.node.media.log
    assert [(each.number, each.prompt.file_digest) for each in log.started] == [(2, "ringback american 1")]
    scene.run()
    [(call, leg, at_s)] = log.bridged
    assert at_s == pytest.approx(log.started[0].at_s + 1.0, abs=0.1)
    assert isinstance(next(fact for fact in scene.node.written if fact.call == leg), CallPlaced)
    assert call == log.started[0].call


def test_early_media_is_heard_before_the_answer() -> None:
    scene = scene_of("early_media")
    assert scene.run() == []
    [(_, _, at_s)] = scene.node.media.log.bridged
    [callee] = scene.callees.calls.values()
    assert callee.answered_at_s is not None
    assert at_s < callee.answered_at_s - 0.5


@pytest.mark.parametrize("outage_s", OUTAGES_S)
@pytest.mark.parametrize("name", SCENES)
def test_every_moment(name: str, outage_s: float) -> None:
    die_at_every_moment(lambda: scene_of(name), outage_s, None if name in UNSURE else outcome, name)


@pytest.mark.parametrize("name", ["callee_hangs_up", "early_media", "caller_hangs_up", "busy"])
def test_a_storm(name: str) -> None:
    for seed in range(8):
        scene = scene_of(name, seed=seed, weather=STORM)
        scene.node.dies_at = frozenset((10 * seed,))
        assert scene.run() == [], f"{name}, seed {seed}"
        assert sum(isinstance(fact, CallEnded) for fact in scene.node.written) == 1 + len(scene.callees.calls)


def test_a_leg_whose_end_wakes_it_ends_the_step_and_is_not_placed_again() -> None:
    scene = scene_of("nobody_answers")
    scene.world.run(scene.world.now_s + 0.8)
    successor = exchange_of(4)(b"successor")
    for call in {fact.call: None for fact in scene.node.written}:
        facts = tuple(fact for fact in scene.node.written if fact.call == call)
        successor.step(scene.world.now_s, fx.CallAdopted(call, facts))
    [callee] = scene.callees.calls.values()
    busy = make_response(callee.invite, 486, to_tag=callee.tag).encode()
    effects = successor.step(scene.world.now_s, fx.DatagramReceived(busy, scene.callees.address))
    written = [effect.fact for effect in effects if isinstance(effect, fx.Persist)]
    assert [fact.reason for fact in written if isinstance(fact, StepEnded)][:1] == ["busy"]
    assert not any(isinstance(fact, CallPlaced) for fact in written)


@pytest.mark.parametrize("at_s", [0.5, 2.5])
def test_a_flow_whose_code_has_changed_leaves_no_leg_behind(at_s: float) -> None:
    scene = scene_of("caller_hangs_up")
    scene.world.run(scene.world.now_s + at_s)
    make = exchange_of(4)

    def changed(seed: bytes) -> Exchange:
        exchange = make(seed)
        old = program()
        exchange.add_program(Program(old.operation, dict(old.functions) | {"connecting": hold}), current=True)
        return exchange

    scene.node._make = changed
    scene.node.die()
    scene.run()
    [callee] = scene.callees.calls.values()
    assert callee.outcome == ("cancelled" if at_s < 1 else "was hung up on")
    legs = [fact for fact in scene.node.written if isinstance(fact, CallEnded) and fact.reason == LEFT]
    assert len(legs) == 1
