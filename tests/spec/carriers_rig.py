"""An exchange that places calls over several carriers, and what each of them is sent."""

from collections.abc import Mapping
from dataclasses import replace

from keepline.call import effects as fx
from keepline.model.operation import OutboundCarrier, OutboundPolicy, Trunk, TrunkOutbound
from keepline.sip.message import Message, Request, parse_message
from tests.spec.placing_rig import FLOWS, Placer, Program

HOSTS = {name: (f"192.0.2.{50 + at}", 5060) for at, name in enumerate(("first", "second", "third", "fourth", "fifth"))}
NAMES = {host: name for name, host in HOSTS.items()}


class CarriersPlacer(Placer):
    """The rig with several trunks that take calls, in their order."""

    def __init__(
        self,
        *names: str,
        settings: Mapping[str, OutboundCarrier] | None = None,
        probe_every_s: float = 0.0,
        slots: int = 8,
    ) -> None:
        super().__init__(slots)
        self.log: list[tuple[str, Message]] = []
        """What was sent, by carrier."""
        trunks = tuple(
            Trunk(
                name,
                (f"{HOSTS[name][0]}/32", "192.0.2.60/32"),
                outbound=TrunkOutbound(*HOSTS[name], from_number=f"+1800555010{place}"),
            )
            for place, name in enumerate(names or ("first", "second"))
        )
        usual = {trunk.name: OutboundCarrier(trunk.name, place) for place, trunk in enumerate(trunks)}
        carriers = tuple((usual | dict(settings or {})).values())
        policy = OutboundPolicy(
            allow=("*",), calls_per_hour_max=100_000, carriers=carriers, probe_every_s=probe_every_s
        )
        self.operation = replace(self.operation, trunks=trunks, outbound=policy)
        self.program = Program(self.operation, FLOWS)
        self.exchange.add_program(self.program, current=True)

    def step(self, given: fx.Input) -> list[bytes]:
        before = len(self.peers)
        sent = super().step(given)
        for data, peer in zip(sent, self.peers[before:], strict=False):
            self.log.append((NAMES.get(peer[:2], "callee"), parse_message(data)))
        return sent

    def take_log(self) -> list[str]:
        """What was sent since the last look: `first INVITE`, `second CANCEL`."""
        log, self.log = self.log, []
        return [f"{name} {each.method if isinstance(each, Request) else each.status}" for name, each in log]  # type: ignore[attr-defined]

    def invite_to(self, name: str) -> Request:
        """The last INVITE that a carrier was sent."""
        found = [each for carrier, each in self.log if carrier == name and isinstance(each, Request)]
        return next(each for each in reversed(found) if each.method == "INVITE")

    def hear_of(self, name: str, message: Message) -> list[Message]:
        """A message of a carrier's, and all that is sent at once."""
        return self.hear(message, HOSTS[name])
