"""A flow reads and changes a back office, its process dies at every moment: nothing is done twice, nothing guessed."""

from dataclasses import replace

import pytest

from keepline.call import effects as fx
from keepline.call.exchange import Exchange
from keepline.call.facts import StepEnded, UseEnded, UsePending, UseStarted
from keepline.call.record import record_of
from keepline.call.turn import Program
from keepline.flow import Call, HungUp, Reply, Unavailable, Unknown, flow
from keepline.flow.capabilities import outcome_words, read_outcome
from keepline.model.capability import Capability, CapabilityAction, CapabilityPath, HttpService
from keepline.model.limits_capabilities import USE_ATTEMPTS_MAX, USE_RESUMED_MAX
from keepline.model.operation import Number
from keepline.sim.caller import Plan
from keepline.sim.node import MakeExchange
from tests.sim.deaths import Deaths
from tests.sim.operation import IDENTITY, operation
from tests.sim.scenes import Scene

ACTIONS = {
    "status": CapabilityAction(timeout_s=2.0),
    "find": CapabilityAction(timeout_s=2.0),
    "book": CapabilityAction(timeout_s=2.0, changes=True, idempotent=True),
    "send": CapabilityAction(timeout_s=2.0, changes=True, lookup="find"),
    "print": CapabilityAction(timeout_s=2.0, changes=True),
}
OFFICE = Capability("office", (CapabilityPath("first", HttpService("http://office.invalid", {}), ACTIONS),))


def asks(action: str, prompt: str = "") -> object:
    """A flow that uses one action and says what came of it."""

    @flow
    async def asking(call: Call) -> None:
        found = await call.use(f"office.{action}", prompt=prompt, number="100001")
        if isinstance(found, Reply):
            await call.say(f"It is {found.fields}.")
        elif isinstance(found, Unknown):
            await call.say("We will look into it.")
        else:
            await call.say("Not now.")
        await call.hangup()

    return asking


@flow
async def both(call: Call) -> None:
    """Read, then change, then read again."""
    await call.use("office.status", number="1")
    booked = await call.use("office.book", prompt="music")
    assert booked.ok
    await call.say(f"Your receipt is {booked.receipt}.")
    await call.use("office.status", number="2")
    await call.hangup()


@flow
async def persistent(call: Call) -> None:
    """Ask again when there is nobody left to ask for."""
    try:
        await call.use("office.book")
    except HungUp:
        await call.use("office.status")


FLOWS = {
    **{action: asks(action) for action in ACTIONS},
    "music": asks("book", "music"),
    "nowhere": asks("nowhere"),
    "both": both,
    "persistent": persistent,
}
NUMBERS = {str(7000 + index): Number(name) for index, name in enumerate(FLOWS)}
DIALLED = {entry.flow: number for number, entry in NUMBERS.items()}


def making(slot_count: int = 4, kind: type[Exchange] = Exchange) -> MakeExchange:
    """Exchanges with the flows of this page."""
    found = replace(operation(), numbers=NUMBERS, capabilities={"office": OFFICE})

    def make(seed: bytes) -> Exchange:
        exchange = kind(IDENTITY, seed, [40_000 + 2 * index for index in range(slot_count)])
        exchange.add_program(Program(found, FLOWS), current=True)  # type: ignore[arg-type]
        return exchange

    return make


def scene_of(name: str, **plan: object) -> Scene:
    return Scene([(0.0, Plan(DIALLED[name], **plan))], make=making())  # type: ignore[arg-type]


def results(scene: Scene) -> list[tuple[str, str]]:
    """The steps of the only call, as its record has them."""
    return [(step.name, step.result) for step in record_of(scene.node.written).steps]


def test_undisturbed() -> None:
    scene = scene_of("both")
    assert scene.run() == []
    names = [name for name, result in results(scene) if result == "done"]
    assert names == ["use office.status", "use office.book", "say", "use office.status", "hangup"]
    assert list(scene.node.office.done.values()) == [1]


def test_an_answer_is_said() -> None:
    scene = scene_of("status")
    assert scene.run() == []
    assert [name for name, _ in results(scene)] == ["use office.status", "say", "hangup"]
    told = [fact.value for fact in scene.node.written if isinstance(fact, StepEnded)]
    assert read_outcome(told[0]) == Reply({"state": "state of 100001"})


def test_a_silent_office_costs_its_time_and_no_more() -> None:
    scene = scene_of("status")
    scene.node.office.loses_answers = 100
    assert scene.run() == []
    assert results(scene)[0] == ("use office.status", "unavailable: the answer was lost")
    took_ms = record_of(scene.node.written).steps[0].took_ms
    assert took_ms <= ACTIONS["status"].timeout_s * 1000 + 100


def test_a_shell_that_says_nothing_is_not_waited_for() -> None:
    scene = scene_of("status")
    scene.node.office.answers_after_s = 60.0
    assert scene.run() == []
    assert results(scene)[0][1] == "unavailable: no answer within its time"


@pytest.mark.parametrize("answers_twice", [False, True])
@pytest.mark.parametrize("name", ["book", "music", "send", "print", "status"])
def test_an_answer_is_taken_once(name: str, answers_twice: bool) -> None:
    scene = scene_of(name)
    scene.node.office.answers_twice = answers_twice
    assert scene.run() == []
    assert results(scene)[0][1] == "done"
    assert all(count == 1 for count in scene.node.office.done.values())


@pytest.mark.parametrize(
    ("name", "asked", "result"),
    [
        ("book", ["book", "book"], "done"),
        ("send", ["send", "find"], "done"),
        ("print", ["print"], "unknown: the answer was lost"),
    ],
)
def test_a_lost_answer(name: str, asked: list[str], result: str) -> None:
    scene = scene_of(name)
    scene.node.office.loses_answers = 1
    assert scene.run() == []
    assert [each.action for each in scene.node.office.asked] == asked
    assert len({each.idempotency_key for each in scene.node.office.asked}) == 1
    assert results(scene)[0][1] == result
    assert list(scene.node.office.done.values()) == [1]


def test_an_office_that_never_answers_is_asked_so_often() -> None:
    scene = scene_of("book")
    scene.node.office.loses_answers = 100
    assert scene.run() == []
    pending = next(fact for fact in scene.node.written if isinstance(fact, UsePending))
    waited = [each for each in scene.node.office.asked if each.attempt <= pending.attempts]
    assert [each.attempt for each in waited] == [1, 2], "no longer than `wait_s`"
    assert results(scene)[0][1].startswith("pending")
    assert list(scene.node.office.done.values()) == [1]


def test_an_office_that_fails_at_once_is_asked_no_more_than_the_limit() -> None:
    scene = scene_of("book")
    scene.node.office.loses_answers = 100
    scene.node.office.loses_after_s = 0.01
    assert scene.run() == []
    pending = next(fact for fact in scene.node.written if isinstance(fact, UsePending))
    assert pending.attempts == USE_ATTEMPTS_MAX


def test_what_the_operation_lacks_fails_the_step() -> None:
    scene = scene_of("nowhere")
    scene.run()
    assert "the operation has no office.nowhere" in record_of(scene.node.written).error


@pytest.mark.parametrize("name", ["status", "book", "send"])
def test_what_changes_is_synced_before_it_is_asked(name: str) -> None:
    asked: list[tuple[bool, bool]] = []

    class Watched(Exchange):
        def step(self, now_s: float, given: fx.Input) -> list[fx.Effect]:
            effects = super().step(now_s, given)
            before: list[fx.Effect] = []
            for effect in effects:
                if isinstance(effect, fx.CallCapability):
                    synced = any(isinstance(each, fx.Persist) and each.synced for each in before)
                    asked.append((effect.changes, synced))
                before.append(effect)
            return effects

    scene = Scene([(0.0, Plan(DIALLED[name]))], make=making(kind=Watched))
    scene.node.office.loses_answers = 1
    assert scene.run() == []
    assert asked
    assert all(changes == synced for changes, synced in asked)


@pytest.mark.parametrize("name", ["status", "book"])
def test_the_answer_to_a_change_is_synced_before_its_caller_hears_of_it(name: str) -> None:
    promised: list[tuple[str, bool]] = []

    class Watched(Exchange):
        def step(self, now_s: float, given: fx.Input) -> list[fx.Effect]:
            effects = super().step(now_s, given)
            for effect in effects:
                if isinstance(effect, fx.Persist) and isinstance(effect.fact, StepEnded):
                    promised.append((effect.fact.verb, effect.promised and effect.synced))
            return effects

    assert Scene([(0.0, Plan(DIALLED[name]))], make=making(kind=Watched)).run() == []
    assert ("use", name == "book") in promised
    assert all(not each for verb, each in promised if verb != "use")


# Crashes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outage_s", [0.02, 1.3])
@pytest.mark.parametrize("name", ["status", "book", "music", "send", "print", "both"])
def test_every_moment(name: str, outage_s: float) -> None:
    undisturbed = scene_of(name)
    undisturbed.run()
    for moment in range(undisturbed.node.moment):
        scene = scene_of(name)
        scene.node.dies_at = frozenset((moment,))
        scene.node.outage_s = outage_s
        assert scene.run() == [], f"{name}, death at moment {moment}"
        office, found = scene.node.office, results(scene)
        assert all(count == 1 for count in office.done.values()), f"{name}, death at moment {moment}"
        if name in ("status", "book", "music", "both"):
            assert found == results(undisturbed), f"{name}, death at moment {moment}"
        elif name == "send":
            assert found[0][1] == "done" if office.done else found[0][1].startswith("pending")
        else:
            assert found[0][1] in ("done", "unknown: the process that asked died")


@pytest.mark.parametrize("name", ["book", "print", "send"])
def test_an_office_without_keys_is_not_asked_twice(name: str) -> None:
    """What an action declares is what decides: only `book` says that it knows keys."""
    if name == "book":
        return
    undisturbed = scene_of(name)
    undisturbed.run()
    for moment in range(undisturbed.node.moment):
        scene = scene_of(name)
        scene.node.office.repeats_by_key = False
        scene.node.dies_at = frozenset((moment,))
        assert scene.run() == []
        assert all(count == 1 for count in scene.node.office.done.values()), f"death at moment {moment}"


# Hang-up --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["book", "music", "send", "print", "persistent"])
def test_a_change_is_let_finish_when_the_caller_leaves(name: str) -> None:
    scene = scene_of(name, hang_up_after_s=0.2)
    assert scene.run() == []
    ended = [fact for fact in scene.node.written if isinstance(fact, UseEnded)]
    assert [outcome_words(fact.outcome) for fact in ended] == ["done"]
    assert results(scene)[0][1] == "hung_up"
    assert results(scene)[-1][1] == "done"


def test_a_question_is_dropped_when_the_caller_leaves() -> None:
    scene = scene_of("status", hang_up_after_s=0.2)
    assert scene.run() == []
    assert not any(isinstance(fact, UseEnded) for fact in scene.node.written)


@pytest.mark.parametrize("name", ["book", "send", "print"])
def test_every_moment_of_a_change_left_alone(name: str) -> None:
    undisturbed = scene_of(name, hang_up_after_s=0.2)
    undisturbed.run()
    for moment in range(undisturbed.node.moment):
        scene = scene_of(name, hang_up_after_s=0.2)
        scene.node.dies_at = frozenset((moment,))
        scene.node.outage_s = 0.1
        assert scene.run() == [], f"{name}, death at moment {moment}"
        assert all(count == 1 for count in scene.node.office.done.values())
        begun = {fact.step for fact in scene.node.written if isinstance(fact, UseStarted)}
        words = [result for step, result in results(scene) if step.startswith("use") and result != "hung_up"]
        assert len(words) == len(begun), f"{name}, death at moment {moment}: {words}"


def test_outcomes_are_false_but_for_a_reply() -> None:
    assert Reply({"a": 1}).ok
    assert Reply({})
    assert not Unavailable("down")
    assert not Unavailable("down").ok


@pytest.mark.parametrize("deaths", [USE_RESUMED_MAX - 1, USE_RESUMED_MAX])
def test_deaths_before_it_is_sent_use_up_no_more_than_their_own_attempts(deaths: int) -> None:
    undisturbed = scene_of("book")
    undisturbed.node.watch()
    assert undisturbed.run() == []
    scene = scene_of("book")
    scene.node.watch()
    first = undisturbed.node.boundaries.crash_points.index("CallCapability")
    scene.node.dies_at, scene.node.outage_s = Deaths(scene.node, first, deaths), 0.02
    assert scene.run() == []
    assert scene.node.log.deaths == deaths
    attempts = [fact.attempt for fact in scene.node.written if isinstance(fact, UseStarted)]
    assert max(attempts) == USE_RESUMED_MAX
    assert len([fact for fact in scene.node.written if isinstance(fact, UsePending)]) == (deaths == USE_RESUMED_MAX)
    scene.world.run(scene.world.now_s + 60.0)
    assert list(scene.node.office.done.values()) == [1]
