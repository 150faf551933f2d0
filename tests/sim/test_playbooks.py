"""Playbooks of incidents, whose process dies at every moment: each machine step once, each word of people's kept."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from keepline.call.effects_incident import CloseIncident, OpenIncident
from keepline.call.effects_playbook import SayOfStep
from keepline.call.effects_run import StartRun
from keepline.call.exchange import Exchange
from keepline.call.facts.incident import ModeChanged
from keepline.call.facts.number import NumberAsked
from keepline.call.facts.path import PathWished
from keepline.call.facts.run import RunEnded, RunStarted
from keepline.call.runs.starting import run_id
from keepline.call.turn import Program
from keepline.flow import Run, flow
from keepline.flow.playbook import BRANCH, PLAYBOOK
from keepline.incident.plays import PlaybookRun, PlaybookRuns, playbook_run
from keepline.model.limits_playbooks import PLAYBOOK_ADDED_MAX, PLAYBOOK_STEPS_MAX, PLAYBOOK_WORDS_CHARS_MAX
from keepline.model.operation import FlowReference, Number, OutboundCarrier, OutboundPolicy, TrunkOutbound
from keepline.model.playbook import Playbook, PlaybookStep, StepKind, condition_of
from keepline.sim.office import SimOffice
from tests.sim.operation import IDENTITY, operation
from tests.sim.scenes import FAR_END, Scene
from tests.spec.numbers_rig import FAILOVER, PORTAL

INCIDENT = "INC-20231114-1"
NUMBER = "+18005550100"
K = StepKind


def when(*texts: str) -> tuple[object, ...]:
    return tuple(map(condition_of, texts))


def human(id_: str, *conditions: str, due_s: float = 12.0) -> PlaybookStep:
    return PlaybookStep(id_, K.HUMAN, "supervisor", f"Do {id_}.", "done", due_s, when=when(*conditions))  # type: ignore[arg-type]


STEPS = (
    PlaybookStep("drain", K.DRAIN, "affected", "Leave it.", for_s=600.0),
    PlaybookStep("take", K.TAKE, "affected"),
    PlaybookStep(
        "both",
        K.PARALLEL,
        branches=(
            ("people", (human("ring"), human("publish", "ring is skipped"))),
            ("node", (PlaybookStep("pause", K.WAIT, for_s=6.0), PlaybookStep("tidy", K.RUN, "tidying", within_s=60.0))),
        ),
    ),
    human("many", "customers >= 100"),
    PlaybookStep("ask", K.APPROVE, "commander", "Go on?", within_s=12.0, otherwise="rejected"),
    PlaybookStep("release", K.RELEASE, "telephony/far", when=when("ask is approved")),  # type: ignore[arg-type]
    PlaybookStep("home", K.UNTIL, until=when("number +18005550100 is away"), within_s=300.0),  # type: ignore[arg-type]
    human("last"),
)


@flow
async def tidying(run: Run) -> str:
    """A flow of the operation's own."""
    await run.use("portal.where", number=str(run.variables["incident"]))
    return "tidied"


def make_with(steps: tuple[PlaybookStep, ...]) -> Callable[[bytes], Exchange]:
    """An exchange whose operation has this playbook for carriers, and a carrier and a number of it."""

    def make(seed: bytes) -> Exchange:
        exchange = Exchange(IDENTITY, seed, [40_000 + 2 * index for index in range(4)])
        base = operation()
        trunks = (replace(base.trunks[0], name="far", outbound=TrunkOutbound(*FAR_END)),)
        changed = replace(
            base,
            trunks=trunks,
            outbound=OutboundPolicy(carriers=(OutboundCarrier("far", 0),), probe_every_s=0.0),
            flows={"tidying": FlowReference("flows", "tidying")},
            numbers={NUMBER: Number("hold", carrier="far", failover=FAILOVER)},
            capabilities={"portal": PORTAL},
            playbooks={"ours": Playbook("ours", "carrier", "Ours", steps, file="ours.yaml", digest="d1")},
        )
        exchange.add_program(Program(changed, {"tidying": tidying}), current=True)
        return exchange

    return make


class Playing:
    """A node on which an incident is opened, what people say of its playbook's steps, and what came of it."""

    def __init__(
        self,
        said: tuple[tuple[float, str, str], ...] = (),
        steps: tuple[PlaybookStep, ...] = STEPS,
        *,
        exercise: str = "",
        closes_s: float = 0.0,
    ) -> None:
        self.scene = Scene([], make=make_with(steps))
        self.node, self.world = self.scene.node, self.scene.world
        self.node.office = SimOffice(self.world)
        self.began_s = self.world.now_s
        opening = OpenIncident("o1", "carrier", "far is down", 2, ("telephony",), ("telephony/far",), "mara", exercise)
        self.world.after(0.1, lambda: self.node.say(opening))
        for number, (after_s, step, what) in enumerate(said):
            word, _, why = what.partition(": ")
            given = SayOfStep(f"s{number}", INCIDENT, step, word, why, "mara")
            self.world.after(after_s, lambda given=given: self.node.say(given))  # type: ignore[misc]
        if closes_s:
            closing = CloseIncident("c1", INCIDENT, "mara", "it was nothing", override=True)
            self.world.after(closes_s, lambda: self.node.say(closing))

    def run(self, for_s: float = 30.0) -> "Playing":
        self.world.run(self.began_s + for_s)
        return self

    @property
    def play(self) -> PlaybookRun:
        return PlaybookRuns(self.node.written).plays[INCIDENT]

    @property
    def states(self) -> dict[str, str]:
        return {each.step.id: each.state.value for each in self.play.standings.values()}

    @property
    def mistakes(self) -> dict[str, str]:
        """Of what was said of steps, by its number."""
        found = self.node.log.incidents.items()
        return {asked: mistake for asked, mistake in found if mistake and asked.startswith("s")}

    @property
    def result(self) -> tuple[object, ...]:
        """What a person can tell of it: what was done, how often, and by whom."""
        done = [(fact.path, fact.wish) for fact in self.node.written if isinstance(fact, PathWished)]
        done += [(fact.number, fact.to) for fact in self.node.written if isinstance(fact, NumberAsked)]
        standings = [
            (each.step.id, each.state, each.by, each.why, each.is_early, each.added_by)
            for each in self.play.standings.values()
        ]
        started = Counter(fact.flow for fact in self.node.written if isinstance(fact, RunStarted))
        return standings, sorted(done), self.play.outcome, sorted(started), sorted(self.mistakes.items())


USUAL = (
    (4.0, "ring", "done: both answer"),
    (10.0, "ask", "approve: yes"),
    (16.0, "last", "done"),
)
SCENES: dict[str, Callable[[], Playing]] = {
    "usual": lambda: Playing(USUAL),
    "skipped": lambda: Playing(
        ((2.5, "pause", "skip: no time"), (4.0, "ring", "skip: nobody has a mobile"), (7.0, "publish", "done"),
         (11.0, "ask", "reject: not yet"), (16.0, "last", "skip: tired"))
    ),
    "another_order": lambda: Playing(
        ((2.5, "last", "done: it was easy"), (3.0, "ask", "approve: I am off to the carrier"), (5.0, "ring", "done"))
    ),
    "added": lambda: Playing(
        ((2.5, "Call the mayor.", "add: she has called us"), (19.0, "added-1", "done: she is calm"), *USUAL)
    ),
    "nobody": lambda: Playing(),
    "closed": lambda: Playing(((4.0, "ring", "done"),), closes_s=10.0),
    "closed_in_a_branch": lambda: Playing((), closes_s=3.0),
    "exercise": lambda: Playing(USUAL, exercise="drill-7"),
}  # fmt: skip


def test_what_they_come_to() -> None:
    usual = SCENES["usual"]().run()
    assert usual.states == {
        "drain": "done", "take": "done", "both": "done", "ring": "done", "publish": "passed over", "pause": "done",
        "tidy": "done", "many": "passed over", "ask": "approved", "release": "done", "home": "done", "last": "done",
    }  # fmt: skip
    play = usual.play
    assert (play.outcome, play.name, play.digest, play.run) == ("completed", "ours", "d1", playbook_run(INCIDENT))
    assert play.standings["ring"].why == "both answer"
    assert play.standings["publish"].why == "not so: ring is skipped"
    assert play.standings["tidy"].why == "tidied"
    assert play.standings["drain"].why == "drain telephony/far"
    assert [each.step.id for each in play.standings.values() if each.deviation] == []
    wished = [fact for fact in usual.node.written if isinstance(fact, PathWished)]
    assert [(each.wish, each.by, each.why) for each in wished] == [
        ("rest", f"playbook of {INCIDENT}", "Leave it."),
        ("release", f"playbook of {INCIDENT}", "step release"),
    ]
    assert [fact.to for fact in usual.node.written if isinstance(fact, NumberAsked)] == ["away"]


def test_deviations_are_kept_with_their_reasons() -> None:
    skipped = SCENES["skipped"]().run()
    found = {each.step.id: (each.deviation, each.by, each.why) for each in skipped.play.standings.values()}
    assert found["ring"] == ("skipped", "mara", "nobody has a mobile")
    assert found["pause"] == ("skipped", "mara", "no time")
    assert skipped.states["publish"] == "done"
    assert skipped.states["release"] == "passed over"
    ordered = SCENES["another_order"]().run()
    found = {each.step.id: (each.deviation, each.by, each.why) for each in ordered.play.standings.values()}
    assert found["last"] == ("before its turn", "mara", "it was easy")
    assert found["ask"] == ("before its turn", "mara", "I am off to the carrier")
    assert ordered.play.outcome == "completed"
    added = SCENES["added"]().run().play.standings["added-1"]
    assert (added.step.do, added.deviation, added.added_by, added.added_why, added.state.value, added.why) == (
        "Call the mayor.", "added", "mara", "she has called us", "done", "she is calm",
    )  # fmt: skip


def test_what_nobody_does_is_overdue_and_an_approval_comes_to_what_was_declared() -> None:
    nobody = SCENES["nobody"]().run()
    ring = nobody.play.standings["ring"]
    assert (ring.state.value, ring.is_overdue) == ("under way", True)
    assert ring.due_at_s == pytest.approx((ring.began_at_s or 0.0) + 12.0)
    assert [each.event for each in nobody.node.log.reports if each.event == "step_overdue"] == ["step_overdue"]
    late = Playing(((4.0, "ring", "done"), (4.5, "last", "skip: not needed"))).run()
    ask = late.play.standings["ask"]
    assert (ask.state.value, ask.by, ask.why) == ("rejected", "", "nobody answered in time: this was declared for it")


def test_a_playbook_ends_with_its_incident() -> None:
    closed = SCENES["closed"]().run()
    assert (closed.play.outcome, closed.states["ask"], closed.states["last"]) == ("closed", "left", "left")
    inside = SCENES["closed_in_a_branch"]().run()
    assert (inside.play.outcome, inside.states["ring"], inside.states["both"]) == ("closed", "left", "left")
    assert [fact for fact in inside.node.written if isinstance(fact, RunStarted) and fact.flow == BRANCH]
    ended = {fact.call for fact in inside.node.written if isinstance(fact, RunEnded)}
    assert {fact.call for fact in inside.node.written if isinstance(fact, RunStarted)} == ended


def test_the_playbook_of_an_exercise_is_told_the_mode_of_earnest_and_nobody_else_is() -> None:
    steps = (human("quiet", "mode is normal"), human("loud", "mode is degraded"))
    exercise = Playing((), steps, exercise="drill-7").run()
    assert exercise.states == {"quiet": "passed over", "loud": "under way"}
    assert [fact for fact in exercise.node.written if isinstance(fact, ModeChanged)] == []
    assert [fact.mode for fact in Playing((), steps).run().node.written if isinstance(fact, ModeChanged)] == [
        "degraded"
    ]


def test_an_exercise_that_a_person_has_declared_touches_nothing() -> None:
    exercise = SCENES["exercise"]().run()
    assert [fact for fact in exercise.node.written if isinstance(fact, PathWished | NumberAsked)] == []
    assert exercise.play.standings["drain"].why == "drain telephony/far: an exercise, nothing was touched"


@pytest.mark.parametrize(
    ("name", "outage_s"), [*((name, 0.02) for name in SCENES), ("usual", 1.3), ("skipped", 1.3), ("closed", 1.3)]
)
def test_every_moment(name: str, outage_s: float) -> None:
    undisturbed = SCENES[name]().run()
    assert undisturbed.node.log.deaths == 0
    for moment in range(undisturbed.node.moment):
        playing = SCENES[name]()
        playing.node.dies_at = frozenset((moment,))
        playing.node.outage_s = outage_s
        playing.run()
        assert playing.node.log.deaths == 1
        assert playing.result == undisturbed.result, f"{name}, outage {outage_s} s, death at moment {moment}"
        assert [each for each in playing.node.log.reports if each.event.startswith("run_")] == []


# What may be wrong with what is said ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "said", "told"),
    [
        ("ring", "maybe: x", "'maybe' is nothing that is said of a step: write one of done, skip"),
        ("rung", "done", "the playbook has no step 'rung'; what is left are: both, ring, publish, pause"),
        ("ring", "skip", "say why ring is skipped: that is kept"),
        ("last", "done", "the turn of last has not come: say why it is done before, that is kept"),
        ("drain", "done", "drain is done already"),
        ("pause", "done", "pause is done by the node: skip it, and say why, where it is not to be done"),
        ("ring", "approve", "ring asks for no approval"),
        ("both", "skip: x", "both has begun, and goes on by itself: skip those in it (ring, publish, pause, tidy)"),
        ("", "add: x", f"say what is to be done, in up to {PLAYBOOK_WORDS_CHARS_MAX} characters"),
        ("Do it.", "add", "say why the playbook needs another step: that is kept"),
        ("ring", "done: " + "x" * (PLAYBOOK_WORDS_CHARS_MAX + 1), f"say it in up to {PLAYBOOK_WORDS_CHARS_MAX} char"),
    ],
)
def test_what_is_wrong_is_said(step: str, said: str, told: str) -> None:
    playing = Playing(((1.0, step, said),)).run(3.0)
    assert told in playing.mistakes["s0"]
    assert playing.states["ring"] == "under way"


def test_a_word_counts_once() -> None:
    playing = Playing(((1.0, "last", "skip: no need"), (2.0, "last", "done: yes")))
    playing.run(4.0)
    assert playing.mistakes == {"s1": "of last it was said already: skip; its turn has not come"}
    again = SayOfStep("s0", INCIDENT, "last", "skip", "no need", "mara")
    playing.node.log.incidents.clear()
    playing.node.say(again)
    playing.run(6.0)
    assert playing.node.log.incidents == {"s0": ""}
    other = SayOfStep("s9", "INC-20231114-9", "last", "skip", "no need", "mara")
    playing.node.say(other)
    playing.run(8.0)
    assert "no playbook is at work for 'INC-20231114-9'" in playing.node.log.incidents["s9"]


def test_the_bounds() -> None:
    said = [(1.0 + number / 10, f"Do {number}.", "add: it is needed") for number in range(PLAYBOOK_ADDED_MAX + 1)]
    playing = Playing(tuple(said)).run(10.0)
    assert playing.mistakes == {
        f"s{PLAYBOOK_ADDED_MAX}": f"{PLAYBOOK_ADDED_MAX} steps were added: more is another playbook"
    }
    many = tuple(PlaybookStep(f"s{number}", K.RELEASE, "telephony/far") for number in range(PLAYBOOK_STEPS_MAX))
    assert set(Playing((), many).run(10.0).states.values()) == {"done"}


def test_nobody_else_can_start_or_tell_of_one() -> None:
    playing = Playing()
    playing.node.ask(StartRun(PLAYBOOK, "r" + "0" * 15))
    playing.run(3.0)
    assert "the operation has no flow 'keepline.playbook'" in playing.node.runs.answered["r" + "0" * 15].mistake
    assert run_id("key", PLAYBOOK, f"playbook:{INCIDENT}") == playing.play.run
