"""An exchange with incidents: two carriers, an order system and its copy, a gateway; and what is said of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from keepline.call.effects import CallCapability, CapabilityAnswered, Effect, Persist
from keepline.call.effects_incident import IncidentAnswered, IncidentInput
from keepline.call.effects_path import PathTold
from keepline.call.exchange import Exchange
from keepline.call.facts import CallEnded, CallReceived, Fact, IncidentFact
from keepline.call.facts.path import PATHS, PathStood
from keepline.call.inputs import Input, TimeCame
from keepline.call.turn import Program, Turn
from keepline.flow.capabilities import Reply, UseOutcome
from keepline.incident.book import IncidentBook
from keepline.incident.room import Incidents
from keepline.incident.state import Incident
from keepline.model.capability import Capability, CapabilityAction, CapabilityPath, HttpService
from keepline.model.dependency import Dependency, Need
from keepline.model.incident import GateSettings, IncidentSettings, PathTest
from keepline.model.operation import Operation, OutboundCarrier, Trunk, TrunkOutbound
from keepline.model.preflight import Preflight
from keepline.node.test_calls import with_test_calls
from tests.sim.operation import IDENTITY, program

BEGAN_S = 1_763_900_000.0
LOOKS_S = 1.0
STATUS = {"status": CapabilityAction(timeout_s=2.0, method="GET", path="/{order}")}
GATE = GateSettings(10.0, 5.0, (0.05, 0.25, 0.5, 1.0), {"orders/crm": PathTest("status", {"order": "1000"})})
SETTINGS = IncidentSettings(close_after_s=30.0, gate=GATE)
UPSTREAM = {
    "telephony/north": Dependency("telephony/north", "", (Need(("metronet",), 1),)),
    "orders/crm": Dependency("orders/crm", "", (Need(("metronet",), 1),)),
    "metronet": Dependency("metronet", "isp"),
}
"""The first carrier and the order system come by one line."""


def operation_with(
    settings: IncidentSettings | None = SETTINGS, dependencies: Mapping[str, Dependency] | None = None
) -> Operation:
    """The operation of the simulation with these carriers and capabilities."""
    usual = program().operation
    trunks = (
        Trunk("north", ("192.0.2.50/32",), outbound=TrunkOutbound("192.0.2.50", 5060)),
        Trunk("south", ("192.0.2.51/32",), outbound=TrunkOutbound("192.0.2.51", 5060)),
    )
    paths = {"orders": ("crm", "copy"), "payments": ("gateway",)}
    capabilities = {
        name: Capability(
            name, tuple(CapabilityPath(each, HttpService(f"http://{each}.invalid", {}), STATUS) for each in those)
        )
        for name, those in paths.items()
    }
    carriers = (OutboundCarrier("north", 1), OutboundCarrier("south", 2))
    return replace(
        usual,
        trunks=trunks,
        capabilities=capabilities,
        outbound=replace(usual.outbound, carriers=carriers, probe_every_s=0.0),
        dependencies=dependencies or {},
        incidents=settings,
    )


class IncidentsRig:
    """One process, with what one before it has left on record."""

    def __init__(
        self,
        settings: IncidentSettings | None = SETTINGS,
        facts: Sequence[Fact] = (),
        dependencies: Mapping[str, Dependency] | None = None,
        now_s: float = BEGAN_S,
        test_numbers: Mapping[str, str] | None = None,
    ) -> None:
        """`test_numbers`: of carriers, between which test calls can be made."""
        self.now_s = now_s
        self.exchange = Exchange(IDENTITY, b"incidents", [40_000, 40_002])
        operation = operation_with(settings, dependencies)
        if test_numbers:
            policy = replace(operation.outbound, allow=(*operation.outbound.allow, *test_numbers.values()))
            operation = replace(operation, preflight=Preflight(numbers=test_numbers), outbound=policy)
        self.program = with_test_calls(Program(operation, program().functions))
        self.exchange.add_program(self.program, current=True)
        self.facts: list[Fact] = list(facts)
        standings = {each.path: each for each in facts if isinstance(each, PathStood)}
        self.incidents = Incidents(self.exchange, IncidentBook(facts), standings=standings.values(), now_s=now_s)
        self.exchange.attach(self.incidents)
        self.asked: list[CallCapability] = []
        self.answers: UseOutcome | None = Reply({})
        """Of tests, at once; None for never."""
        self._calls = 0

    def successor(self) -> "IncidentsRig":
        """The process that takes over from this one, by its facts."""
        assert self.program.operation.incidents is not None
        following = IncidentsRig(
            self.program.operation.incidents, self.facts, self.program.operation.dependencies, self.now_s
        )
        following.answers = self.answers
        return following

    @property
    def all(self) -> list[Incident]:
        return list(self.incidents.book.incidents.values())

    @property
    def one(self) -> Incident:
        """The only incident that there was."""
        (found,) = self.all
        return found

    def kinds(self) -> list[str]:
        """Of all facts of incidents and the mode, in order."""
        return [each.kind.removesuffix(".1") for each in self.facts if isinstance(each, IncidentFact)]

    def feed(self, given: Input) -> list[Effect]:
        return self._take(self.exchange.step(self.now_s, given))

    def ask(self, given: IncidentInput) -> IncidentAnswered:
        return next(each for each in self.feed(given) if isinstance(each, IncidentAnswered))

    def report(self, path: str, condition: str, evidence: str = "failed (timeout)") -> None:
        """The shell says how a path is."""
        since_s = self.now_s - 0.5
        self.feed(PathTold(PathStood(PATHS, self.now_s, path, condition, "closed", evidence, since_s, 0.0, 0.0, 0)))

    def carrier_fails(self, name: str, count: int = 10) -> None:
        """So many INVITEs in a row come to nothing by it."""
        for _ in range(count):
            turn = self._turn()
            self.exchange.switchboard.carriers.failed(turn, name, self.now_s, "503 from it")
            self.incidents.note(turn)
            self._take(turn.effects)

    def carrier_works(self, name: str, for_s: float) -> None:
        """It brings a call to somebody each half second."""
        for _ in range(int(for_s * 2)):
            self.pass_time(0.5)
            turn = self._turn()
            self.exchange.switchboard.carriers.worked(turn, name, self.now_s, 0.2)
            self.incidents.note(turn)
            self._take(turn.effects)

    def happen(self, *facts: Fact) -> None:
        """These come true in one turn."""
        turn = self._turn()
        turn.effects += [Persist(fact) for fact in facts]
        self.incidents.note(turn)
        self._take(turn.effects)

    def call_in(self, status: int = 0, number: str = "", flow: str = "hold") -> None:
        """A call that was refused with a status, or has only come."""
        self._calls += 1
        call = f"{self._calls:016x}"
        received = CallReceived(
            call, self.now_s, "north", "192.0.2.50", 5060, "", call, "", 1, "", "1000", number or f"+1{call}", flow,
            "a1", self.now_s, -1, 0, 0, 0, 0,
        )  # fmt: skip
        ended = CallEnded(call, self.now_s, "node", status, "", call, "", "", 1, -1)
        self.happen(received, *([ended] if status else []))

    def pass_time(self, seconds: float) -> None:
        """The time comes that was asked for, again and again."""
        until_s = self.now_s + seconds
        while (due_s := self.exchange.deadline_s) is not None and due_s <= until_s:
            self.now_s = max(self.now_s, due_s)
            self.feed(TimeCame())
        self.now_s = until_s

    def _turn(self) -> Turn:
        return Turn(self.now_s, self.exchange.services)

    def _take(self, effects: list[Effect]) -> list[Effect]:
        for effect in list(effects):
            if isinstance(effect, Persist):
                self.facts.append(effect.fact)
            elif isinstance(effect, CallCapability):
                self.asked.append(effect)
                if self.answers is not None:
                    effects += self.feed(CapabilityAnswered(effect.call, effect.step, self.answers, effect.attempt))
        return effects
