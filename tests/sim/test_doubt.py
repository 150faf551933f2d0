"""A change is in doubt when its call ends: the node finds out without it, or it is work for a person; never guessed."""

from dataclasses import replace
from itertools import pairwise

import pytest

from keepline.call import effects as fx
from keepline.call.exchange import Exchange
from keepline.call.facts import StepEnded, UseEnded, UsePending, UseResolved, UseTried, WorkClosed, WorkFact, WorkOpened
from keepline.call.turn import Program
from keepline.call.unfinished.book import ItemState, WorkBook
from keepline.call.unfinished.resolving import NEVER_HAD
from keepline.call.unfinished.shown import shown
from keepline.flow import Call, Pending, Refused, Reply, Unknown, flow
from keepline.flow.capabilities import UseOutcome, outcome_words
from keepline.model.capability import Capability, CapabilityAction, CapabilityPath, HttpService, resolve_name
from keepline.model.limits_capabilities import (
    PENDING_PAUSE_S_MAX,
    PENDING_PAUSE_S_MIN,
    WORK_TRIES_KEPT_MAX,
    WORK_WORDS_CHARS_MAX,
)
from keepline.model.operation import Number
from keepline.sim.caller import Plan
from keepline.sim.node import MakeExchange
from keepline.sim.office import SimOffice
from keepline.sim.world import World
from tests.sim.operation import IDENTITY, operation
from tests.sim.scenes import Scene

LIMIT_S = 3_600.0
SURE_S = 60.0
LONG_S = 5_000.0
CHANGE = CapabilityAction(timeout_s=2.0, changes=True, pending_s=LIMIT_S)
LOOK = CapabilityAction(timeout_s=2.0)
ACTIONS = {
    "book": replace(CHANGE, idempotent=True),
    "send": replace(CHANGE, lookup="find"),
    "charge": replace(CHANGE, resolve=resolve_name("charge"), sure_after_s=SURE_S),
    "print": CHANGE,
    "find": LOOK,
    resolve_name("charge"): LOOK,
}
OFFICE = Capability("office", (CapabilityPath("first", HttpService("http://office.invalid", {}), ACTIONS),))
TRUTH = {Reply: "It is done.", Pending: "We will tell you.", Unknown: "We will look into it."}


def asks(action: str) -> object:
    @flow
    async def asking(call: Call) -> None:
        found = await call.use(f"office.{action}", number="100001")
        await call.say(TRUTH.get(type(found), "Not now."))
        await call.hangup()

    return asking


FLOWS = {action: asks(action) for action in ("book", "send", "charge", "print")}
NUMBERS = {str(7000 + index): Number(name) for index, name in enumerate(FLOWS)}
DIALLED = {entry.flow: number for number, entry in NUMBERS.items()}


def making() -> MakeExchange:
    found = replace(operation(), numbers=NUMBERS, capabilities={"office": OFFICE})

    def make(seed: bytes) -> Exchange:
        exchange = Exchange(IDENTITY, seed, [40_000 + 2 * index for index in range(4)])
        exchange.add_program(Program(found, FLOWS), current=True)  # type: ignore[arg-type]
        return exchange

    return make


class Gateway(SimOffice):
    """It is silent until a second; what it was sent is done, or not, or later."""

    def __init__(self, world: World, silent_s: float, *, does: bool = True, answers_questions: bool = False) -> None:
        super().__init__(world)
        self._silent_until_s = world.now_s + silent_s
        self._does = does
        self._answers_questions = answers_questions

    @property
    def _is_silent(self) -> bool:
        return self._world.now_s < self._silent_until_s

    def _do(self, wanted: fx.CallCapability, answer) -> None:  # type: ignore[no-untyped-def]
        if self._is_silent and (wanted.changes or not self._answers_questions):
            if self._does:
                self._outcome(wanted)
            return
        super()._do(wanted, answer)

    def _outcome(self, wanted: fx.CallCapability) -> UseOutcome:
        if wanted.action == resolve_name("charge"):
            key = wanted.idempotency_key
            return Reply({"receipt": key[-6:]}) if self.done[key] else Refused(404, "unknown")
        return super()._outcome(wanted)


def scene_of(name: str, silent_s: float = 0.0, *, does: bool = True, **more: object) -> Scene:
    hang_up_after_s = more.pop("hang_up_after_s", None)
    plan = Plan(DIALLED[name], hang_up_after_s=hang_up_after_s)  # type: ignore[arg-type]
    scene = Scene([(0.0, plan)], make=making())
    scene.node.office = Gateway(scene.world, silent_s, does=does, **more)  # type: ignore[arg-type]
    return scene


def run(scene: Scene, for_s: float = LONG_S) -> list[str]:
    wrong = scene.run()
    scene.world.run(scene.world.now_s + for_s)
    return wrong


def of(scene: Scene, kind: type[WorkFact]) -> list[WorkFact]:
    return [fact for fact in scene.node.written if isinstance(fact, kind)]


def resolved(scene: Scene) -> list[str]:
    return [outcome_words(fact.outcome) for fact in of(scene, UseResolved)]  # type: ignore[union-attr]


def said(scene: Scene) -> list[str]:
    return [each.prompt.text for each in scene.node.media.log.started]


# What the caller hears, and what becomes of it ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["book", "send", "charge"])
def test_the_caller_hears_in_time_that_it_is_in_doubt(name: str) -> None:
    scene = scene_of(name, silent_s=300.0)
    assert run(scene) == []
    assert said(scene) == ["We will tell you."]
    ended = next(fact for fact in scene.node.written if isinstance(fact, StepEnded))
    assert ended.at_s - ended.began_at_s <= 2 * CHANGE.timeout_s + 1.0
    assert resolved(scene) == ["done"]
    assert list(scene.node.office.done.values()) == [1]
    assert of(scene, WorkOpened) == []


def test_what_is_never_done_by_the_other_side_is_done_by_a_repetition() -> None:
    scene = scene_of("book", silent_s=300.0, does=False)
    assert run(scene) == []
    assert resolved(scene) == ["done"]
    assert list(scene.node.office.done.values()) == [1]


def test_what_resolve_does_not_find_was_not_done_and_is_not_done_later() -> None:
    scene = scene_of("charge", silent_s=300.0, does=False)
    assert run(scene) == []
    [words] = resolved(scene)
    assert words.startswith("unavailable: the other side never had it")
    assert not scene.node.office.done
    [item] = WorkBook(scene.node.written)
    told = shown(item)
    assert (told["state"], told["use"], told["closed_at"]) == ("open", "office.charge", None)
    assert told["why"].startswith("it is certain now that nothing was done, and who wanted it knows of a doubt alone")
    assert close(scene, fx.CloseWork(item.id, "Ana", "not-done", "told the caller")) == [""]
    assert len(WorkBook(scene.node.written)) == 0


def test_a_change_that_is_refused_after_a_doubt_is_a_persons_to_tell() -> None:
    scene = scene_of("book", silent_s=300.0, does=False)
    office = scene.node.office
    refused = Refused(402, "declined")
    office._outcome = lambda _wanted: refused  # type: ignore[method-assign]
    assert run(scene) == []
    assert resolved(scene) == ["refused: 402 declined"]
    [item] = WorkBook(scene.node.written)
    assert item.why.endswith("refused: 402 declined")


def test_resolve_is_not_believed_while_the_change_may_be_under_way() -> None:
    scene = scene_of("charge", silent_s=300.0, does=False, answers_questions=True)
    assert run(scene) == []
    [pending], [found] = of(scene, UsePending), of(scene, UseResolved)
    assert isinstance(pending, UsePending)
    assert found.at_s - pending.sent_at_s >= SURE_S
    assert all(isinstance(fact, UseTried) and fact.at_s - pending.sent_at_s < SURE_S for fact in of(scene, UseTried))


def test_a_lookup_that_finds_nothing_proves_nothing() -> None:
    scene = scene_of("send", silent_s=300.0, does=False)
    assert run(scene) == []
    assert resolved(scene) == []
    assert len(of(scene, WorkOpened)) == 1


def test_pauses_grow_between_their_limits() -> None:
    scene = scene_of("book", silent_s=1e9)
    assert run(scene) == []
    at_s = [of(scene, UsePending)[0].at_s, *(fact.at_s for fact in of(scene, UseTried))]
    pauses = [later - before for before, later in pairwise(at_s)]
    assert PENDING_PAUSE_S_MIN <= pauses[0] <= PENDING_PAUSE_S_MIN + 3.0
    assert max(pauses) <= PENDING_PAUSE_S_MAX + 3.0
    assert max(pauses) > PENDING_PAUSE_S_MAX - 10.0


def test_past_its_limit_it_is_work_with_all_that_is_needed() -> None:
    scene = scene_of("book", silent_s=1e9)
    assert run(scene) == []
    [pending], [opened] = of(scene, UsePending), of(scene, WorkOpened)
    assert isinstance(pending, UsePending)
    assert LIMIT_S <= opened.at_s - pending.at_s <= LIMIT_S + 3.0
    [item] = WorkBook(scene.node.written)
    told = shown(item)
    assert (told["state"], told["about"], told["use"]) == ("open", "use", "office.book")
    assert told["arguments"] == {"number": "100001"}
    assert told["idempotency_key"] == scene.node.office.asked[0].idempotency_key
    assert told["from"] == "caller0"
    assert 0 < len(told["tries"]) <= WORK_TRIES_KEPT_MAX
    assert told["attempts"] == len(scene.node.office.asked)
    asked = len(scene.node.office.asked)
    scene.world.run(scene.world.now_s + LONG_S)
    assert len(scene.node.office.asked) == asked


def test_what_nobody_can_find_out_is_work_at_once() -> None:
    scene = scene_of("print", silent_s=10.0)
    assert run(scene) == []
    assert said(scene) == ["We will look into it."]
    assert len(of(scene, WorkOpened)) == 1
    assert of(scene, UsePending) == []


@pytest.mark.parametrize("name", ["book", "send", "charge", "print"])
def test_a_caller_who_leaves_changes_nothing_of_it(name: str) -> None:
    scene = scene_of(name, silent_s=300.0, hang_up_after_s=0.2)
    assert run(scene) == []
    assert [type(fact) for fact in scene.node.written if isinstance(fact, UseEnded)] == [UseEnded]
    assert len(of(scene, WorkOpened)) == (name == "print")
    assert resolved(scene) == ([] if name == "print" else ["done"])


# Closing --------------------------------------------------------------------------------------------------------------


def close(scene: Scene, *given: fx.CloseWork) -> list[str]:
    assert scene.node.active is not None
    for each in given:
        scene.node.active.feed(each)
    return list(scene.node.log.work.values())


def test_closing_is_on_record_and_ends_it() -> None:
    scene = scene_of("print", silent_s=10.0)
    run(scene, 0.0)
    [item] = WorkBook(scene.node.written)
    assert close(scene, fx.CloseWork(item.id, "Ana", "done", "it lies there")) == [""]
    [closed] = of(scene, WorkClosed)
    assert isinstance(closed, WorkClosed)
    assert (closed.by, closed.outcome, closed.note) == ("Ana", "done", "it lies there")
    assert len(WorkBook(scene.node.written)) == 0
    [again] = close(scene, fx.CloseWork(item.id, "Ana", "done", "it lies there"))
    assert "no work is open under" in again


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("Ana", "perhaps", ""), "is no outcome"),
        ((" ", "done", ""), "say who with --by"),
        (("Ana", "done", "x" * WORK_WORDS_CHARS_MAX), "longer than"),
    ],
)
def test_what_cannot_be_closed_so_says_why(given: tuple[str, str, str], words: str) -> None:
    scene = scene_of("print", silent_s=10.0)
    run(scene, 0.0)
    [item] = WorkBook(scene.node.written)
    [mistake] = close(scene, fx.CloseWork(item.id, *given))
    assert words in mistake
    assert of(scene, WorkClosed) == []


def test_a_pending_one_that_is_closed_is_not_asked_for_any_more() -> None:
    scene = scene_of("book", silent_s=1e9)
    scene.world.run(scene.world.now_s + 60.0)
    [item] = WorkBook(scene.node.written)
    assert item.state is ItemState.PENDING
    close(scene, fx.CloseWork(item.id, "Ana", "not-done", ""))
    asked = len(scene.node.office.asked)
    scene.world.run(scene.world.now_s + LONG_S)
    assert len(scene.node.office.asked) == asked
    assert of(scene, WorkOpened) == []


# Crashes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hang_up_after_s", [None, 0.2])
@pytest.mark.parametrize("does", [True, False])
@pytest.mark.parametrize("name", ["book", "charge", "print"])
def test_every_moment(name: str, does: bool, hang_up_after_s: float | None) -> None:
    """Whenever the process dies: done once, or surely not, or work for a person; and the caller heard the truth."""
    undisturbed = scene_of(name, 12.0, does=does, hang_up_after_s=hang_up_after_s)
    run(undisturbed, 400.0)
    for moment in range(undisturbed.node.moment):
        scene = scene_of(name, 12.0, does=does, hang_up_after_s=hang_up_after_s)
        scene.node.dies_at = frozenset((moment,))
        what = f"{name}, death at moment {moment}"
        assert run(scene, 400.0) == [], what
        done, ends = dict(scene.node.office.done), resolved(scene)
        assert all(count == 1 for count in done.values()), what
        opened = len(of(scene, WorkOpened))
        in_doubt = len(of(scene, UsePending))
        assert in_doubt == len(ends), what
        certain = [
            outcome_words(f.value)
            for f in scene.node.written
            if isinstance(f, StepEnded) and f.value and f.verb == "use"
        ]
        certain += [outcome_words(f.outcome) for f in scene.node.written if isinstance(f, UseEnded)]
        if "done" in [*certain, *ends]:
            assert list(done.values()) == [1], what
        elif not opened:
            assert not done, what
        if opened:
            assert name == "print" or ends == [f"unavailable: {NEVER_HAD}"], what
        if in_doubt and hang_up_after_s is None:
            assert said(scene)[-1:] == ["We will tell you."], what
