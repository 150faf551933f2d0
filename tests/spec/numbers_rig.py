"""An exchange whose numbers can be pointed elsewhere, two carriers that may be dead, and a portal that is asked."""

from collections.abc import Mapping
from dataclasses import replace

from keepline.call import effects as fx
from keepline.call.effects_number import NumberAnswered, PointNumber
from keepline.call.facts import NumberFact
from keepline.call.facts.number import NUMBERS
from keepline.call.numbers.book import NumberBook, NumberStanding
from keepline.call.turn import Program
from keepline.flow.capabilities import Refused, Reply, Unavailable, Unknown, UseOutcome, read_value
from keepline.model.capability import Capability, CapabilityAction, CapabilityPath, HttpService
from keepline.model.failover import API, Failover
from keepline.model.operation import Number, Trunk, TrunkOutbound
from keepline.sip.message import Request, make_response, parse_message
from tests.spec.exchange_rig import Rig, hold, invite, leaving

NORTH, SOUTH = ("192.0.2.50", 5060), ("192.0.2.51", 5060)
NUMBER = "+18005550100"
FAILOVER = Failover(
    API, capability="portal", action="point", home="main", away="backup", arrives_by="south", hold_s=60.0, silent_s=10.0
)
PORTAL = Capability(
    "portal",
    (
        CapabilityPath(
            "http",
            HttpService("http://portal.invalid", {}),
            {
                "point": CapabilityAction(timeout_s=2.0, changes=True, idempotent=True, method="PUT", path="/"),
                "where": CapabilityAction(timeout_s=2.0, method="GET", path="/"),
            },
        ),
    ),
)


class NumbersRig(Rig):
    """The rig with one number that belongs to `north`, and can be pointed to come by `south`."""

    def __init__(self, failover: Failover = FAILOVER) -> None:
        super().__init__(slots=400)
        self.alive = {NORTH: True, SOUTH: True}
        self.asked: list[fx.CallCapability] = []
        self.answers: list[NumberAnswered] = []
        self.options: list[tuple[float, fx.Address]] = []
        self._calls = 0
        trunks = tuple(
            Trunk(name, (f"{at[0]}/32",), outbound=TrunkOutbound(*at))
            for name, at in (("north", NORTH), ("south", SOUTH))
        )
        numbers = {NUMBER: Number("hold", carrier="north", failover=failover)}
        operation = replace(self.program.operation, trunks=trunks, numbers=numbers, capabilities={"portal": PORTAL})
        self.program = Program(operation, {"hold": hold, "leaving": leaving})
        self.exchange.add_program(self.program, current=True)

    @property
    def standing(self) -> NumberStanding:
        return self.exchange.numbers.book.of(NUMBER)

    @property
    def points(self) -> str:
        return self.standing.state.value

    @property
    def kinds(self) -> list[str]:
        """The facts of numbers, each in a word."""
        return [each.kind.split(".")[0].removeprefix("number_") for each in self.facts if isinstance(each, NumberFact)]

    def step(self, given: fx.Input) -> list[bytes]:
        """What is sent; questions to carriers that are alive are answered at once."""
        sent: list[bytes] = []
        for effect in self.exchange.step(self.now_s, given):
            if isinstance(effect, fx.SendSip):
                message = parse_message(effect.data)
                if isinstance(message, Request) and message.method == "OPTIONS":
                    self.options.append((self.now_s, effect.peer))
                    if self.alive[effect.peer[:2]]:
                        answer = make_response(message, 200, to_tag="there")
                        self.step(fx.DatagramReceived(answer.encode(), effect.peer[:2]))
                else:
                    sent.append(effect.data)
            elif isinstance(effect, fx.Persist):
                self.facts.append(effect.fact)
            elif isinstance(effect, fx.Report):
                self.reports.append(effect)
            elif isinstance(effect, fx.CallCapability):
                assert [each for each in self.facts if isinstance(each, NumberFact)], "on record before it is asked"
                self.asked.append(effect)
            elif isinstance(effect, NumberAnswered):
                self.answers.append(effect)
        return sent

    def calls(self, seconds: float, every_s: float = 0.1, by: tuple[str, int] = NORTH) -> None:
        """Calls come by a carrier for a while."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.exchange.numbers.watching.heard(self.now_s, "north" if by == NORTH else "south", is_call=True)
            self.pass_time(every_s)

    def call_by(self, by: tuple[str, int]) -> None:
        """One call, as it comes."""
        self._calls += 1
        via = f"SIP/2.0/UDP {by[0]}:5060;branch=z9hG4bK-n{self._calls};rport"
        self.send_raw(invite(NUMBER, Call_ID=f"n{self._calls}", Via=via), by)

    def until_asked(self, limit_s: float = 120.0) -> None:
        """Until the portal is asked for something."""
        before, until_s = len(self.asked), self.now_s + limit_s
        while len(self.asked) == before:
            assert self.now_s < until_s, "the portal is not asked"
            self.pass_time(0.25)

    def die_under_calls(self) -> None:
        """Its carrier dies while calls come, and the portal is asked."""
        self.calls(5.0)
        self.alive[NORTH] = False
        self.until_asked()

    def answer(self, outcome: UseOutcome, which: int = -1) -> None:
        """The portal's word on a request."""
        wanted = self.asked[which]
        self.step(fx.CapabilityAnswered(NUMBERS, wanted.step, outcome, wanted.attempt))

    def want(self, to: str, why: str = "works", by: str = "Ana", number: str = NUMBER) -> str:
        """A person's word; what is wrong with it."""
        self.step(PointNumber("a1", number, to, why, by))
        return self.answers[-1].mistake

    def crash(self) -> None:
        """Another process takes over with what is on record."""
        before = self.exchange
        self.exchange = type(before)(before.identity, b"successor", before.rtp_ports)
        self.exchange.add_program(self.program, current=True)
        self.exchange.numbers.take(NumberBook(self.facts))


def told(asked: fx.CallCapability) -> Mapping[str, object]:
    """What a request says."""
    found: Mapping[str, object] = read_value(asked.arguments)
    return found


DONE, LOST, NOT_SENT, NO = Reply({}), Unknown("its answer was lost"), Unavailable("503"), Refused(409, "no")


def moved() -> NumbersRig:
    """A number whose carrier died under calls, and which points away."""
    rig = NumbersRig()
    rig.die_under_calls()
    rig.answer(DONE)
    return rig
