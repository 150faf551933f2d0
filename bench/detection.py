"""How long an incident takes to be opened, fault by fault, and how many are opened where nothing is wrong.

In virtual time: the retailer's flows, the core, the health of paths and the detectors are the node's own code; callers,
back office and carriers are simulated. The faults that no simulation shows (a process that dies, a full disk, lines
without audio) are measured by the drills, on real sockets.
"""

import math
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from structlog.testing import capture_logs

from keepline.call.effects import CallCapability
from keepline.call.effects_path import PathTold
from keepline.call.facts import CallEnded, Fact
from keepline.call.facts.incident import IncidentOpened
from keepline.call.facts.path import PathStood
from keepline.flow.capabilities import Unavailable, unanswered
from keepline.model.capability import CapabilityPath, Snapshot
from keepline.sim.network import Network
from keepline.sim.node import SimNode
from keepline.sim.world import BEGAN_S, World
from keepline.sip import peers
from keepline.sip.message import Request, make_response
from tests.sim.crm_office import Crm
from tests.sim.crm_outage import Callers, node_of, retailer
from tests.sim.path_office import Outcome

RATE = 1.5
"""Calls a second while a fault is looked for; the drills have as many."""
SEEDS = 10
WARM_S, SURGE_AFTER_S = 300.0, 1_200.0
"""How long all is well before the fault; a surge is one beside the half hour before it."""
LOOK_S = 300.0
"""A fault that nobody has noticed after so long was missed."""
SURGE = 5.0
FAULTS = {
    "orders and all else of the CRM silent": ("silent", ("orders/office", "appointments/office", "billing/office")),
    "orders refused with 503": ("503", ("orders/office",)),
    "a payment gateway silent": ("silent", ("payments/north",)),
    "leads silent": ("silent", ("leads/office",)),
    "a carrier silent that brings no calls": ("carrier", ("carrier",)),
    f"{SURGE:g} times as many callers": ("surge", ()),
}
"""What fails, how, and which paths."""
WEEKS = 2
BUSY_PER_S, NIGHT_PER_S = 0.12, 0.005
"""Calls a second at noon and at three in the morning of a quiet day: some 5,000 a day."""
SPOILT = 0.002
"""Of what is asked, so much is never answered, in quiet weeks as well."""
SPREAD = 0.8
"""Of the time an answer takes: the standard deviation of its logarithm; one of a hundred takes six times as long."""
SLICE_S = 60.0
HOUR_S, DAY_S, WEEK_S = 3_600.0, 86_400.0, 604_800.0


@dataclass(slots=True)
class Watched:
    """What one world came to."""

    calls: int = 0
    opened: list[tuple[float, str, str]] = field(default_factory=list)
    """Each incident: seconds from the fault, its cause, the evidence."""


class Office(Crm):
    """Answers take their time, as they do, and some never come; from a time on some of its paths fail."""

    fault, paths, fails_at_s = "", (), math.inf

    def path_answers(self, wanted: CallCapability, path: CapabilityPath, left_s: float) -> tuple[float, Outcome]:
        """As it is in the morning, or broken."""
        world = self._world
        after_s, outcome = super().path_answers(wanted, path, left_s)
        if isinstance(path.connector, Snapshot):
            return after_s, outcome
        if world.now_s >= self.fails_at_s and f"{wanted.capability}/{path.name}" in self.paths:
            if self.fault == "503":
                return after_s, lambda: Unavailable("answered 503")
            return left_s, lambda: unanswered("no answer in time", changes=wanted.changes)
        if world.random.random() < SPOILT:
            return left_s, lambda: unanswered("no answer in time", changes=wanted.changes)
        return min(left_s, after_s * math.exp(world.random.gauss(0.0, SPREAD))), outcome


def join_carriers(world: World, network: Network, silent: tuple[str, ...], silent_at_s: float) -> None:
    """Those of the operation, which answer OPTIONS as long as they answer anything."""

    def join(name: str, address: tuple[str, int]) -> None:
        def receive(data: bytes, source: peers.Address) -> None:
            message = network.wire.read(data)
            if not isinstance(message, Request) or (name in silent and world.now_s >= silent_at_s):
                return
            if message.method == "OPTIONS":
                answer = make_response(message, 200, to_tag=name)
                network.say(answer, address, source)

        network.join(address, receive)

    for trunk in retailer().operation.trunks:
        if trunk.outbound is not None:
            join(trunk.name, (trunk.outbound.proxy_host, trunk.outbound.proxy_port))


class Record(list[Fact]):
    """Takes the journal's place: incidents are noted, calls counted, and nothing is kept."""

    def __init__(self, watched: Watched, fault_s: float) -> None:
        super().__init__()
        self._watched, self._fault_s = watched, fault_s

    def __iadd__(self, facts: Any) -> "Record":  # type: ignore[override,misc]
        for fact in facts:
            self._watched.calls += isinstance(fact, CallEnded)
            if isinstance(fact, IncidentOpened):
                self._watched.opened.append((fact.at_s - self._fault_s, fact.cause, fact.evidence))
        return self


def watch(seed: int, fault: str, *, weeks: float = 0.0) -> Watched:
    """One world: with a fault after a while, or quiet for so many weeks."""
    program, world, watched = retailer(), World(seed), Watched()
    kind, paths = FAULTS.get(fault, ("", ()))
    fault_s = BEGAN_S + (SURGE_AFTER_S if kind == "surge" else WARM_S) + seed % 10 if kind else BEGAN_S
    network, node = node_of(program, world)
    office = node.office = Office(world, program, None)
    join_carriers(world, network, paths if kind == "carrier" else (), fault_s)
    if kind in ("silent", "503"):
        office.fault, office.paths, office.fails_at_s = kind, paths, fault_s
    office.choosing.tell = lambda stood: _tell(node, stood)
    node.written = Record(watched, fault_s)
    callers = Callers(world, network, node, program, RATE, seed)
    callers.until_s = fault_s + LOOK_S if kind else BEGAN_S + weeks * WEEK_S
    with capture_logs():
        node.start()
        world.after(0.01, callers.come)
        while world.now_s < callers.until_s:
            callers.rate = _rate(kind, world.now_s - fault_s)
            world.run(min(world.now_s + SLICE_S, fault_s if world.now_s < fault_s else callers.until_s))
            world.forget_events()
    return watched


def _rate(kind: str, since_s: float) -> float:
    """Calls a second, so long after the fault, or since the quiet weeks have begun."""
    if kind:
        return RATE * (SURGE if kind == "surge" and since_s >= 0 else 1.0)
    hour = since_s % DAY_S / HOUR_S
    daylight = math.sin((hour - 6.0) / 15.0 * math.pi) if 6.0 <= hour < 21.0 else 0.0
    return NIGHT_PER_S + (BUSY_PER_S - NIGHT_PER_S) * daylight


def _tell(node: SimNode, stood: PathStood) -> None:
    """The shell's news of a path, to whoever is at work."""
    process = node.active
    if process is not None:
        process.guard(lambda: process.feed(PathTold(stood)))


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds to the incident by fault, and the false alarms of `WEEKS` quiet weeks."""
    with ProcessPoolExecutor(2) as pool:
        quiet = [pool.submit(watch, seed, "", weeks=1.0) for seed in range(WEEKS)]
        worlds = {name: [pool.submit(watch, seed, name) for seed in range(SEEDS)] for name in FAULTS}
        faults = {name: [each.result() for each in those] for name, those in worlds.items()}
        weeks = [each.result() for each in quiet]
    found: dict[str, Any] = {"faults": {}, "seeds": SEEDS, "rate": RATE}
    for name, those in faults.items():
        took = [min((at_s for at_s, _, _ in each.opened if at_s >= 0), default=math.inf) for each in those]
        noticed = [each for each in took if each < math.inf]
        early = sum(at_s < 0 for each in those for at_s, _, _ in each.opened)
        found["faults"][name] = it = {
            "median_s": round(median(noticed), 1) if noticed else None, "worst_s": round(max(noticed, default=0.0), 1),
            "missed": len(took) - len(noticed), "before": early,
        }  # fmt: skip
        say(f"  {name}: {fault_words(it)}")
    alarms = [f"week {week + 1}: {cause}: {why}" for week, each in enumerate(weeks) for _, cause, why in each.opened]
    found["quiet"] = {"weeks": WEEKS, "calls": sum(each.calls for each in weeks), "alarms": alarms}
    say(f"  {quiet_words(found['quiet'])}")
    for alarm in alarms:
        say(f"    {alarm}")
    return found


def fault_words(it: dict[str, Any]) -> str:
    """One fault, for a person."""
    said = f"median {it['median_s']} s, worst {it['worst_s']} s"
    return said + (f", MISSED {it['missed']} times" if it["missed"] else "")


def quiet_words(it: dict[str, Any]) -> str:
    """The quiet weeks."""
    return f"{it['weeks']} quiet weeks, {it['calls']:,} calls: {len(it['alarms'])} false alarms"


def rows(it: dict[str, Any]) -> list[tuple[str, str]]:
    """The results as lines of a table."""
    found = [(f"an incident is opened: {name}", fault_words(each)) for name, each in it["faults"].items()]
    return [*found, ("false alarms", quiet_words(it["quiet"]))]
