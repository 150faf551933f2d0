"""What is looked at: counts from the facts of every turn, and what follows from them as symptoms.

It refuses to decide what an incident is. What it counts is of this process; what a successor needs is on record. Test
calls, of a preflight or a drill, are nobody's experience: they are not counted.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from keepline.call.effects import Persist
from keepline.call.facts import (
    CallAnswered,
    CallEnded,
    CallLost,
    CallPlaced,
    CallReceived,
    FlowEnded,
    FlowFailed,
    LineFellSilent,
    StepEnded,
)
from keepline.call.facts.path import PathStood
from keepline.call.turn import Turn
from keepline.incident.causes import capability_of
from keepline.incident.counting import Ratio, Surge
from keepline.incident.experience import TEST_FLOWS, USE, has_come_of_a_use
from keepline.incident.felt import Felt
from keepline.incident.symptoms import BURN, DEAD_AIR, PATH, SURGING, Symptom
from keepline.model.incident import ANSWERED, FLOWS, HEARD, IncidentSettings
from keepline.paths.own_parts import TELEPHONY

REFUSALS_MIN: Final = 500
"""A status from here on is ours; below it is the caller's, or theirs whom he wanted."""
BAD: Final = ("down", "degraded")
NOT_ANSWERED: Final = ('{"un', '{"pe')
"""How the outcome of a use begins that had no answer: unavailable, unknown, pending."""


class _Talk:
    """A call that is live: whose, by which carrier, and what was counted of it."""

    __slots__ = ("caller", "carrier", "is_answered", "is_inbound", "is_silent")

    def __init__(self, caller: str, carrier: str, *, is_inbound: bool) -> None:
        self.caller, self.carrier, self.is_inbound = caller, carrier, is_inbound
        self.is_answered = self.is_silent = False


class Counts:
    """The counts of one process."""

    __slots__ = ("_notes", "_talks", "_tests", "conditions", "felt", "ratios", "settings", "surge")

    def __init__(self, settings: IncidentSettings) -> None:
        self.settings = settings
        self.ratios: dict[str, Ratio] = {}
        """By the objective, with the carrier or the capability that it is of: `heard north`."""
        self.surge = Surge()
        self.felt = Felt(settings.long_s)
        self.conditions: dict[str, PathStood] = {}
        """The last word on each path that was not well at some time."""
        self._talks: dict[str, _Talk] = {}
        self._tests: set[str] = set()
        """Test calls that are live."""
        self._notes: Mapping[type, Callable[[float, Any], None]] = {
            CallReceived: self._received,
            CallPlaced: self._placed,
            CallAnswered: self._answered,
            CallEnded: self._ended,
            CallLost: self._lost,
            LineFellSilent: self._silent,
            FlowEnded: self._flow_ended,
            FlowFailed: self._flow_failed,
            StepEnded: self._step,
        }

    def note(self, turn: Turn) -> list[PathStood]:
        """Count what this turn has made true; what it has of paths."""
        stood: list[PathStood] = []
        for effect in turn.effects:
            if type(effect) is Persist:
                fact = effect.fact
                do = self._notes.get(type(fact))
                if do is not None:
                    do(turn.now_s, fact)
                elif type(fact) is PathStood:
                    stood.append(fact)
        return stood

    def is_busy(self, now_s: float) -> bool:
        """Something is in the windows, so that time may change what follows."""
        return self.surge.is_busy(now_s) or any(not ratio.is_empty(now_s) for ratio in self.ratios.values())

    # Counting ---------------------------------------------------------------------------------------------------------

    def _count(self, now_s: float, name: str, *, bad: bool) -> None:
        ratio = self.ratios.get(name)
        if ratio is None:
            ratio = self.ratios[name] = Ratio(self.settings.short_s, self.settings.long_s)
        ratio.add(now_s, bad=bad)

    def _received(self, now_s: float, fact: CallReceived) -> None:
        if self._is_test(fact):
            return
        self._talks[fact.call] = _Talk(fact.from_number or fact.call, fact.carrier, is_inbound=True)
        self.surge.add(now_s)

    def _placed(self, _now_s: float, fact: CallPlaced) -> None:
        if self._is_test(fact):
            return
        self._talks[fact.call] = _Talk(fact.to_number or fact.call, fact.carrier, is_inbound=False)

    def _is_test(self, fact: CallReceived | CallPlaced) -> bool:
        if fact.flow.startswith(TEST_FLOWS):
            self._tests.add(fact.call)
            return True
        return False

    def _answered(self, now_s: float, fact: CallAnswered) -> None:
        talk = self._talks.get(fact.call)
        if talk is not None:
            talk.is_answered = True
            if talk.is_inbound:
                self._count(now_s, ANSWERED, bad=False)

    def _ended(self, now_s: float, fact: CallEnded) -> None:
        self._tests.discard(fact.call)
        talk = self._talks.pop(fact.call, None)
        if talk is None:
            return
        if talk.is_answered:
            if not talk.is_silent:
                self._count(now_s, f"{HEARD} {talk.carrier}", bad=False)
        elif talk.is_inbound and fact.sip_status >= REFUSALS_MIN:
            self._count(now_s, ANSWERED, bad=True)
            self.felt.add(now_s, ANSWERED, talk.caller)

    def _silent(self, now_s: float, fact: LineFellSilent) -> None:
        talk = self._talks.get(fact.call)
        if talk is not None and not talk.is_silent:
            talk.is_silent = True
            self._count(now_s, f"{HEARD} {talk.carrier}", bad=True)
            self.felt.add(now_s, f"{TELEPHONY}/{talk.carrier}", talk.caller)

    def _lost(self, now_s: float, fact: CallLost) -> None:
        talk = self._talks.get(fact.call)
        self.felt.add(now_s, f"{TELEPHONY}/{fact.carrier}", talk.caller if talk is not None else fact.call)

    def _flow_ended(self, now_s: float, fact: FlowEnded) -> None:
        if fact.call in self._tests:
            return
        self._count(now_s, FLOWS, bad=False)

    def _flow_failed(self, now_s: float, fact: FlowFailed) -> None:
        if fact.call in self._tests:
            return
        self._count(now_s, FLOWS, bad=True)
        talk = self._talks.get(fact.call)
        self.felt.add(now_s, FLOWS, talk.caller if talk is not None else fact.call)

    def _step(self, now_s: float, fact: StepEnded) -> None:
        if not has_come_of_a_use(fact) or fact.call in self._tests:
            return
        capability = fact.reason.partition(".")[0]
        is_bad = fact.value.startswith(NOT_ANSWERED)
        self._count(now_s, f"{USE} {capability}", bad=is_bad)
        if is_bad:
            talk = self._talks.get(fact.call)
            self.felt.add(now_s, capability, talk.caller if talk is not None else fact.call)

    # What follows -----------------------------------------------------------------------------------------------------

    def path_symptom(self, path: str) -> Symptom | None:
        """What the last word on a path says."""
        stood = self.conditions.get(path)
        if stood is None or stood.condition not in BAD:
            return None
        is_down = stood.condition == "down"
        since_s = stood.since_s or stood.at_s
        return Symptom(path, PATH, stood.evidence, since_s, capability_of(path), path, is_down)

    def burning(self, now_s: float, before: Mapping[str, Symptom]) -> list[Symptom]:
        """Objectives that are missed now, or were `before` and are not well again."""
        found, settings = [], self.settings
        for name, ratio in self.ratios.items():
            what, _, of = name.partition(" ")
            objective, burn = settings.objectives.of(what), ratio.burn(now_s)
            key = f"{BURN} {name}"
            is_on = burn.is_missed(objective, settings.burn, settings.bad_min)
            if not is_on and (key not in before or burn.is_well(objective, settings.burn)):
                continue
            words = f"{burn.bad_short} of {burn.all_short} in {settings.short_s:g} s"
            words += f", where {100 * objective:g}% are to go well"
            since_s = before[key].since_s if key in before else now_s - settings.short_s
            if what == HEARD:
                path = f"{TELEPHONY}/{of}" if of else ""
                found.append(Symptom(key, DEAD_AIR, f"lines fell silent: {words}", since_s, TELEPHONY, path))
            else:
                told = {ANSWERED: "calls were refused", FLOWS: "flows failed"}.get(what, f"uses of {of} had no answer")
                found.append(Symptom(key, BURN, f"{told}: {words}", since_s, of, is_grave=True))
        return found

    def surging(self, now_s: float, before: Symptom | None) -> Symptom | None:
        """Whether far more people call than usual."""
        settings = self.settings
        if not self.surge.look(now_s, settings.surge_times, settings.surge_calls_min):
            return None
        since_s = before.since_s if before is not None else now_s - Surge.MINUTE_S
        return Symptom(SURGING, SURGING, self.surge.words, since_s)
