"""The crash matrix of the retailer: three stories, five gateways, deaths at every boundary that the engine enumerates.

Once, or three times in a row: each successor dies at the same boundary again. After each: what was to be done is done
exactly once; what the caller heard is true; the facts make a call; every boundary had a crash point. `make matrix`
prints the table.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from keepline.call.effects import CallCapability, CapabilityAnswered
from keepline.call.facts import CallReceived, Fact, UseKept, UsePending, UseResolved, WorkFact, WorkOpened
from keepline.call.turn import Program
from keepline.config import import_flow, load_operation
from keepline.flow.capabilities import Refused, Reply, UseOutcome, read_value, unanswered
from keepline.node import journal
from keepline.node.journal_proof import verify_data
from keepline.sim.checks import wrongs
from keepline.sim.office import SimOffice
from keepline.sim.world import World
from keepline.testing import FlowTester, PhoneCall
from tests.sim.deaths import Deaths
from tests.sim.matrix_table import NOTHING, PAGE, Sums, Table

RETAILER = Path(__file__).parents[2] / "examples" / "retailer"
NUMBER, PHONE = "+18005550100", "+12125550101"
GATEWAYS = ("answers", "loses the answer", "answers late", "answers twice", "is silent")
OUTAGES_S = (0.02, 1.3, 6.0)
"""From the death to the successor's first turn."""
SILENT_S = 60.0
DEATHS = (1, 3)
"""In a row, at the same boundary."""
ONCE, DOUBT = "once", "in doubt, then once"
RESOLVED_WITHIN_S = 900.0
SLOT = {"id": "S1", "day": "2026-03-03", "start": "09:00", "end": "11:00"}
BOOKED = {"id": "A1", "slot": "S1", "day": "2026-03-03", "start": "09:00", "end": "11:00", "confirmation": "123456"}
ORDER = {
    "number": "100004", "status": "placed", "item": "a table", "carrier": "Swift", "expected_on": "2026-03-05",
    "delivered_on": None, "can_book": True, "appointment": None,
}  # fmt: skip


@dataclass(frozen=True)
class Story:
    """What a caller does, the change that matters, and what each ending says."""

    change: str
    keys: tuple[tuple[str, str], ...]
    """What is heard, and what is pressed then."""
    done: str
    """Heard where the change is made."""
    pending: str
    """Heard where nobody knows yet."""


STORIES = {
    "payment": Story(
        "payments.charge",
        (
            ("menu", "3"), ("ask_invoice", "20000001"), ("are due", "1"), ("ask_card", "4242424242424242"),
            ("ask_expiry", "1235"), ("ask_cvv", "123"), ("with this card, press 1", "1"),
        ),
        "Your receipt",
        "payment_pending",
    ),
    "appointment": Story(
        "appointments.book",
        (("menu", "2"), ("ask_order", "100004"), ("We can deliver", "1")),
        "Your delivery is booked",
        "promise",
    ),
    "lead": Story(
        "leads.add",
        (("menu", "4"), ("ask_interest", "1"), ("ask_budget", "2"), ("ask_timeframe", "1")),
        "lead_thanks",
        "lead_noted",
    ),
}  # fmt: skip


class Gateway(SimOffice):
    """The retailer's back office in memory, which behaves as the matrix says when it is asked for the change."""

    def __init__(self, world: World, change: str, how: str) -> None:
        super().__init__(world)
        self._change, self._how = change, how
        self._first_at_s = 0.0
        self._lost: set[str] = set()
        """Keys whose answer was lost once."""
        self._made: set[tuple[str, str]] = set()
        """Changes, by their names and keys."""

    def ask(self, wanted: CallCapability, answer: Callable[[CapabilityAnswered], None]) -> None:
        """What concerns the change is spoilt, the rest is answered at once."""
        is_change = f"{wanted.capability}.{wanted.action}".startswith(self._change)
        self.answers_twice = is_change and self._how == "answers twice"
        self.answers_after_s = 0.4
        if is_change and self._how == "answers late":
            self.answers_after_s = 0.9 * (wanted.deadline_s - self._world.now_s)
        self._first_at_s = self._first_at_s or (self._world.now_s if is_change else 0.0)
        super().ask(wanted, answer)

    def _do(self, wanted: CallCapability, answer: Callable[[CapabilityAnswered], None]) -> None:
        name = f"{wanted.capability}.{wanted.action}"
        is_silent = self._how == "is silent" and self._world.now_s < self._first_at_s + SILENT_S
        loses = self._how == "loses the answer" and wanted.idempotency_key not in self._lost
        if name.startswith(self._change) and (is_silent or loses):
            self._lost.add(wanted.idempotency_key)
            self._outcome(wanted)
            lost = unanswered("the answer was lost", changes=wanted.changes)
            given = CapabilityAnswered(wanted.call, wanted.step, lost, wanted.attempt)
            self._world.at(wanted.deadline_s, lambda: answer(given))
        else:
            super()._do(wanted, answer)

    def _outcome(self, wanted: CallCapability) -> UseOutcome:
        name, key = f"{wanted.capability}.{wanted.action}", wanted.idempotency_key
        if wanted.changes:
            self.done[key] = 1  # however often it is sent under one key
            self._made.add((name, key))
        told: dict[str, UseOutcome] = {
            "billing.invoice": Reply({"number": "20000001", "status": "open", "due_cents": 4200}),
            "payments.charge": Reply({"status": "charged", "receipt": "700001"}),
            "orders.find": Reply(ORDER),
            "appointments.first_free": Reply(SLOT),
            "appointments.book": Reply(BOOKED),
            "leads.add": Reply({"id": "L1", "score": 5}),
            "messages.leave": Reply({"id": "M1"}),
        }
        if name == "payments.charge.resolve":
            is_made = ("payments.charge", key) in self._made
            return Reply({"status": "charged", "receipt": "700001"}) if is_made else Refused(404, "key_unknown")
        read_value(wanted.arguments)
        return told[name]

    def made(self) -> int:
        """How often the change was really made."""
        return sum(name == self._change for name, _ in self._made)


@cache
def retailer() -> Program:
    """Without its search for incidents, which looks every second for long and has nothing to do with a change."""
    operation = replace(load_operation(RETAILER), incidents=None)
    return Program(operation, {name: import_flow(operation, each) for name, each in operation.flows.items()})  # type: ignore[misc]


@dataclass
class Run:
    """One call, with a death or without one, and what is wrong with it."""

    outcome: str
    wrong: list[str]
    crash_points: list[str]
    facts: list[Fact]
    deaths: int


def run(
    story: str,
    how: str,
    dies_at: int | None = None,
    outage_s: float = OUTAGES_S[0],
    plant: Callable[[FlowTester], None] | None = None,
    deaths: int = 1,
) -> Run:
    """One call. `dies_at` is a moment, and so many processes in a row die there; `plant` spoils the engine."""
    told = STORIES[story]
    tester = FlowTester(retailer())
    node = tester._node
    office = node.office = Gateway(tester._world, told.change, how)  # type: ignore[assignment]
    node.watch()
    node.dies_at, node.outage_s = frozenset() if dies_at is None else Deaths(node, dies_at, deaths), outage_s
    if plant is not None:
        plant(tester)
    wrong: list[str] = []
    try:
        call = tester.call(NUMBER, from_=PHONE)
        for prompt, keys in told.keys:
            call.hears(prompt, within_s=120.0)
            call.presses(keys)
        if story == "lead":
            heard_or_over(call, ("leave_message", "promise"))
        call.ends(within_s=300.0)
        tester.waits(RESOLVED_WITHIN_S)
        heard = " | ".join([*call.heard, *(name for each in call._begun() for name in call._names(each))])
    except (AssertionError, StopIteration) as missed:  # it did not go as it should, or no call is on record
        heard = ""
        wrong.append(str(missed) or "no call is on record")
    outcome = verdict(tester, told, heard, office, wrong)  # type: ignore[arg-type]
    return Run(outcome, wrong, node.boundaries.crash_points, node.written, node.log.deaths)


def heard_or_over(call: PhoneCall, prompts: tuple[str, ...]) -> None:
    """Say something where a message is asked for."""
    for _ in range(10_000):
        if call.ended or any(prompt in call._names(each) for each in call._begun() for prompt in prompts):
            break
        call.waits(0.1)
    if not call.ended:
        call.speaks(4.0)
        call.presses("#") if not call.ended else None


def verdict(tester: FlowTester, told: Story, heard: str, office: Gateway, wrong: list[str]) -> str:
    """What came of it in a few words; what is wrong is added."""
    node = tester._node
    facts = node.written
    pending = [fact for fact in facts if isinstance(fact, UsePending | UseKept) and told.change.endswith(fact.action)]
    resolved = {fact.item for fact in facts if isinstance(fact, UseResolved)}
    wrong += wrongs(node, [each._caller for each in tester._calls])
    made = office.made()
    opened = [fact for fact in facts if isinstance(fact, WorkOpened)]
    if made != 1:
        wrong.append(f"the change was made {made} times")
    wrong += [f"the doubt about {fact.item} is not resolved" for fact in pending if fact.item not in resolved]
    wrong += [f"left to people: {fact.item}: {fact.why}" for fact in opened]
    if told.done in heard and pending:
        wrong.append("the caller heard that it is done while that was in doubt")
    if told.done not in heard and not (pending and told.pending in heard):
        wrong.append(f"the caller heard neither that it is done nor that it is in doubt: {heard[-200:]}")
    if sum(isinstance(fact, CallReceived) for fact in facts) != 1:
        wrong.append("there is not one call")
    wrong += [f"{what} was done {n} times without a crash point" for what, n in node.boundaries.uncovered().items()]
    assert all(isinstance(fact, WorkFact) or fact.call for fact in facts)
    return DOUBT if pending else ONCE


def table_of(
    story: str,
    how: str,
    outages_s: tuple[float, ...] = OUTAGES_S,
    plant: Callable[[FlowTester], None] | None = None,
    deaths: int = 1,
) -> Table:
    """Die at each boundary in turn, so often in a row."""
    undisturbed = run(story, how, plant=plant)
    table = Table()
    table.note(NOTHING, undisturbed.outcome, undisturbed.wrong, undisturbed.facts, f"{story}, {how}")
    for moment, boundary in enumerate(undisturbed.crash_points):
        for outage_s in outages_s:
            found = run(story, how, moment, outage_s, plant, deaths)
            what = "death" if deaths == 1 else f"{deaths} deaths"
            table.note(
                boundary,
                found.outcome,
                found.wrong,
                found.facts,
                f"{story}, {how}, {what} at {moment} ({boundary}) for {outage_s} s",
            )
    return table


def journal_wrongs(table: Table) -> list[str]:
    """Write the facts of every run as a node does, run after run, and verify the journal."""
    with TemporaryDirectory() as directory:
        data = Path(directory)
        path = journal.create(data)
        writer = journal.Journal(path, journal.next_epoch(path), lambda _written: None)
        for facts in table.facts:
            writer.submit(facts)
        writer.close()
        return [str(each) for each in verify_data(data, None, ()).wrong]


def main() -> int:
    """Print the whole matrix, or write what it comes to into its page (`--page`); 1 where anything is wrong."""
    failed: list[str] = []
    sums = Sums()
    for story in STORIES:
        for how in GATEWAYS:
            table = Table()
            for deaths in DEATHS:
                table.take(table_of(story, how, deaths=deaths))
            print(f"\n{story}; the gateway {how}: {table.count} runs")
            print("\n".join(table.lines()))
            failed += table.failed + journal_wrongs(table)
            sums.add(story, how, table)
    print("\nAll together")
    print("\n".join(sums.lines()))
    print(f"\n{sums.count} runs, {len(failed)} of them wrong")
    print("\n".join(failed))
    if "--page" in sys.argv[1:]:
        sums.write(PAGE)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
