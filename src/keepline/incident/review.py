"""The review of an incident, computed from the journal alone: what happened, what callers experienced, what it cost.

Nothing is written by hand, and nothing is made up: what was not counted is not there, an estimate is called one, and
what has no price has none. An exercise is nobody's experience: it has no figures. It refuses to know files and formats.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keepline.call.facts import Fact
from keepline.call.facts.action import ActionAdded, ActionEnded
from keepline.call.facts.incident import (
    IncidentClosed,
    IncidentFact,
    IncidentMoved,
    IncidentNoted,
    IncidentOffered,
    IncidentOpened,
    IncidentTaken,
    ModeSet,
    PathTested,
)
from keepline.call.facts.number import NumberAsked, NumberPointed
from keepline.call.facts.path import PathStood, PathWished
from keepline.incident.actions import action_told, day_told
from keepline.incident.experience import EXPERIENCE_FACTS, MINUTE_S, Experience, Minute, minutes_without, unseen
from keepline.incident.money import Bill, BillLine, bill_of, damage_of
from keepline.incident.plays import PlaybookRun
from keepline.incident.plays_shown import play_told
from keepline.incident.shown import incident_told
from keepline.incident.sla import credit_of
from keepline.incident.state import Incident
from keepline.model.money import MoneySettings, Price
from keepline.model.playbook import StepKind, StepState
from keepline.paths.own_parts import TELEPHONY

BEFORE_S: Final = 600.0
"""So long before an incident is what was usual."""
REVIEW_FACTS: Final = (*EXPERIENCE_FACTS, PathStood, PathWished, NumberAsked, NumberPointed, ModeSet)
"""Of everything that happened meanwhile; those of the incident itself come beside them."""


@dataclass(frozen=True, slots=True)
class ReviewedRun:
    """A run that sent messages."""

    run: str
    key: str
    began_at_s: float
    ending: str
    """Empty while it goes on."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a review is made of."""

    incident: Incident
    own: Sequence[IncidentFact]
    """Facts of the incident, in order."""
    meanwhile: Sequence[Fact]
    """`REVIEW_FACTS` from `BEFORE_S` before it until its end, in order."""
    play: PlaybookRun | None
    messages: Sequence[ReviewedRun]
    work: Sequence[dict[str, Any]]
    """What is still open on the work list."""
    money: MoneySettings | None
    until_s: float
    """When it ended; of one that has not, now."""
    month: Sequence[PathStood] = ()
    """How paths stood in the month of its end, and how they stood before, in order."""
    exercises: Sequence[tuple[float, float]] = ()
    """When exercises went on in that month."""


def review_of(given: Reviewed) -> dict[str, Any]:
    """The review, as JSON has it. Times are seconds since the epoch, or seconds where the name ends with `_s`."""
    incident, since_s = given.incident, given.incident.opened.since_s
    experience = Experience()
    for fact in given.meanwhile:
        if isinstance(fact, EXPERIENCE_FACTS):
            experience.count(fact)
    minutes = [] if incident.exercise else experience.minutes(since_s, given.until_s)
    never_came, came_elsewhere = _unseen(given, experience, minutes)
    return {
        "incident": incident_told(incident),
        "exercise": incident.exercise,
        "until": given.until_s,
        "is_final": not incident.is_open,
        "times": _times(incident),
        "customers": 0 if incident.exercise else experience.affected(since_s),
        "unseen": never_came,
        "came_elsewhere": came_elsewhere,
        "minutes": [_minute_told(each) for each in minutes],
        "timeline": [*sorted(_timeline(given), key=lambda line: line["at"])],
        "paths": [_path_told(each) for each in given.meanwhile if isinstance(each, PathStood) and each.at_s >= since_s],
        "tests": [_test_told(each) for each in given.own if isinstance(each, PathTested)],
        "decisions": [*sorted(_decisions(given), key=lambda line: line["at"])],
        "playbook": play_told(given.play) if given.play is not None else None,
        "messages": [
            {"run": each.run, "key": each.key, "began_at": each.began_at_s, "ending": each.ending or "under way"}
            for each in given.messages
        ],
        "money": _money_told(given, minutes, never_came, came_elsewhere),
        "sla": [] if incident.exercise else _sla_told(given),
        "open_work": list(given.work),
        "steps_left": _steps_left(given),
        "actions": [action_told(each, given.until_s) for each in incident.actions.values()],
    }


def _unseen(given: Reviewed, experience: Experience, minutes: list[Minute]) -> tuple[int, int]:
    """Of the callers of the carriers that failed: how many never came, and how many came by another."""
    prefix, began_s = f"{TELEPHONY}/", given.incident.opened.since_s
    carriers = frozenset(each.removeprefix(prefix) for each in given.incident.paths if each.startswith(prefix))
    before = [each for each in experience.minutes(began_s - BEFORE_S) if each.at_s + MINUTE_S <= began_s]
    if not carriers or not before or given.incident.exercise:
        return 0, 0
    spanned_s = began_s - before[0].at_s
    return unseen(before, minutes, carriers, (given.until_s - began_s) / spanned_s)


def _times(incident: Incident) -> dict[str, float | None]:
    """How long each took from the beginning; null for what has not happened."""
    since_s = incident.opened.since_s
    moments = {
        "detect_s": incident.opened.at_s,
        "acknowledge_s": incident.taken_at_s,
        "mitigate_s": incident.mitigated_at_s,
        "restore_s": incident.restored_at_s,
        "close_s": incident.closed_at_s,
    }
    return {name: None if at_s is None else round(at_s - since_s, 3) for name, at_s in moments.items()}


def _minute_told(minute: Minute) -> dict[str, Any]:
    return {
        "at": minute.at_s,
        "attempts": minute.attempts,
        "answered": minute.answered,
        "delayed": minute.delayed,
        "lost": minute.lost,
        "gave_up": minute.gave_up,
        "deferred": minute.deferred,
        "denied": minute.denied,
    }


def _line(at_s: float, what: str, words: str, by: str = "") -> dict[str, Any]:
    return {"at": at_s, "what": what, "words": words, "by": by}


def _timeline(given: Reviewed) -> Iterable[dict[str, Any]]:
    for fact in given.own:
        yield _line(fact.at_s, fact.kind.removesuffix(".1").removeprefix("incident_"), *_words_of(fact))
    since_s = given.incident.opened.since_s
    for each in given.meanwhile:
        if each.at_s < since_s:
            continue
        if isinstance(each, PathStood):
            yield _line(each.at_s, "path", f"{each.path} is {each.condition}: {each.evidence}")
        elif isinstance(each, NumberPointed):
            yield _line(each.at_s, "number", f"{each.number} points {each.to}")
    for standing in given.play.standings.values() if given.play is not None else ():
        if standing.ended_at_s is not None and standing.state is not StepState.PASSED:
            words = f"{standing.step.id}: {standing.state.value}" + (f": {standing.why}" if standing.why else "")
            yield _line(standing.ended_at_s, "step", words, standing.by)
    for run in given.messages:
        yield _line(run.began_at_s, "message", run.key)


def _words_of(fact: IncidentFact) -> tuple[str, str]:
    """What a fact of the incident says, and who said it."""
    if isinstance(fact, IncidentOpened):
        return f"{fact.cause}: {fact.evidence}", fact.by or fact.detector
    if isinstance(fact, IncidentNoted):
        return fact.text, fact.by
    if isinstance(fact, IncidentMoved):
        return f"{fact.event}: {fact.why}", ""
    if isinstance(fact, IncidentOffered):
        return f"offered to {fact.to or 'nobody'}: {fact.why}", fact.by
    if isinstance(fact, ActionAdded):
        return f"{fact.what} ({fact.owner}, by {day_told(fact.due_s)})", fact.by
    if isinstance(fact, ActionEnded):
        return f"action {fact.number} is {fact.state}: {fact.why}", fact.by
    if isinstance(fact, IncidentTaken | IncidentClosed):
        return fact.why, fact.by
    if isinstance(fact, PathTested):
        return f"{fact.path} {'passed' if fact.ok else 'failed'}: {fact.words}", ""
    return getattr(fact, "why", ""), ""


def _path_told(fact: PathStood) -> dict[str, Any]:
    return {"at": fact.at_s, "path": fact.path, "condition": fact.condition, "evidence": fact.evidence}


def _test_told(fact: PathTested) -> dict[str, Any]:
    """A test of the recovery gate, with the calls that were made for it."""
    calls = [each for each in (fact.test, fact.test_in) if each]
    return {"at": fact.at_s, "path": fact.path, "ok": fact.ok, "words": fact.words, "calls": calls}


def _decisions(given: Reviewed) -> Iterable[dict[str, Any]]:
    """What people have decided, and what was decided in their name."""
    since_s = given.incident.opened.since_s
    for fact in given.own:
        if isinstance(fact, IncidentTaken):
            yield _line(fact.at_s, "command", f"taken{f' from {fact.before}' if fact.before else ''}", fact.by)
        elif isinstance(fact, IncidentClosed):
            over = f", though {fact.overrode}" if fact.overrode else ""
            yield _line(fact.at_s, "closed", f"{fact.why}{over}", fact.by)
    for each in given.meanwhile:
        if each.at_s >= since_s:
            if isinstance(each, PathWished):
                yield _line(each.at_s, "path", f"{each.wish} {each.path}: {each.why}", each.by)
            elif isinstance(each, NumberAsked):
                yield _line(each.at_s, "number", f"{each.number} {each.to}: {each.why}", each.by)
            elif isinstance(each, ModeSet):
                yield _line(each.at_s, "mode", f"{each.mode or 'follows again'}: {each.why}", each.by)
    for standing in given.play.standings.values() if given.play is not None else ():
        if standing.ended_at_s is not None and (standing.deviation or standing.step.kind is StepKind.APPROVE):
            how = standing.deviation or standing.state.value
            words = f"{standing.step.id} {how}: {standing.added_why or standing.why}"
            yield _line(standing.ended_at_s, "step", words, standing.added_by or standing.by)


def _money_told(given: Reviewed, minutes: list[Minute], never_came: int, came_elsewhere: int) -> dict[str, Any] | None:
    """The bill with what each line rests on; None where nothing is priced, or it was an exercise."""
    if given.money is None or given.incident.exercise:
        return None
    bill: Bill = bill_of(given.money, damage_of(minutes, never_came, came_elsewhere, minutes_without(minutes)))
    return {
        "currency": bill.currency,
        "total": _price(bill.total),
        "saved": _price(bill.total_saved),
        "lines": [_bill_line(each) for each in bill.lines],
        "saved_lines": [_bill_line(each) for each in bill.saved],
    }


def _bill_line(line: BillLine) -> dict[str, Any]:
    return {
        "what": line.what,
        "count": line.count,
        "each": None if line.each is None else _price(line.each),
        "total": _price(line.total),
        "why": "" if line.each is None else line.each.why,
        "is_estimate": line.is_estimate,
    }


def _price(price: Price) -> dict[str, float]:
    return {"low": round(price.low, 2), "mid": round(price.mid, 2), "high": round(price.high, 2)}


def _sla_told(given: Reviewed) -> list[dict[str, Any]]:
    """What the providers of the incident's paths owe by their terms, for the month of its end."""
    terms = given.money.sla if given.money is not None else {}
    found = [
        credit_of(path, terms[path], given.month, given.until_s, given.exercises)
        for path in given.incident.paths
        if path in terms
    ]
    return [
        {
            "path": each.path, "month": each.month, "down_min": round(each.down_s / MINUTE_S, 1),
            "availability": round(each.availability, 4), "percent": each.percent, "fee": each.fee,
            "credit": each.credit, "claim_by": each.claim_by_s, "why": each.why,
        }
        for each in found
    ]  # fmt: skip


def _steps_left(given: Reviewed) -> list[dict[str, Any]]:
    """What the playbook has left to be done, with whose it is."""
    open_states = (StepState.AHEAD, StepState.UNDER_WAY, StepState.FAILED, StepState.LEFT, StepState.TIMED_OUT)
    return [
        {
            "step": each.step.id,
            "do": each.step.do or each.step.kind.value,
            "owner": each.step.subject if each.step.kind in (StepKind.HUMAN, StepKind.APPROVE) else "supervisor",
            "state": each.state.value,
            "why": each.why,
        }
        for each in (given.play.standings.values() if given.play is not None else ())
        if each.state in open_states and each.step.kind is not StepKind.PARALLEL
    ]
