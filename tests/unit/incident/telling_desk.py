"""An operation with words and contacts, and an exchange whose incidents are told."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from keepline.call.effects import Effect, Input, Persist, Report
from keepline.call.effects_incident import CloseIncident, OpenIncident
from keepline.call.effects_message import MessageAnswered
from keepline.call.exchange import Exchange
from keepline.call.facts.message import MessageSent
from keepline.call.facts.run import RunStarted
from keepline.call.greetings import Greetings
from keepline.call.inputs import TimeCame
from keepline.call.turn import Program
from keepline.config.messages import own_outlets
from keepline.incident.book import IncidentBook
from keepline.incident.message_book import MessageBook
from keepline.incident.whole import IncidentsTold
from keepline.model.capability import Capability, CapabilityPath
from keepline.model.messages import (
    Approval,
    Channel,
    Contact,
    MessageSettings,
    MessageWords,
    StatusComponent,
    StatusPageSettings,
)
from keepline.model.operation import Operation
from keepline.model.outlets import MailServer, WebhookService, send_action
from tests.sim.operation import IDENTITY, operation, program

AT_S = 1_763_900_000.0
"""12:13:20 UTC."""
WORDS = MessageWords(
    "Since {opened} cards fail. Next by {next_update}.", "Still: {minutes} minutes.", "Over.", "Cards", ""
)
SETS = {
    "payments": {
        "callers": {"en": MessageWords("Cards fail since {opened}.", "Cards still fail.", "", "", "Cards fail now.")},
        "agents": {"en": WORDS, "de": MessageWords("Karten gehen nicht.", "Immer noch.", "Vorbei.", "Karten", "")},
        "status_page": {"en": WORDS},
    }
}
SETTINGS = MessageSettings(SETS, 1_800.0, 14_400.0, Approval(600.0, "approved"))
MARA = Contact("mara", ("agents", "supervisors"), "de-at", (Channel("mail", "mara@x.example"), Channel("hook", "h1")))
TOM = Contact("tom", ("agents",), "en", (Channel("mail", "tom@x.example"), Channel("hook", "h2")))
PAGE = StatusPageSettings("Shop", (StatusComponent("Cards", ("payments",)), StatusComponent("Calls", ("telephony",))))
OPEN = OpenIncident("a1", "payments", "the bank is away", 2, ("payments",), ("payments/north",), "ada")


def told_operation(settings: MessageSettings = SETTINGS) -> Operation:
    """The simulated operation with words, contacts, outlets and a page."""
    mail = CapabilityPath("first", MailServer("m", 25, "a@b.example"), {"send": send_action(5.0, idempotent=False)})
    hook = CapabilityPath("own", WebhookService(None), {"send": send_action(5.0, idempotent=True)})  # type: ignore[arg-type]
    outlets = {"mail": Capability("mail", (mail,)), "hook": Capability("hook", (hook,))}
    base = operation()
    return replace(
        base,
        capabilities={**base.capabilities, **outlets, **own_outlets(settings, PAGE)},
        messages=settings,
        contacts={"mara": MARA, "tom": TOM},
        status_page=PAGE,
    )


def told_exchange(seed: bytes, facts: Sequence[object] = (), settings: MessageSettings = SETTINGS) -> Exchange:
    """An exchange that goes on from these facts."""
    exchange = Exchange(IDENTITY, seed, [40_000 + 2 * index for index in range(4)])
    exchange.add_program(Program(told_operation(settings), program().functions), current=True)
    book, greetings = MessageBook(), Greetings()
    for fact in facts:
        book.note(fact)
        greetings.note(fact)
    exchange.greetings = greetings
    exchange.attach(IncidentsTold(exchange, IncidentBook(facts), messages=book))
    return exchange


class TellingDesk:
    """What is asked of it, and what becomes true."""

    def __init__(self, settings: MessageSettings = SETTINGS) -> None:
        self.settings = settings
        self.facts: list[object] = []
        self.reports: list[Report] = []
        self.now_s = AT_S
        self.restart()

    def restart(self) -> None:
        """Another process goes on."""
        self.exchange = told_exchange(b"telling", self.facts, self.settings)

    def give(self, given: Input) -> list[Effect]:
        effects = self.exchange.step(self.now_s, given)
        self.facts += [each.fact for each in effects if isinstance(each, Persist)]
        self.reports += [each for each in effects if isinstance(each, Report)]
        return effects

    def ask(self, given: Input) -> MessageAnswered:
        return next(each for each in self.give(given) if isinstance(each, MessageAnswered))

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.give(TimeCame())

    def open(self, given: OpenIncident = OPEN) -> str:
        self.give(given)
        return f"INC-20251123-{len([f for f in self.facts if type(f).__name__ == 'IncidentOpened'])}"

    def close(self, incident: str) -> None:
        self.give(CloseIncident("z1", incident, "ada", "it is over", True))

    def sent(self) -> list[tuple[str, str]]:
        return [(each.stage, each.audience) for each in self.of(MessageSent)]

    def of(self, kind: type) -> list[Any]:
        return [each for each in self.facts if type(each) is kind]

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """Variables of the runs of a flow, in order, each once."""
        found = {each.call: each for each in self.of(RunStarted) if each.flow == flow}
        return [json.loads(each.variables) for each in found.values()]
