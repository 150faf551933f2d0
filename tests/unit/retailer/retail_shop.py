"""The retailer in virtual time, with its own back office: what the tests of its flows have in common."""

from pathlib import Path

from keepline.testing import FlowTester, PhoneCall
from tests.unit.retailer.office_inside import OfficeInside

RETAILER = Path(__file__).parents[3] / "examples" / "retailer"
NUMBER = "+18005550100"
SPANISH_NUMBER = "+18005550101"
PHONE = "+12125550101"
PERSON = "+18005550111"
PLACED, SHIPPED, OUT, DELIVERED, CANCELLED, PACKED = "100004", "100001", "100002", "100003", "100005", "100006"
OPEN_INVOICE, PAID_INVOICE, VOID_INVOICE = "20000001", "20000005", "20000011"
ALL_SLOTS = 15
"""Three days with five windows each."""


class Shop:
    """The retailer in virtual time."""

    def __init__(self, tester: FlowTester, office: OfficeInside) -> None:
        self.tester, self.office = tester, office

    def dial(self, *keys: str, from_: str = PHONE) -> PhoneCall:
        """A caller who has heard the menu and presses these keys, each after the next question begins."""
        call = self.tester.call(NUMBER, from_=from_)
        call.hears("menu")
        call.presses(keys[0])
        for prompt, pressed in zip(keys[1::2], keys[2::2], strict=True):
            call.hears(prompt)
            call.presses(pressed)
        return call

    def book(self, order: str) -> PhoneCall:
        """An order that has the first free window."""
        call = self.dial("2", "ask_order", order, "We can deliver", "1")
        call.ends()
        assert call.outcome == "booked"
        return call


def told(call: PhoneCall) -> str:
    """Everything that was said, as one text."""
    return " | ".join(call.heard)
