"""What people decide, on record with who, role and why; and what takes two of them.

An action that the operation has four eyes for waits, as a fact, until a second person approves it, and is then done in
the turn of that fact. It refuses the same person twice, and does nothing late. Who has broken the glass is not held.
"""

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from keepline.call.effects import Persist, Report
from keepline.call.effects_incident import CloseIncident
from keepline.call.effects_message import DecideMessage, SendMessage
from keepline.call.effects_number import PointNumber
from keepline.call.effects_path import WishPath
from keepline.call.effects_person import Decide, DecisionAnswered, Given, SettleAction
from keepline.call.facts import Fact
from keepline.call.facts.person import PEOPLE, ActionHeld, ActionRefused, PersonDecided
from keepline.call.turn import Turn
from keepline.model.limits_people import APPROVALS_MAX, DECISIONS_KNOWN_MAX, PEOPLE_WORDS_CHARS_MAX

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

Reaction = Callable[[Turn, Any], None]
GLASS: Final = "glass"
MACHINE: Final = "machine"
_GUARDED: Final[tuple[type[Given], ...]] = (WishPath, PointNumber, CloseIncident, SendMessage, DecideMessage)
_TYPES: Final[dict[str, type[Given]]] = {each.__name__: each for each in _GUARDED}


def action_of(given: Given) -> tuple[str, str]:
    """What an operation calls it, and what it is about."""
    if isinstance(given, WishPath):
        return f"path.{given.wish}", given.path
    if isinstance(given, PointNumber):
        return ("number.move" if given.to == "away" else "number.return"), given.number
    if isinstance(given, SendMessage):
        return ("message.edit" if given.text else "message.send"), f"{given.incident} {given.audience}"
    if isinstance(given, DecideMessage):
        return ("message.approve" if given.approve else "message.reject"), given.message
    return ("incident.override" if given.override else "incident.close"), given.incident


def is_same_person(one: str, other: str) -> bool:
    """Whether two names are one person's: accounts know no capital letters."""
    return one.strip().casefold() == other.strip().casefold()


class Decisions:
    """A fold over decisions: what waits, and which requests are known."""

    __slots__ = ("held", "known")

    def __init__(self) -> None:
        self.held: OrderedDict[str, ActionHeld] = OrderedDict()
        self.known: OrderedDict[str, None] = OrderedDict()

    def note(self, fact: Fact) -> None:
        """Take notice of a fact; others change nothing."""
        if isinstance(fact, ActionHeld):
            self.held[fact.id] = fact
            while len(self.held) > APPROVALS_MAX:
                self.held.popitem(last=False)
        elif isinstance(fact, PersonDecided | ActionRefused):
            self.held.pop(fact.id, None)
            self.known[fact.id] = None
            while len(self.known) > DECISIONS_KNOWN_MAX:
                self.known.popitem(last=False)

    def waiting(self, now_s: float) -> list[ActionHeld]:
        """What waits for a second person."""
        return [each for each in self.held.values() if now_s < each.until_s]


class Deciding:
    """The part of the exchange that people decide with."""

    __slots__ = ("_exchange", "_plain", "book")

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._plain: dict[type, Reaction] = {}
        self.book = Decisions()

    def guarded(self, handlers: dict[type, Reaction]) -> dict[type, Reaction]:
        """The same handlers and its own; what takes two people waits before those that it is about."""
        found = self.handlers() | handlers
        for kind in _GUARDED:
            if kind in handlers:
                self._plain[kind] = handlers[kind]
                found[kind] = self._on_bare
        return found

    def handlers(self) -> dict[type, Reaction]:
        """Of its own inputs."""
        return {Decide: self.on_decide, SettleAction: self.on_settle}

    def _on_bare(self, turn: Turn, given: Given) -> None:
        """From the machine's shell, where nobody logs in."""
        action, about = action_of(given)
        if action in self._four_eyes():
            why = getattr(given, "why", "")
            self.on_decide(turn, Decide(given.asked, given.by, MACHINE, MACHINE, action, about, why, given))
        else:
            self._plain[type(given)](turn, given)

    def on_decide(self, turn: Turn, given: Decide) -> None:
        """Put it on record and do what follows, or have it wait."""
        waits = self.book.held.get(given.asked)
        if given.asked in self.book.known or waits is not None:
            turn.emit(DecisionAnswered(given.asked, held_until_s=waits.until_s if waits is not None else 0.0))
            return
        if not given.by or max(map(len, (given.why, given.about, given.by))) > PEOPLE_WORDS_CHARS_MAX:
            turn.emit(DecisionAnswered(given.asked, f"say who and why, in up to {PEOPLE_WORDS_CHARS_MAX} characters"))
            return
        if given.how != GLASS and given.action in self._four_eyes():
            self._hold(turn, given)
            return
        fact = PersonDecided(
            PEOPLE, given.at_s or turn.now_s, given.asked, given.by, given.role, given.action, given.about, given.why,
            given.how,
        )  # fmt: skip
        if given.given is None:
            self._record(turn, fact)
            turn.emit(DecisionAnswered(given.asked))
        else:
            self._do(turn, fact, given.given)

    def _do(self, turn: Turn, fact: PersonDecided, wanted: Given) -> str:
        """Do what was decided, and write who decided it before that; what cannot be done was not decided: says why."""
        at = len(turn.effects)
        self._plain[type(wanted)](turn, wanted)
        mistake = next((str(found) for each in turn.effects[at:] if (found := getattr(each, "mistake", ""))), "")
        if not mistake:
            self.book.note(fact)
            turn.effects.insert(at, Persist(fact, synced=True))
        return mistake

    def _hold(self, turn: Turn, given: Decide) -> None:
        if len(self.book.waiting(turn.now_s)) >= APPROVALS_MAX:
            mistake = f"{APPROVALS_MAX} actions wait for a second person already: have some of them settled"
            turn.emit(DecisionAnswered(given.asked, mistake))
            return
        until_s = turn.now_s + self._exchange.programs[self._exchange.current].operation.desk.approve_within_s
        wanted = given.given
        text = json.dumps(None if wanted is None else [type(wanted).__name__, asdict(wanted)])
        fact = ActionHeld(
            PEOPLE, turn.now_s, given.asked, given.by, given.role, given.action, given.about, given.why, given.how,
            until_s, text,
        )  # fmt: skip
        self._record(turn, fact)
        turn.emit(DecisionAnswered(given.asked, held_until_s=until_s))

    def on_settle(self, turn: Turn, given: SettleAction) -> None:
        """A second person has looked."""
        waits = self.book.held.get(given.held)
        if waits is None or turn.now_s >= waits.until_s:
            is_done = given.held in self.book.known
            why = "was settled already" if is_done else "waits no more: its time is over, or it never was"
            turn.emit(DecisionAnswered(given.asked, f"{given.held} {why}"))
            return
        if given.approves and is_same_person(given.by, waits.by):
            turn.emit(DecisionAnswered(given.asked, "it takes another person than the one who wants it"))
            return
        if not given.approves:
            self._record(turn, ActionRefused(PEOPLE, turn.now_s, waits.id, given.by, given.role, given.why))
            turn.emit(DecisionAnswered(given.asked))
            return
        fact = PersonDecided(
            PEOPLE,
            turn.now_s,
            waits.id,
            waits.by,
            waits.role,
            waits.action,
            waits.about,
            waits.why,
            waits.how,
            given.by,
        )
        wanted = read_wanted(waits.wanted)
        if wanted is None:
            self._record(turn, fact)
        mistake = self._do(turn, fact, wanted) if wanted is not None else ""
        if mistake:
            self._record(turn, ActionRefused(PEOPLE, turn.now_s, waits.id, "", "", f"it cannot be done: {mistake}"))
        turn.emit(DecisionAnswered(given.asked, mistake))

    def _record(self, turn: Turn, fact: PersonDecided | ActionHeld | ActionRefused) -> None:
        self.book.note(fact)
        turn.emit(Persist(fact, synced=True))
        if isinstance(fact, PersonDecided) and fact.action.startswith(GLASS):
            turn.emit(Report("glass_broken", "", f"{fact.action} by {fact.by}: {fact.why}"))

    def _four_eyes(self) -> tuple[str, ...]:
        program = self._exchange.programs.get(self._exchange.current)
        return program.operation.desk.four_eyes if program is not None else ()


def read_wanted(text: str) -> Given | None:
    """What an action that waited asks for; None where nothing of the core's follows from it."""
    found = json.loads(text)
    if found is None:
        return None
    name, fields = found
    told: dict[str, Any] = dict(fields)
    return _TYPES[name](**told)
