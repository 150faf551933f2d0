"""Paying the retailer, every branch: charged once or not at all, and the card is nowhere on record."""

import pytest

from keepline.call.effects import CallCapability
from keepline.flow.capabilities import Reply, UseOutcome
from keepline.testing import PhoneCall
from tests.unit.retailer.office_inside import OfficeInside
from tests.unit.retailer.retail_shop import OPEN_INVOICE, PAID_INVOICE, PHONE, SHIPPED, VOID_INVOICE, Shop, told

CARD, EXPIRY, CVV = "4242424242424242", "1235", "123"
DECLINED = "4000000000009995"


def until_confirmed(shop: Shop, card: str = CARD, from_: str = PHONE) -> PhoneCall:
    """A caller who has keyed the card and hears the amount once more."""
    keys = ("3", "ask_invoice", OPEN_INVOICE, "are due", "1", "ask_card", card, "ask_expiry", EXPIRY, "ask_cvv", CVV)
    call = shop.dial(*keys, from_=from_)
    call.hears("with this card, press 1")
    return call


def facts(shop: Shop, call: PhoneCall) -> str:
    """All that was written of a call."""
    return "\n".join(repr(fact) for fact in shop.tester._node.written if fact.call == call.record.id)


def test_an_invoice_is_paid(shop: Shop) -> None:
    [due] = [
        row["amount_cents"] for row in shop.office.store.all("SELECT * FROM invoices WHERE number = ?", OPEN_INVOICE)
    ]
    call = until_confirmed(shop)
    words = f"{due // 100} dollars and {due % 100} cents"
    assert told(call).count(words) == 2
    call.presses("1")
    assert words in call.hears("Your receipt has the number 7 0 0 0, 0 1")
    call.ends()
    assert call.outcome == "paid"
    assert call.outcome_fields == {"invoice": OPEN_INVOICE, "amount_cents": due, "receipt": "700001"}
    assert shop.office.ledger() == {"charged": 1}
    assert [card for card in (CARD, CARD[:8]) if card in facts(shop, call)] == []


def test_a_card_is_declined(shop: Shop) -> None:
    call = until_confirmed(shop, DECLINED)
    call.presses("1")
    call.hears("card_declined")
    call.ends()
    assert (call.outcome, call.outcome_fields["why"]) == ("declined", "card_declined")
    assert shop.office.ledger() == {}


def test_a_lost_answer_is_asked_for_again_and_charged_once(shop: Shop) -> None:
    call = until_confirmed(shop)
    shop.office.loses_answers = 1
    call.presses("1")
    call.hears("Your receipt", within_s=60.0)
    call.ends()
    assert (call.outcome, shop.office.ledger()) == ("paid", {"charged": 1})


def test_what_nobody_can_tell_is_promised_an_answer_and_charged_once(shop: Shop) -> None:
    call = until_confirmed(shop)
    shop.office.loses_answers = 3
    call.presses("1")
    call.hears("payment_pending", within_s=60.0)
    call.ends()
    assert (call.outcome, call.outcome_fields["why"]) == ("payment_pending", "the answer was lost")
    assert shop.office.ledger() == {"charged": 1, "message": 1}
    [message] = shop.office.store.all("SELECT * FROM messages")
    assert (message["phone"], message["department"]) == (PHONE, "billing")


def test_what_is_pending_is_found_out_after_the_call(shop: Shop) -> None:
    """The gateway works and is silent, the process dies meanwhile: one charge, told as it is, and resolved."""
    call = until_confirmed(shop)
    shop.office.loses_answers = 2
    call.presses("1")
    call.hears("payment_pending", within_s=60.0)
    call.ends()
    [item] = shop.tester.work
    assert item.state.value == "pending"
    shop.tester.crash()
    call.waits(600.0)
    assert shop.tester.work == []
    assert call.steps[-1].result == "resolved: done"
    assert shop.office.ledger() == {"charged": 1, "message": 1}


def test_the_process_dies_while_the_card_is_charged(shop: Shop) -> None:
    call = until_confirmed(shop)
    shop.office.answers_after_s = 2.0
    call.presses("1")
    call.waits(1.2)
    shop.tester.crash()
    call.hears("Your receipt", within_s=60.0)
    call.ends()
    assert (call.outcome, shop.office.ledger()) == ("paid", {"charged": 1})


def test_who_hangs_up_after_confirming_is_charged_once_and_it_is_on_record(shop: Shop) -> None:
    call = until_confirmed(shop)
    call.presses("1")
    call.hangs_up()
    call.waits(30.0)
    assert shop.office.ledger() == {"charged": 1}
    assert ("use payments.charge", "done") in [(step.name, step.result) for step in call.steps]


def test_the_gateway_cannot_be_reached(shop: Shop) -> None:
    call = until_confirmed(shop)
    shop.office.away = {"payments"}
    call.presses("1")
    call.hears("pay_later")
    call.ends()
    assert (call.outcome, shop.office.ledger()) == ("pay_later", {"message": 1})
    [message] = shop.office.store.all("SELECT phone, department, text FROM messages")
    assert (message["phone"], message["department"]) == (PHONE, "billing")
    assert message["text"] == f"Please call back to take the payment of invoice {OPEN_INVOICE}."


def test_neither_gateway_and_no_back_office_is_told_later(shop: Shop) -> None:
    call = until_confirmed(shop)
    shop.office.away = {"payments", "messages"}
    call.presses("1")
    call.hears("pay_later")
    call.ends()
    shop.tester.waits(600.0)
    assert shop.office.ledger() == {}
    shop.office.away = set()
    shop.tester.waits(600.0)
    assert shop.office.ledger() == {"message": 1}


def test_what_the_lookup_says_counts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = OfficeInside._outcome

    def declined(office: OfficeInside, wanted: CallCapability) -> UseOutcome:
        is_charge = wanted.capability == "payments"
        return Reply({"status": "declined", "receipt": None}) if is_charge else ask(office, wanted)

    monkeypatch.setattr(OfficeInside, "_outcome", declined)
    call = until_confirmed(shop)
    call.presses("1")
    call.hears("card_declined")
    call.ends()
    assert (call.outcome, call.outcome_fields["why"]) == ("declined", "declined")


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        (("are due", "2"), "did not want to"),
        (("are due", "1", "ask_card", "4242"), "did not enter a card"),
        (("are due", "1", "ask_card", CARD, "ask_expiry", ""), "did not enter a card"),
        (("are due", "1", "ask_card", CARD, "ask_expiry", EXPIRY, "ask_cvv", "1"), "did not enter a card"),
        (
            ("are due", "1", "ask_card", CARD, "ask_expiry", EXPIRY, "ask_cvv", CVV, "with this card", "2"),
            "did not confirm it",
        ),
    ],
)
def test_who_thinks_better_of_it_is_not_charged(shop: Shop, keys: tuple[str, ...], why: str) -> None:
    call = shop.dial("3", "ask_invoice", OPEN_INVOICE, *keys)
    call.hears("not_charged", within_s=120.0)
    call.ends()
    assert (call.outcome, call.outcome_fields["why"]) == ("not_charged", why)
    assert shop.office.ledger() == {}


def test_a_mistyped_card_is_asked_for_again(shop: Shop) -> None:
    call = shop.dial("3", "ask_invoice", OPEN_INVOICE, "are due", "1", "ask_card", "4242424242424241")
    call.hears("not the number of a card")
    call.hears("ask_card")
    call.presses(CARD)
    call.hears("ask_expiry")
    call.presses("1335")
    call.hears("no month and year")
    call.hangs_up()
    assert shop.office.ledger() == {}


@pytest.mark.parametrize(("invoice", "status"), [(PAID_INVOICE, "paid"), (VOID_INVOICE, "void")])
def test_nothing_is_due(shop: Shop, invoice: str, status: str) -> None:
    call = shop.dial("3", "ask_invoice", invoice, "Nothing is due on invoice", "")
    call.ends()
    assert (call.outcome, call.outcome_fields["status"]) == ("nothing_due", status)


def test_an_unknown_invoice_is_asked_for_three_times_at_most(shop: Shop) -> None:
    call = shop.dial("3", *("ask_invoice", "29999999", "invoice_unknown", "") * 3)
    call.hears("goodbye")
    call.ends()
    assert call.outcome == "no_invoice"


def test_no_invoice_number_at_all(shop: Shop) -> None:
    call = shop.dial("3")
    call.hears("goodbye", within_s=120.0)
    assert told(call).count("invoice number") == 3
    call.ends()
    assert call.outcome == "no_invoice"


def test_the_star_goes_back_to_the_menu(shop: Shop) -> None:
    call = shop.dial("3", "ask_invoice", "*", "menu", "1", "ask_order", SHIPPED, "is on its way", "")
    call.ends()
    assert call.outcome == "order_status"


def test_invoices_are_away(shop: Shop) -> None:
    shop.office.away = {"billing"}
    call = shop.dial("3", "ask_invoice", OPEN_INVOICE, "apology", "", "promise", "")
    call.ends()
    assert call.outcome_fields["about"] == f"invoice {OPEN_INVOICE}"
