"""What comes of a REGISTER is evidence of its carrier, where calls go out by it; an INVITE speaks louder."""

from dataclasses import replace

import pytest

from keepline.call.turn import Program
from keepline.model.operation import OutboundCarrier
from keepline.paths.health import Condition, PathView
from keepline.sip.message import Request
from tests.spec.exchange_rig import OPERATION, hold
from tests.spec.test_rfc3261_10_registrations import Registering, accepted, refused


class CarrierRegistering(Registering):
    """The same, of a trunk by which calls go out."""

    def __init__(self) -> None:
        super().__init__()
        [trunk] = [each for each in self.exchange.programs[self.exchange.current].operation.trunks if each.registration]
        outbound = replace(OPERATION.outbound, carriers=(OutboundCarrier(trunk.name, 1),), probe_every_s=0.0)
        operation = replace(OPERATION, trunks=(*OPERATION.trunks, trunk), outbound=outbound)
        self.exchange.add_program(Program(operation, {"hold": hold}, {}), current=True)

    @property
    def view(self) -> PathView:
        return self.exchange.switchboard.carriers.view("carrier", self.now_s)

    def next(self) -> Request:
        """The next REGISTER that it sends."""
        while not (sent := self.wait(1.0)):
            pass
        return sent[0]


def test_rfc3261_10_3_a_carrier_that_refuses_to_register_us_is_degraded_and_says_by_what() -> None:
    rig = CarrierRegistering()
    rig.hear(refused(rig.next(), 503))
    assert rig.view.condition is Condition.HEALTHY, "once is a blip"
    rig.hear(refused(rig.next(), 503))
    rig.hear(refused(rig.next(), 503))
    assert rig.view.condition is Condition.DEGRADED
    assert "3 of the last 3 REGISTERs 503" in rig.view.evidence


def test_rfc3261_10_2_one_that_registers_us_is_known_to_be_there() -> None:
    rig = CarrierRegistering()
    [asked] = rig.wait(0.0)
    assert rig.view.condition is Condition.UNKNOWN
    rig.hear(accepted(asked))
    assert (rig.view.condition, rig.view.evidence) == (Condition.HEALTHY, "the last REGISTER went well")


def test_a_trunk_by_which_no_calls_go_out_has_no_such_health() -> None:
    rig = Registering()
    [asked] = rig.wait(0.0)
    rig.hear(refused(asked, 503))
    assert len(rig.exchange.switchboard.carriers) == 0


@pytest.mark.parametrize("status", [403, 503])
def test_a_register_that_works_mends_no_invite_that_failed(status: int) -> None:
    rig = CarrierRegistering()
    rig.hear(refused(rig.next(), status))
    rig.exchange.switchboard.carriers._of("carrier").is_failing = True
    before = rig.view.evidence
    rig.hear(accepted(rig.next()))
    assert rig.view.evidence == before
