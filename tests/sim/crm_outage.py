"""The four-hour CRM outage in virtual time: the retailer, with the outage and without it, same seed.

`python -m tests.sim.crm_outage` prints what became of the calls, flow by flow, and exits 1 where a promise is broken:
no caller hears that we cannot look up what the copy has; every change that a caller was told of is in the CRM exactly
once when it is over; and as many calls reach what they are for as without the outage, within 2 %.

It takes four hours of outage, since ages of copies, pauses and keys are a matter of hours, and 5 calls a second: all of
the 20 are `--rate 20`, which takes four times as long.
"""

import argparse
import json
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from structlog.testing import capture_logs

from keepline.call.effects import OpenMedia
from keepline.call.exchange import Exchange
from keepline.call.facts import CallEnded, CallReceived, Fact, StepEnded, UseKept, UseResolved, UseRouted, WorkOpened
from keepline.call.turn import Identity, Program
from keepline.call.unfinished.book import CONFLICT, USE
from keepline.config import import_flow, load_operation
from keepline.flow.capabilities import Promised, Reply, Unavailable, read_outcome
from keepline.model.operation import BEEP_TONE, HostPort
from keepline.sim.caller import Plan, SimCaller
from keepline.sim.media import Started
from keepline.sim.network import CALM, Network
from keepline.sim.node import SimNode
from keepline.sim.wire import ObjectWire
from keepline.sim.world import BEGAN_S, World
from keepline.sip.transaction import Timers
from tests.sim.crm_office import Crm

RETAILER = Path(__file__).parents[2] / "examples" / "retailer"
NODE = ("203.0.113.5", 5060)
NUMBER = "+18005550100"
SLOTS = 2_000
AROUND_S = 300.0
"""Of traffic before the outage, and after it."""
REST_S = 300.0
"""Without new calls, in the end; and for as long as something is kept, within a limit."""
EMPTY_S_MAX = 14_400.0
SLICE_S = 60.0
RATE = 5.0
ADDRESSES = 10_000
"""Callers have so many, and take them again: nobody is on the phone for as long as it takes all of them to call."""
WITHIN = 0.02
CARD, EXPIRY, CVV = "4242424242424242", "1235", "123"
SHARES = {"order": 50, "book": 15, "cancel": 5, "lead": 20, "pay": 10}
"""What callers want, in percent."""
REACHED = {
    "order": {"order_status"}, "book": {"booked", "wish", "promised"}, "cancel": {"cancelled", "cancel_noted"},
    "lead": {"lead"}, "pay": {"paid", "pay_later"},
}  # fmt: skip
"""With what outcome a caller has what the call was for, or a promise that is kept.

`promised`: the CRM fell silent when it was asked for a window, and somebody calls back to say who has it.
"""
WRITES = {
    "booked": "appointments.book", "wish": "appointments.wish", "cancelled": "appointments.cancel",
    "cancel_noted": "appointments.cancel", "lead": "leads.add", "paid": "payments.charge",
    "pay_later": "messages.leave", "promised": "messages.leave",
}  # fmt: skip
"""Outcome -> the change that it tells of."""
READS = ("orders.find", "billing.invoice")
"""What the copy can answer."""


@dataclass
class Ran:
    """What one world came to."""

    came: int = 0
    """Callers."""
    calls: int = 0
    """Those that have ended."""
    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in SHARES})
    from_copy: Counter[str] = field(default_factory=Counter)
    """Calls with an answer from a copy, by what they were for."""
    promised: Counter[str] = field(default_factory=Counter)
    """Calls with a promise."""
    hedged: int = 0
    """Questions asked of the copy as well, since the CRM was silent."""
    reads_lost: int = 0
    """Answers that a copy has, and a caller did not hear."""
    kept: int = 0
    made: int = 0
    conflicts: int = 0
    """Promised, and left to people since the CRM would not."""
    doubts: int = 0
    """Never promised: whether it was done is asked, and left to people where that is in vain."""
    found_out: int = 0
    """Of these; nobody else need look."""
    left: int = 0
    """Still kept in the end."""
    empty_after_s: float = 0.0
    """From the end of the outage until nothing was kept any more."""
    wrong: list[str] = field(default_factory=list)

    def reached(self, kind: str) -> float:
        """The share of calls that came to what they were for."""
        found = self.outcomes[kind]
        return sum(found[each] for each in REACHED[kind]) / max(1, found.total())


@dataclass(slots=True)
class _Call:
    kind: str
    outcome: str = ""
    has_copy: bool = False
    has_promise: bool = False


class Record(list[Fact]):
    """Takes the journal's place: what calls came to is counted as they end, and nothing is kept."""

    def __init__(self, ran: Ran) -> None:
        super().__init__()
        self._ran = ran
        self._live: dict[str, _Call] = {}
        self._kept: set[str] = set()
        """What waits in the outbox."""
        self.made_at_s = 0.0
        self.told: list[tuple[str, str]] = []
        """Changes that callers were told of, each with its call."""

    def __iadd__(self, facts: Any) -> "Record":  # type: ignore[override,misc]
        for fact in facts:
            self._note(fact)
        return self

    def _note(self, fact: Fact) -> None:
        ran = self._ran
        if isinstance(fact, CallReceived):
            self._live[fact.call] = _Call(kind_of(fact.from_number))
        elif isinstance(fact, StepEnded):
            self._note_step(fact, self._live[fact.call])
        elif isinstance(fact, UseKept):
            ran.kept += 1
            self._kept.add(fact.item)
        elif isinstance(fact, UseRouted):
            ran.hedged += bool(fact.hedged)
        elif isinstance(fact, UseResolved):
            if fact.item in self._kept:
                self._kept.remove(fact.item)
                ran.made += 1
                self.made_at_s = fact.at_s
            else:
                ran.found_out += 1
        elif isinstance(fact, WorkOpened):
            ran.conflicts += fact.about == CONFLICT
            ran.doubts += fact.about == USE
        elif isinstance(fact, CallEnded) and (call := self._live.pop(fact.call, None)) is not None:
            ran.calls += 1
            ran.outcomes[call.kind][call.outcome] += 1
            ran.from_copy[call.kind] += call.has_copy
            ran.promised[call.kind] += call.has_promise
            if call.outcome in WRITES:
                self.told.append((WRITES[call.outcome], fact.call))

    def _note_step(self, fact: StepEnded, call: _Call) -> None:
        if fact.verb == "outcome":
            call.outcome = json.loads(fact.value)["outcome"]
        elif fact.verb == "use" and fact.value:
            outcome = read_outcome(fact.value)
            call.has_copy |= isinstance(outcome, Reply) and outcome.age_s > 0
            call.has_promise |= isinstance(outcome, Promised)
            self._ran.reads_lost += isinstance(outcome, Unavailable) and fact.reason in READS


class Sink(list[Any]):
    """A log that nobody reads."""

    def append(self, _each: Any) -> None:
        """Nothing."""


def kind_of(from_number: str) -> str:
    """What a caller wants: it is in the number, so that both worlds have the same callers."""
    return list(SHARES)[int(from_number[4])]


class Callers:
    """They come one after the other, listen, and press keys."""

    def __init__(self, world: World, network: Network, node: SimNode, program: Program, rate: float, seed: int) -> None:
        self._world, self._network, self._node, self.rate = world, network, node, rate
        self._random = Random(seed)
        self._names = {prompt.key: name for name, prompt in program.operation.prompts.items()}
        self._rtp: dict[str, tuple[str, int]] = {}
        self._calls: dict[tuple[str, int], str] = {}
        """The last call of each address."""
        self._whose: dict[tuple[str, int], tuple[str, int]] = {}
        """What the caller at an address wants, and how many wanted it before: an appointment is cancelled once."""
        self.count = 0
        self._counts: Counter[str] = Counter()
        self.until_s = 0.0
        node.media.log.opened = _Told(self._opened)
        node.media.log.started = _Told(self._heard)

    def come(self) -> None:
        """The next one calls now."""
        if self._world.now_s >= self.until_s:
            return
        kind = self._random.choices(range(len(SHARES)), list(SHARES.values()))[0]
        index, self.count = self.count, self.count + 1
        plan = Plan(NUMBER, from_number=f"+155{kind}{index:07}")
        caller = SimCaller(self._world, self._network, self._node.media, NODE, index % ADDRESSES, plan)
        caller.name = f"caller{index}"
        caller.call_id = f"{caller.name}@192.0.2.1"
        name = list(SHARES)[kind]
        self._whose[caller.rtp] = (name, self._counts[name])
        self._counts[name] += 1
        caller.call()
        self._world.after(self._random.expovariate(self.rate), self.come)

    def _opened(self, opened: OpenMedia) -> None:
        rtp = opened.remote_host, opened.remote_port
        self._rtp.pop(self._calls.get(rtp, ""), None)
        self._calls[rtp], self._rtp[opened.call] = opened.call, rtp

    def _heard(self, started: Started) -> None:
        rtp = self._rtp.get(started.call)
        whose = self._whose.get(rtp) if rtp is not None else None
        if rtp is None or whose is None:
            return
        if started.prompt == BEEP_TONE:
            self._node.media.speak(rtp, 3.0)
            self._press(rtp, "#", 3.5)
            return
        words = self._names.get(started.prompt_key) or started.prompt.text
        for heard, keys in answers_of(*whose):
            if words == heard or (heard in words and " " in heard):
                self._press(rtp, keys, 1.0)

    def _press(self, rtp: tuple[str, int], keys: str, after_s: float) -> None:
        for place, key in enumerate(keys):
            self._world.after(after_s + 0.2 * place, self._node.media.press, rtp, key)


class _Told(list[Any]):
    """Tells of each thing that is added, and keeps none."""

    def __init__(self, tell: Any) -> None:
        super().__init__()
        self.append = tell  # type: ignore[method-assign]


def answers_of(kind: str, index: int) -> tuple[tuple[str, str], ...]:
    """What such a caller presses, by what it hears: the name of a prompt, or words of it."""
    number = f"{index % 100_000:05}"
    match kind:
        case "order":
            return ("menu", "1"), ("ask_order", f"1{number}")
        case "book":
            return ("menu", "2"), ("ask_order", f"2{number}"), ("We can deliver", "1"), ("ask_wish", "1")
        case "cancel":
            arrives = ("Your order arrives on", "2")
            return ("menu", "2"), ("ask_order", f"3{number}"), arrives, ("To move your delivery", "2")
        case "lead":
            return ("menu", "4"), ("ask_interest", "1"), ("ask_budget", "2"), ("ask_timeframe", "1")
    return (
        ("menu", "3"), ("ask_invoice", f"200{number}"), ("are due. Press 1", "1"), ("ask_card", CARD),
        ("ask_expiry", EXPIRY), ("ask_cvv", CVV), ("with this card, press 1", "1"),
    )  # fmt: skip


@cache
def retailer() -> Program:
    """Its operation, ready to run."""
    operation = load_operation(RETAILER)
    return Program(operation, {name: import_flow(operation, each) for name, each in operation.flows.items()})  # type: ignore[misc]


def node_of(program: Program, world: World) -> tuple[Network, SimNode]:
    """A node that runs it, and its network; of its log nothing is kept."""

    def make(ids: bytes) -> Exchange:
        identity = Identity(HostPort(*NODE), NODE[0], "Keepline/test", Timers())
        exchange = Exchange(identity, ids, [20_000 + 2 * index for index in range(SLOTS)])
        exchange.add_program(program, current=True)
        return exchange

    network = Network(world, CALM, ObjectWire())
    node = SimNode(world, network, NODE, make, SLOTS)
    node.log.sent, node.log.reports, node.media.log.recorded = Sink(), Sink(), Sink()
    return network, node


def run(outage_s: float, rate: float, seed: int, *, has_outage: bool, around_s: float = AROUND_S) -> Ran:
    """One world, in which callers come for the outage and `around_s` before and after it."""
    program, world, ran = retailer(), World(seed), Ran()
    network, node = node_of(program, world)
    away_s = (BEGAN_S + around_s, BEGAN_S + around_s + outage_s) if has_outage else None
    crm = node.office = Crm(world, program, away_s)
    record = node.written = Record(ran)
    callers = Callers(world, network, node, program, rate, seed)
    callers.until_s = BEGAN_S + outage_s + 2 * around_s
    with capture_logs():
        node.start()
        world.after(0.01, callers.come)
        assert node.exchange is not None
        book = node.exchange.unfinished.book
        while world.now_s < callers.until_s + REST_S or (
            book.counts()["kept"] and world.now_s < callers.until_s + EMPTY_S_MAX
        ):
            world.run(world.now_s + SLICE_S)
            world.forget_events()
            for log in (node.media.log.keyed, node.media.log.keyed_in_private, node.media.log.files):
                log.clear()
    ran.came = callers.count
    ran.left = book.counts()["kept"]
    ran.empty_after_s = max(0.0, record.made_at_s - away_s[1]) if away_s else 0.0
    ran.wrong = list(_wrongs(ran, crm, record))
    return ran


def _wrongs(ran: Ran, crm: Crm, record: Record) -> list[str]:
    found = [f"{name} was done {count} times for {call}" for (name, call), count in crm.effects.items() if count > 1]
    found += [f"{name} was told to {call}, and not done" for name, call in record.told if not crm.effects[name, call]]
    if ran.reads_lost:
        found.append(f"{ran.reads_lost} questions that the copy can answer were not answered")
    if ran.calls != ran.came:
        found.append(f"{ran.came} callers came, and {ran.calls} calls ended")
    if ran.left:
        found.append(f"{ran.left} changes are still kept")
    if ran.conflicts:
        found.append(f"{ran.conflicts} promised changes were refused")
    return found[:20]


def compared(calm: Ran, hurt: Ran) -> list[str]:
    """All that is wrong with the two of them."""
    found = [f"without the outage: {each}" for each in calm.wrong] + [f"with it: {each}" for each in hurt.wrong]
    for kind in SHARES:
        apart = abs(calm.reached(kind) - hurt.reached(kind))
        if apart > WITHIN:
            found.append(f"{kind}: {calm.reached(kind):.1%} without the outage, {hurt.reached(kind):.1%} with it")
    if not hurt.kept or not sum(hurt.from_copy.values()):
        found.append("nothing was kept, or nothing came from a copy: there was no outage")
    return found


def table(calm: Ran, hurt: Ran) -> list[str]:
    """For a person."""
    lines = [f"{'':8}{'calls':>9}{'reached':>12}{'reached':>12}{'from a copy':>14}{'promised':>11}"]
    lines.append(f"{'':8}{'':>9}{'without':>12}{'with':>12}{'with':>14}{'with':>11}")
    for kind in SHARES:
        count = hurt.outcomes[kind].total()
        shares = f"{calm.reached(kind):12.2%}{hurt.reached(kind):12.2%}"
        lines.append(
            f"{kind:8}{count:9}{shares}{hurt.from_copy[kind] / max(1, count):14.2%}"
            f"{hurt.promised[kind] / max(1, count):11.2%}"
        )
    lines.append(
        f"\n{hurt.calls} calls with the outage, {calm.calls} without; questions unanswered: {hurt.reads_lost}, "
        f"asked of the copy beside a silent CRM: {hurt.hedged}"
    )
    lines.append(
        f"{hurt.kept} changes were kept, {hurt.made} of them made, all within {hurt.empty_after_s:.0f} s of the CRM "
        f"being back; {hurt.left} are left; conflicts: {hurt.conflicts}, doubts: {hurt.doubts}, "
        f"of them found out: {hurt.found_out}"
    )
    return lines


def main() -> int:
    """Print what became of the calls; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--hours", type=float, default=4.0, help="of the outage")
    parser.add_argument("--rate", type=float, default=RATE, help=f"calls a second, by default {RATE:g}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    told = parser.parse_args()
    with ProcessPoolExecutor(2) as pool:
        worlds = [pool.submit(run, told.hours * 3600, told.rate, told.seed, has_outage=each) for each in (False, True)]
        calm, hurt = (each.result() for each in worlds)
    wrong = compared(calm, hurt)
    if told.json:
        print(json.dumps({"without": vars(calm), "with": vars(hurt), "wrong": wrong}))
    else:
        print(f"The CRM is silent for {told.hours:g} h, at {told.rate:g} calls a second; in virtual time.\n")
        print("\n".join([*table(calm, hurt), *(wrong or ["nothing is wrong"])]))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
