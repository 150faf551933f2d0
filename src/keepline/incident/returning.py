"""The way back: each incident's gate is driven on, paths are tested by calls and questions, what passes closes.

A path that nobody comes by, since one before it carries, shows by nothing that it is back. So what fails is asked the
question of its test now and then, and its health takes the answer as any other.

A carrier has two test calls: out by it to a number that another one brings, and out by another one to its own number.
They are the node's own, on record, and bound by `outbound` as any other. Each is answered by this node, comes in by the
carrier whose number it is, and brings audio back, or it has failed. Another carrier is one that does not fail itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keepline.call.effects import CallCapability, CapabilityAnswered, Persist
from keepline.call.facts import CallAnswered, CallEnded, CallReceived
from keepline.call.facts.incident import GateMoved, IncidentClosed, PathTested
from keepline.call.inputs import PlaceCall
from keepline.call.turn import Turn
from keepline.flow.capabilities import Refused, Reply, outcome_words, write_outcome, write_value
from keepline.incident.gate import GateEvent, GateStage, missing_in, next_move
from keepline.incident.judging import Judging
from keepline.incident.phases import IncidentEvent, IncidentPhase
from keepline.incident.state import Incident
from keepline.model.incident import PathTest
from keepline.model.preflight import ANSWERING, CALLING
from keepline.paths.own_parts import TELEPHONY

if TYPE_CHECKING:
    from keepline.incident.room import Incidents

INCIDENTS: Final = "incidents"
"""What stands in the place of a call's id where something is asked of a path to test it."""
TEST_WITHIN_S: Final = 60.0
HEARD_PACKETS_MIN: Final = 50
"""A second of audio."""
RINGS_S: Final = 20.0
ASKED_AFTER_EVERY_S: Final = 10.0
"""What fails is asked its question so often."""
ANSWERS_WITHIN_S: Final = 5.0
UNTESTED: Final = "no test is declared for it: it is taken at its word"
ALONE: Final = "no other carrier is there to bring a test call: it is taken at its word"
PHASES: Final[Mapping[GateEvent, IncidentEvent]] = {
    GateEvent.CLEARED: IncidentEvent.CLEARED,
    GateEvent.REVERTED: IncidentEvent.FAILED_AGAIN,
    GateEvent.LOADED: IncidentEvent.PASSED,
}


@dataclass(slots=True)
class _Test:
    """A test that is under way."""

    incident: str
    path: str
    attempt: int
    until_s: float
    number: str = ""
    """Of a call: where it goes."""
    out: str = ""
    """By which trunk it goes out,"""
    into: str = ""
    """and by which it is to come in."""
    far: str = ""
    """By which it did."""
    is_answered: bool = False
    is_heard: bool = False
    """It is over, and went as it should; what is made beside it has not ended."""
    is_after_failure: bool = False
    """It asks after a path that still fails, and moves no gate."""


class Returning:
    """The gates of one process's incidents."""

    def __init__(self, room: "Incidents", judging: Judging) -> None:
        self._room, self._judging, self._exchange = room, judging, room.exchange
        self._tests: dict[str, _Test] = {}
        """By the test call, or the number of the question."""
        self._asked = 0
        self._asked_after_s: dict[str, float] = {}
        """When each path that fails was asked after, or was first seen to fail."""

    def shares(self, now_s: float) -> dict[str, float]:
        """Paths that not every new call may choose yet."""
        found: dict[str, float] = {}
        for incident in self._room.book.open:
            share = incident.gate.holds_back(now_s)
            for path in incident.paths if share is not None and share < 1.0 else ():
                if path not in self._judging.symptoms:
                    found[path] = min(share or 0.0, found.get(path, 1.0))
        return found

    def look(self, turn: Turn) -> None:
        """Drive every gate on, as far as it comes by itself."""
        for key, test in list(self._tests.items()):
            if turn.now_s >= test.until_s and key in self._tests:
                self._over(turn, key, ok=False, words=f"no end within {TEST_WITHIN_S:g} s")
        for incident in self._room.book.open:
            if incident.opened.by and not self._was_detected(incident):
                continue  # what a person has seen, a person says the end of
            while self._advance(turn, incident):
                pass
            self._close_if_left(turn, incident)
        self._ask_after(turn)

    def _ask_after(self, turn: Turn) -> None:
        """Ask what fails whether it still does."""
        failing = [
            each.path for each in self._judging.symptoms.values() if each.path in self._judging.settings.gate.tests
        ]
        self._asked_after_s = {path: self._asked_after_s.get(path, turn.now_s) for path in failing}
        for incident in self._room.book.open:
            for path in incident.paths:
                since_s = self._asked_after_s.get(path)
                if since_s is not None and turn.now_s >= since_s + ASKED_AFTER_EVERY_S:
                    self._asked_after_s[path] = turn.now_s
                    self._ask(turn, incident, path, self._judging.settings.gate.tests[path], is_after_failure=True)

    def missing(self, incident: Incident, now_s: float) -> str:
        """What keeps an incident from being closed; empty where nothing does."""
        failing = self._judging.failing(incident)
        if incident.opened.by and not self._was_detected(incident):
            return f"it still fails: {failing}" if failing else ""
        if incident.phase is IncidentPhase.RESTORED and not failing:
            return ""
        return missing_in(incident.gate, failing, now_s)

    def _was_detected(self, incident: Incident) -> bool:
        return len(incident.detectors) > 1 or bool(self._judging.symptoms_of(incident)) or incident.gate.attempt > 0

    def _advance(self, turn: Turn, incident: Incident) -> bool:
        """One move of its gate; False where none is due."""
        gate, settings = incident.gate, self._judging.settings.gate
        move = next_move(gate, self._judging.failing(incident), incident.paths, settings, turn.now_s)
        if move is None:
            if gate.stage is GateStage.TESTING:
                return self._test(turn, incident)
            return False
        attempt = gate.attempt + (move.event is GateEvent.CLEARED)
        next_at_s = turn.now_s + move.pause_s if move.event is GateEvent.REVERTED else 0.0
        words = (move.event.value, move.share, attempt, next_at_s, move.why)
        self._room.record(turn, GateMoved(incident.id, turn.now_s, *words))
        event = PHASES.get(move.event)
        if event is not None:
            self._judging.move(turn, incident, event, move.why)
        return incident.is_open

    def _close_if_left(self, turn: Turn, incident: Incident) -> None:
        """What nobody commands closes by itself once it has stayed well."""
        after_s = self._judging.settings.close_after_s
        if incident.phase is not IncidentPhase.RESTORED or incident.commander or incident.opened.by or not after_s:
            return
        if incident.restored_at_s is not None and turn.now_s >= incident.restored_at_s + after_s:
            why = f"nobody commanded it, and it has stayed well for {after_s:g} s"
            self._room.record(turn, IncidentClosed(incident.id, turn.now_s, "", why))

    # Tests ------------------------------------------------------------------------------------------------------------

    def _test(self, turn: Turn, incident: Incident) -> bool:
        """Begin the tests that have not begun; whether one was over at once."""
        attempt, is_over = incident.gate.attempt, False
        tests = [each for each in self._tests.values() if not each.is_after_failure]
        under_way = {each.path for each in tests if each.incident == incident.id}
        for path in incident.paths:
            if path in incident.gate.tested or path in under_way:
                continue
            capability, _, name = path.partition("/")
            asked = self._judging.settings.gate.tests.get(path)
            if capability == TELEPHONY:
                why = self._call(turn, incident, path, name)
            else:
                why = "" if asked is not None and self._ask(turn, incident, path, asked) else UNTESTED
            if why:
                self._record(turn, PathTested(incident.id, turn.now_s, path, attempt, True, why))
                is_over = True
        return is_over

    def _call(self, turn: Turn, incident: Incident, path: str, name: str) -> str:
        """A call out by the path and in by another one, and one the other way round; why there is none."""
        exchange = self._exchange
        operation = exchange.programs[exchange.current].operation
        numbers = operation.preflight.numbers
        places = {trunk.name for trunk in operation.trunks if trunk.outbound is not None}
        if not numbers or name not in places or CALLING not in operation.flows:
            return UNTESTED
        others = [each for each in numbers if each != name]
        # What fails just now says nothing of this path, and what comes back itself is asked last.
        well = [each for each in others if f"{TELEPHONY}/{each}" not in self._judging.symptoms]
        other = min(well, key=lambda each: f"{TELEPHONY}/{each}" in incident.paths, default=None)
        if other is None:
            return ALONE if others else UNTESTED
        ways = [(name, other)] + ([(other, name)] if name in numbers and other in places else [])
        for out, into in ways:
            call = exchange.ids.token(8).hex()
            until_s = turn.now_s + TEST_WITHIN_S
            self._tests[call] = _Test(
                incident.id, path, incident.gate.attempt, until_s, number=numbers[into], out=out, into=into
            )
            wanted = PlaceCall(numbers[into], CALLING, call, trunk=out, ring_timeout_s=RINGS_S)
            exchange.switchboard.place(turn, wanted)
        return ""

    def _ask(
        self, turn: Turn, incident: Incident, path: str, test: PathTest, *, is_after_failure: bool = False
    ) -> bool:
        """A question that changes nothing, of this one path; False where the operation has no such action."""
        exchange = self._exchange
        capability, _, name = path.partition("/")
        found = exchange.programs[exchange.current].operation.capabilities.get(capability)
        action = found.action(test.action) if found is not None else None
        if action is None or action.changes:
            return False
        self._asked += 1
        key, deadline_s = str(self._asked), turn.now_s + min(action.timeout_s, ANSWERS_WITHIN_S)
        asked = _Test(incident.id, path, incident.gate.attempt, deadline_s + 1.0, is_after_failure=is_after_failure)
        self._tests[key] = asked
        arguments = write_value(dict(test.arguments))
        turn.emit(
            CallCapability(
                INCIDENTS, self._asked, capability, test.action, arguments, f"{incident.id}-{key}", deadline_s, False,
                1, exchange.current, path=name,
            )
        )  # fmt: skip
        return True

    def on_answered(self, turn: Turn, given: CapabilityAnswered) -> bool:
        """What came of a question; False where it is none of these."""
        if given.call != INCIDENTS:
            return False
        if str(given.step) in self._tests:
            ok = isinstance(given.outcome, Reply | Refused)
            words = "answered" if ok else outcome_words(write_outcome(given.outcome))
            self._over(turn, str(given.step), ok=ok, words=words)
            self.look(turn)  # the next step does not wait for the next look
        return True

    def note(self, turn: Turn) -> None:
        """What has become of test calls in this turn."""
        if not self._tests:
            return
        for effect in list(turn.effects):
            if type(effect) is Persist:
                self._note(turn, effect.fact)

    def _note(self, turn: Turn, fact: object) -> None:
        if isinstance(fact, CallReceived) and fact.flow == ANSWERING:
            for test in self._tests.values():
                if test.number == fact.to_number and not test.far:
                    test.far = fact.carrier or "nobody known"
                    return
        if isinstance(fact, CallAnswered) and fact.call in self._tests:
            self._tests[fact.call].is_answered = True
        if isinstance(fact, CallEnded) and fact.call in self._tests:
            wrong = _wrong(self._tests[fact.call], fact)
            self._over(turn, fact.call, ok=not wrong, words=wrong)

    def _over(self, turn: Turn, key: str, *, ok: bool, words: str) -> None:
        test = self._tests[key]
        beside = dict(self._beside(test))
        if test.number and ok:
            test.is_heard = True
            if not all(each.is_heard for each in beside.values()):
                return
            words = "a test call " + ", and one ".join(f"out by {t.out} came in by {t.into}" for t in beside.values())
            words += ": heard"
        for each in beside:
            del self._tests[each]
        if not test.is_after_failure:
            calls = [*beside, ""][:2] if test.number else ["", ""]
            found = PathTested(test.incident, turn.now_s, test.path, test.attempt, ok, words, *calls)
            self._record(turn, found)

    def _beside(self, test: _Test) -> Iterator[tuple[str, _Test]]:
        """The calls that are made for the same test, with it, in their order; of a question itself."""
        for key, each in self._tests.items():
            same = (each.incident, each.path, each.attempt) == (test.incident, test.path, test.attempt)
            if each is test or (same and each.number and test.number):
                yield key, each

    def _record(self, turn: Turn, tested: PathTested) -> None:
        found = self._room.book.incidents.get(tested.call)
        if found is not None and found.is_open and found.gate.attempt == tested.attempt:
            self._room.record(turn, tested)


def _wrong(test: _Test, ended: CallEnded) -> str:
    if not test.is_answered:
        return f"the test call was not answered: {ended.sip_status or ''} {ended.reason}".rstrip()
    if test.far != test.into:
        return f"the test call came in by {test.far}, not by {test.into}" if test.far else "somebody else answered it"
    if ended.packets_received < HEARD_PACKETS_MIN:
        return f"nothing is heard: {ended.packets_received} packets came back"
    return ""
