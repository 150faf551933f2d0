"""What a calls process keeps of the journal beside the calls: tolls, unfinished work, promised calls, wishes of paths,
where numbers point, incidents.

A process that follows keeps them up to date, so a takeover reads nothing.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from keepline.call.callbacks.book import TicketBook
from keepline.call.carriers.inheriting import Standings
from keepline.call.carriers.wishing import note as note_wish
from keepline.call.deciding import Decisions
from keepline.call.effects_path import PathTold
from keepline.call.facts import Fact
from keepline.call.greetings import Greetings
from keepline.call.numbers.book import NumberBook
from keepline.call.outbound.policy import TollLedger
from keepline.call.unfinished.book import WorkBook
from keepline.incident.book import IncidentBook
from keepline.incident.message_book import MessageBook
from keepline.incident.plays import PlaybookRuns
from keepline.incident.whole import IncidentsTold
from keepline.model.operation import OutboundPolicy
from keepline.node.journal_callbacks import open_tickets
from keepline.node.journal_incidents import incident_facts_of
from keepline.node.journal_messages import message_facts_of
from keepline.node.journal_paths import number_facts, path_standings, path_wishes, person_facts
from keepline.node.journal_plays import open_plays_of
from keepline.node.journal_tolls import placed_since
from keepline.node.journal_work import open_work
from keepline.paths.wishes import Wishes

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange
    from keepline.node.use_paths import UsePaths

LEDGER_LOOK_BACK_S = 90_000.0
"""How far back calls are looked for that may have cost something within the last hour."""


class Ledgers:
    """Folds over facts of every call."""

    __slots__ = (
        "book", "decisions", "greetings", "incidents", "messages", "numbers", "plays", "standings", "tickets",
        "tolls", "wishes",
    )  # fmt: skip

    def __init__(self) -> None:
        self.tolls, self.book, self.wishes = TollLedger(OutboundPolicy()), WorkBook(), Wishes()
        self.numbers, self.tickets, self.standings = NumberBook(), TicketBook(), Standings()
        self.messages, self.greetings = MessageBook(), Greetings()
        self.incidents, self.plays, self.decisions = IncidentBook(), PlaybookRuns(), Decisions()

    def begin(self, journal: Path, last_seq: int) -> None:
        """Begin with what the journal has up to there."""
        for fact in placed_since(journal, time.time() - LEDGER_LOOK_BACK_S, last_seq):
            self.tolls.note(fact)
        for fact in open_work(journal, last_seq):
            self.book.note(fact)
        for fact in open_tickets(journal, last_seq):
            self.tickets.note(fact)
        for fact in path_standings(journal, last_seq):
            self.standings.note(fact)
        for fact in path_wishes(journal, last_seq):
            note_wish(self.wishes, fact)
        for fact in number_facts(journal, last_seq):
            self.numbers.note(fact)
        for fact in incident_facts_of(journal, last_seq):
            self.incidents.note(fact)
        for fact in open_plays_of(journal, last_seq):
            self.plays.note(fact)
        for fact in message_facts_of(journal, last_seq):
            self.messages.note(fact)
            self.greetings.note(fact)
        for fact in person_facts(journal, last_seq):
            self.decisions.note(fact)

    def note(self, fact: Fact) -> None:
        """Take notice of a fact that came after it."""
        self.tolls.note(fact)
        self.book.note(fact)
        self.numbers.note(fact)
        self.incidents.note(fact)
        self.plays.note(fact)
        self.messages.note(fact)
        self.greetings.note(fact)
        self.decisions.note(fact)
        self.tickets.note(fact)
        self.standings.note(fact)
        note_wish(self.wishes, fact)

    def tell(self, exchange: "Exchange", now_s: float, clock: Callable[[float], str]) -> None:
        """Have a process that takes over begin with what is known of carriers and promises; `clock` writes a time."""
        carriers = exchange.switchboard.carriers
        carriers.know(self.wishes, clock)
        carriers.inherit(now_s, self.standings)
        exchange.tickets.book = self.tickets
        exchange.greetings = self.greetings
        room = (self.incidents, self.plays, self.standings, now_s)
        exchange.attach(IncidentsTold(exchange, *room, messages=self.messages))
        exchange.deciding.book = self.decisions


def know_paths(choosing: "UsePaths", ledgers: Ledgers, feed: Callable[[PathTold], None]) -> None:
    """Have the paths of back offices begin with what is known of them, and what becomes of them put on record."""
    choosing.wishes = ledgers.wishes
    choosing.inherit(ledgers.standings)
    choosing.tell = lambda stood: feed(PathTold(stood))
