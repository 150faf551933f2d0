"""Incidents in virtual time: a path fails and comes back, somebody commands or nobody does, and the node dies.

The shell's view of the path is said again by every process, as its own health would come to it. Whatever happens, there
is one incident, its gate misses no step and hurries none, and in the end it is closed and the mode is normal.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from keepline.call.effects_incident import AddAction, CloseIncident, EndAction, IncidentInput, SetMode, TakeIncident
from keepline.call.effects_path import PathTold
from keepline.call.exchange import Exchange
from keepline.call.facts import IncidentFact
from keepline.call.facts.action import ActionAdded, ActionEnded
from keepline.call.facts.incident import GateMoved, IncidentOpened, IncidentTaken, ModeChanged, ModeSet, PathTested
from keepline.call.facts.path import PATHS, PathStood
from keepline.incident.book import IncidentBook
from keepline.model.incident import GateSettings, IncidentSettings, Mode, PathTest
from keepline.sim.process import SimProcess
from keepline.sim.world import BEGAN_S
from tests.sim.operation import IDENTITY, program
from tests.sim.scenes import Scene
from tests.spec.incidents_rig import operation_with

PATH = "orders/crm"
GATE = GateSettings(3.0, 2.0, (0.25, 1.0), {PATH: PathTest("status", {"order": "1000"})})
SETTINGS = IncidentSettings(close_after_s=4.0, gate=GATE)
REPORTS_EVERY_S = 0.5
FAILS_S, BACK_S, ENDS_S = 2.0, 6.0, 60.0
EVENTS = ["cleared", "tested", "held", "stepped", "loaded"]


class IncidentScene(Scene):
    """A world in which one path fails from `FAILS_S` to `BACK_S`; `again` between these seconds, too."""

    def __init__(
        self, *, commander: bool = False, again: tuple[float, float] | None = None, sets_mode: bool = False,
        has_actions: bool = False,
    ) -> None:  # fmt: skip
        self.has_actions = has_actions
        self.commander, self.again, self.sets_mode = commander, again, sets_mode
        self._told: dict[int, str] = {}
        super().__init__([], make=self._make, prepare=self._prepare)

    def _make(self, seed: bytes) -> Exchange:
        exchange = Exchange(IDENTITY, seed, [40_000, 40_002])
        usual = program()
        exchange.add_program(replace(usual, operation=operation_with(SETTINGS)), current=True)
        return exchange

    def _prepare(self, _: Scene) -> None:
        self.world.at(BEGAN_S + REPORTS_EVERY_S, self._report)
        if self.commander:
            self.world.at(BEGAN_S + FAILS_S + 1.0, lambda: self._ask(TakeIncident("t1", self._id(), "ada")))
            self.world.at(BEGAN_S + 30.0, lambda: self._ask(CloseIncident("c1", self._id(), "ada", "over")))
        if self.sets_mode:
            self.world.at(BEGAN_S + 1.0, lambda: self._ask(SetMode("m1", "crisis", 20.0, "a storm", "ada")))

        if self.has_actions:
            for number, at_s in ((1, 3.0), (2, 3.01)):
                added = AddAction(f"a{number}", "", f"claim {number}", "grace", BEGAN_S + 30.0, "ada")
                self._at(at_s, added)
            for number, at_s, state in ((1, 7.0, "done"), (2, 8.0, "dropped"), (2, 40.0, "open"), (1, 41.0, "open")):
                self._at(at_s, EndAction(f"e{at_s:g}", "", number, state, "grace", "it is so"))

    def _at(self, at_s: float, given: IncidentInput) -> None:
        self.world.at(BEGAN_S + at_s, lambda: self._ask(given))

    def _id(self) -> str:
        return next((each.call for each in self.node.written if isinstance(each, IncidentOpened)), "none yet")

    def _ask(self, given: IncidentInput) -> None:
        """As the command does: again until it is answered."""
        if given.asked in self.node.log.placed:
            return
        if self.node.active is not None and not isinstance(given, SetMode):
            given = replace(given, incident=self._id())
        self.node._wake(lambda process: lambda: process.feed(given))
        self.world.at(self.world.now_s + 2.0, lambda: self._ask(given))

    def _is_down(self) -> bool:
        elapsed_s = self.world.now_s - BEGAN_S
        spans = [(FAILS_S, BACK_S), *([self.again] if self.again is not None else [])]
        return any(began_s <= elapsed_s < ended_s for began_s, ended_s in spans)

    def _report(self) -> None:
        """The health of whoever is at work comes to know how the path is."""
        self.world.at(self.world.now_s + REPORTS_EVERY_S, self._report)
        process, condition = self.node.active, "down" if self._is_down() else "healthy"
        if process is None or self._told.get(process.process) == condition:
            return
        self._told[process.process] = condition
        now_s, why = self.world.now_s, "failed (timeout)"
        given = PathTold(PathStood(PATHS, now_s, PATH, condition, "closed", why, now_s, 0.0, 0.0, 0))
        process.guard(lambda: _feed(process, given))

    def run(self, limit_s: float = ENDS_S) -> list[str]:
        """To the end; what is wrong then."""
        self.world.run(BEGAN_S + limit_s)
        facts = [each for each in self.node.written if isinstance(each, IncidentFact)]
        book, found = IncidentBook(facts), list(self.node.log.two_hands)
        opened = [each for each in facts if isinstance(each, IncidentOpened)]
        found += [] if len(opened) == 1 else [f"{len(opened)} incidents were opened"]
        found += [f"{each.id} is {each.phase.value}" for each in book.open]
        found += [] if book.mode is Mode.NORMAL else [f"the mode is {book.mode.value}"]
        found += [f"{name} was refused: {wrong}" for name, wrong in self.node.log.placed.items() if wrong]
        found += gate_wrongs([each for each in facts if isinstance(each, GateMoved)])
        if self.commander:
            taken = [each for each in facts if isinstance(each, IncidentTaken)]
            closed = next((each.closed for each in book.incidents.values()), None)
            is_right = len(taken) == 1 and closed is not None and (closed.by, closed.overrode) == ("ada", "")
            found += [] if is_right else [f"taken {len(taken)} times, closed by {closed}"]
        if self.has_actions:
            found += action_wrongs(self.node.written, book)
        if self.sets_mode and not any(isinstance(each, ModeSet) for each in facts):
            found.append("the mode was never set")
        return found

    @property
    def outcome(self) -> tuple[list[str], list[str], list[str]]:
        """What came of it: the steps of the gate, what was tested, the modes."""
        facts = self.node.written
        return (
            [each.event for each in facts if isinstance(each, GateMoved)],
            [each.path for each in facts if isinstance(each, PathTested)],
            [each.mode for each in facts if isinstance(each, ModeChanged)],
        )


def _feed(process: SimProcess, given: PathTold) -> None:
    if process.exchange is not None:
        process.feed(given)


def action_wrongs(written: Sequence[object], book: IncidentBook) -> list[str]:
    """Each was written down once, by its number, and each word about it once; after all, both are open again."""
    added = [(each.number, each.asked) for each in written if isinstance(each, ActionAdded)]
    ended = [(each.number, each.state) for each in written if isinstance(each, ActionEnded)]
    ended.sort(key=lambda each: each[0])  # who asks again may come after the next one
    once = sorted(number for number, _ in added) == [1, 2] and sorted(asked for _, asked in added) == ["a1", "a2"]
    found = [] if once else [f"actions were added: {added}"]
    if ended != [(1, "done"), (1, "open"), (2, "dropped"), (2, "open")]:
        found.append(f"actions ended: {ended}")
    left = [each.state.value for incident in book.incidents.values() for each in incident.actions.values()]
    return found + ([] if left == ["open", "open"] else [f"actions are {left}"])


def gate_wrongs(moves: list[GateMoved]) -> list[str]:
    """Steps that were missed, or came too early."""
    found, at_s, expected = [], 0.0, 0
    for move in moves:
        if move.event == "reverted":
            expected = 0
            continue
        if EVENTS[expected] != move.event:
            found.append(f"the gate {move.event} where {EVENTS[expected]} comes next")
            break
        least_s = {"held": GATE.hold_s, "stepped": GATE.step_s, "loaded": GATE.step_s}.get(move.event, 0.0)
        if move.at_s - at_s < least_s - 1e-6:
            found.append(f"the gate {move.event} after {move.at_s - at_s:.2f} s, not {least_s:g}")
        at_s, expected = move.at_s, expected + 1
    if not found and expected != len(EVENTS):
        found.append(f"the gate came to step {expected} alone")
    return found


INCIDENT_SCENES: dict[str, Callable[[], IncidentScene]] = {
    "nobody": IncidentScene,
    "commanded": lambda: IncidentScene(commander=True),
    "again": lambda: IncidentScene(again=(10.3, 12.0)),
    "actions": lambda: IncidentScene(has_actions=True),
    "mode_set": lambda: IncidentScene(sets_mode=True),
}
