"""What who leads wants to know of the incidents that are open: whom they reach, what they cost, when they will be over.

Everything follows from facts of the journal and the operation's own prices. It refuses to promise: when an incident
ends is said only where enough of its kind have ended before, and what was not counted is not priced.
"""

import statistics
import threading
from collections.abc import Callable, Iterable
from typing import Final, get_args

from keepline.call.facts import Fact
from keepline.call.facts.incident import IncidentFact
from keepline.desk.models_board import Now
from keepline.desk.models_leaders import BillLineNow, IncidentCost, LeadersNow, PriceNow, ToolNow
from keepline.desk.source import Source
from keepline.incident.book import IncidentBook
from keepline.incident.experience import EXPERIENCE_FACTS, MINUTE_S, Experience, minutes_without, unseen
from keepline.incident.money import Bill, BillLine, bill_of, damage_of
from keepline.incident.state import Incident
from keepline.model.limits_desk import BOARD_FACTS_PER_LOOK, LEADERS_FACTS_BACK_MAX
from keepline.model.money import MoneySettings, Price
from keepline.paths.own_parts import TELEPHONY

KINDS: Final = tuple(dict.fromkeys(each.kind for each in (*EXPERIENCE_FACTS, *get_args(IncidentFact))))
BEFORE_S: Final = 600.0
"""So long before an incident is what was usual."""
LATELY_S: Final = 300.0
ENDED_MIN: Final = 3
"""So many incidents of a kind have ended before the next one's end is expected."""


class Leaders:
    """The fold behind the page. Every method may be called from any thread, and may block."""

    def __init__(self, source: Source, money: Callable[[], MoneySettings | None]) -> None:
        self._source, self._money = source, money
        self._lock = threading.Lock()
        self._position: int | None = None
        self._begin()

    def _begin(self) -> None:
        self._experience, self._book = Experience(), IncidentBook()
        self._since_s: float | None = None
        """Of the first fact that was counted; None while none was."""

    def look(self) -> None:
        """Read what the journal has got since; raises Unavailable."""
        with self._lock:
            last = self._source.last_position()
            if self._position is None or last < self._position:  # another journal is in its place
                self._begin()
                self._position = max(0, last - LEADERS_FACTS_BACK_MAX)
            while found := self._source.facts_after(self._position, KINDS, BOARD_FACTS_PER_LOOK):
                for self._position, fact in found:
                    self._count(fact)
            self._position = max(self._position, last)

    def _count(self, fact: Fact) -> None:
        if self._since_s is None:
            self._since_s = fact.at_s
        if not self._book.note(fact):
            self._experience.count(fact)

    def now(self, board: Now) -> LeadersNow:
        """The page, beside what the board says at the same moment."""
        settings = self._money()
        with self._lock:
            incidents = sorted(self._book.open, key=_rank)
            costs = [self._cost(each, settings, board.at) for each in incidents]
        real = [each for each in costs if not each.exercise]
        return LeadersNow(
            at=board.at,
            served=board.served,
            headline=board.headline,
            summary=board.summary,
            currency=settings.currency if settings is not None else "",
            tools=[ToolNow(name=each.name, served=each.served, words=each.words) for each in board.capabilities],
            incidents=costs,
            customers=max((each.customers for each in real), default=0),
            per_minute=_greatest(each.per_minute for each in real),
            total=_greatest(each.total for each in real),
            saved=_greatest(each.saved for each in real),
        )

    def _cost(self, incident: Incident, settings: MoneySettings | None, now_s: float) -> IncidentCost:
        since_s = max(incident.opened.since_s, self._since_s if self._since_s is not None else now_s)
        is_real = not incident.exercise  # what real callers meet meanwhile is none of an exercise's
        minutes = self._experience.minutes(since_s) if is_real else []
        settings = settings if is_real else None
        bill = self._bill(incident, since_s, now_s, settings)
        lately = self._bill(incident, max(since_s, now_s - LATELY_S), now_s, settings)
        span_min = max(1.0, (now_s - max(since_s, now_s - LATELY_S)) / MINUTE_S)
        never_came, _ = self._unseen(incident, since_s, now_s) if is_real else (0, 0)
        expected_s, why = self._expected(incident)
        return IncidentCost(
            id=incident.id, cause=incident.cause, kind=incident.kind, severity=int(incident.severity),
            phase=incident.phase.value, exercise=incident.exercise, commander=incident.commander,
            since=incident.opened.since_s, counted_since=since_s,
            customers=self._experience.affected(since_s) if is_real else 0,
            attempts=sum(each.attempts for each in minutes), answered=sum(each.answered for each in minutes),
            delayed=sum(each.delayed for each in minutes), lost=sum(each.lost for each in minutes), unseen=never_came,
            per_minute=None if lately is None else price_told(lately.total.times(1 / span_min)),
            total=None if bill is None else price_told(bill.total),
            saved=None if bill is None else price_told(bill.total_saved),
            lines=lines_told(bill.lines) if bill is not None else [],
            saved_lines=lines_told(bill.saved) if bill is not None else [],
            expected_end=expected_s, expected_why=why,
        )  # fmt: skip

    def _bill(self, incident: Incident, since_s: float, now_s: float, settings: MoneySettings | None) -> Bill | None:
        if settings is None:
            return None
        minutes = self._experience.minutes(since_s)
        never_came, came_elsewhere = self._unseen(incident, since_s, now_s)
        return bill_of(settings, damage_of(minutes, never_came, came_elsewhere, minutes_without(minutes)))

    def _unseen(self, incident: Incident, since_s: float, now_s: float) -> tuple[int, int]:
        """Of the callers of the carriers that failed; a minute that has just begun is no measure."""
        prefix = f"{TELEPHONY}/"
        carriers = frozenset(each.removeprefix(prefix) for each in incident.paths if each.startswith(prefix))
        began_s = incident.opened.since_s
        before = [each for each in self._experience.minutes(began_s - BEFORE_S) if each.at_s + MINUTE_S <= began_s]
        if not carriers or self._since_s is None or self._since_s > began_s - MINUTE_S:
            return 0, 0
        share = (now_s - since_s) / min(BEFORE_S, began_s - self._since_s)
        return unseen(before, self._experience.minutes(since_s), carriers, share)

    def _expected(self, incident: Incident) -> tuple[float | None, str]:
        ended = [
            each.restored_at_s - each.opened.since_s
            for each in self._book.incidents.values()
            if each.kind == incident.kind and each.restored_at_s is not None and not each.exercise
        ]
        if incident.is_over:
            return None, "What failed is back, and is on its way through the recovery gate."
        if len(ended) < ENDED_MIN:
            return None, f"Nobody can say: {len(ended) or 'none'} of this kind ended before."
        usual_s = statistics.median(ended)
        return incident.opened.since_s + usual_s, f"As the {len(ended)} of this kind before: half were over by then."


def _rank(incident: Incident) -> tuple[bool, int, float]:
    """The real ones first, the worst of them first."""
    return bool(incident.exercise), int(incident.severity), incident.opened.since_s


def _greatest(prices: Iterable[PriceNow | None]) -> PriceNow | None:
    """Of incidents at one time: the same callers are in each of them, so they are not added up."""
    known = [each for each in prices if each is not None]
    return max(known, key=lambda each: each.mid, default=None)


def price_told(price: Price) -> PriceNow:
    """A price for JSON, to the cent."""
    return PriceNow(low=round(price.low, 2), mid=round(price.mid, 2), high=round(price.high, 2))


def lines_told(lines: Iterable[BillLine]) -> list[BillLineNow]:
    """The lines of a bill for JSON."""
    return [
        BillLineNow(
            what=each.what, count=each.count, each=None if each.each is None else price_told(each.each),
            total=price_told(each.total), why="" if each.each is None else each.each.why, is_estimate=each.is_estimate,
        )
        for each in lines
    ]  # fmt: skip
