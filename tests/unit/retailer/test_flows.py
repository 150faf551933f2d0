"""The retailer's menu and orders, every branch, in virtual time, against its own back office."""

import pytest

from keepline.call.effects import CallCapability
from keepline.config import load_operation
from tests.unit.retailer.office_inside import OfficeInside
from tests.unit.retailer.retail_shop import (
    CANCELLED,
    DELIVERED,
    NUMBER,
    OUT,
    PACKED,
    PHONE,
    PLACED,
    RETAILER,
    SHIPPED,
    SPANISH_NUMBER,
    Shop,
    told,
)


def test_it_is_without_a_mistake_and_has_every_prompt_of_the_readme() -> None:
    operation = load_operation(RETAILER, lint=True)
    readme = (RETAILER / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## The number and its menu")[2].partition("## The back office")[0]
    menu = "".join(line for line in section.splitlines() if line.startswith("|"))
    named = {word for word in menu.replace("*", " ").split("`")[1::2] if word.replace("_", "").isalpha()}
    assert {"menu", "ask_order", "payment_pending", "apology"} <= named
    assert sorted(named - set(operation.prompts)) == []


# The menu -------------------------------------------------------------------------------------------------------------


def test_who_says_nothing_is_asked_three_times_and_let_go(shop: Shop) -> None:
    call = shop.tester.call(NUMBER)
    call.ends()
    assert told(call).count("For your order") == 3
    assert call.heard[-1].startswith("Thank you for calling")
    assert (call.outcome, call.record.ended_by) == ("no_choice", "flow")


def test_a_key_that_is_not_there_is_named_and_asked_again(shop: Shop) -> None:
    call = shop.dial("7", "nothing behind that key", "1")
    call.hears("ask_order")
    call.hangs_up()
    assert call.record.ended_by == "caller"


def test_a_menu_that_fails_is_followed_by_the_apology_and_a_promise(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OfficeInside, "_outcome", broken_answer)
    call = shop.dial("1", "ask_order", SHIPPED, "does not work on our side", "", "promise", "")
    call.ends()
    assert call.outcome == "failed"
    assert "AttributeError" in call.record.error


def broken_answer(office: OfficeInside, wanted: CallCapability) -> object:
    """An answer that the flow does not expect."""
    from keepline.flow import Reply

    return Reply({})


# 1: where is my order -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (PLACED, "is being prepared"),
        (PACKED, "is being prepared"),
        (SHIPPED, "is on its way with"),
        (OUT, "is out for delivery"),
        (DELIVERED, "was delivered on"),
        (CANCELLED, "was cancelled"),
    ],
)
def test_an_order_and_how_it_does(shop: Shop, order: str, words: str) -> None:
    call = shop.dial("1", "ask_order", order)
    said = call.hears(words)
    assert f"{' '.join(order[:4])}, {' '.join(order[4:])}" in said
    call.ends()
    assert (call.outcome, call.outcome_fields["order"]) == ("order_status", order)
    assert shop.office.ledger() == {}


def test_an_unknown_order_is_asked_for_again_and_three_times_at_most(shop: Shop) -> None:
    call = shop.dial("1", "ask_order", "999999", "order_unknown", "", "ask_order", "100*01", "order_unknown", "")
    call.hears("ask_order")
    call.presses(SHIPPED)
    call.hears("is on its way")
    call.ends()
    call = shop.dial("1", *("ask_order", "999999", "order_unknown", "") * 3)
    call.hears("goodbye")
    call.ends()
    assert call.outcome == "no_order"


def test_no_order_number_at_all(shop: Shop) -> None:
    call = shop.dial("1")
    call.ends()
    assert told(call).count("order number") == 3
    assert call.outcome == "no_order"


def test_the_back_office_is_away(shop: Shop) -> None:
    shop.office.away = {"orders", "messages"}
    call = shop.dial("1", "ask_order", SHIPPED, "apology", "")
    call.hears("promise")
    call.ends()
    assert call.outcome == "promised"
    assert call.outcome_fields == {
        "about": f"order {SHIPPED}", "why": "unavailable: cannot be reached", "phone": PHONE,
    }  # fmt: skip


def test_a_promise_lands_on_a_desk_where_there_is_one(shop: Shop) -> None:
    shop.office.away = {"orders"}
    shop.dial("1", "ask_order", SHIPPED, "promise", "").ends()
    assert shop.office.ledger() == {"message": 1}


def test_who_cannot_be_called_back_is_promised_nothing(shop: Shop) -> None:
    shop.office.away = {"orders"}
    call = shop.dial("1", "ask_order", SHIPPED, "apology", "", from_="anonymous")
    call.hears("call us again")
    call.ends()
    assert call.outcome == "sent_away"
    assert shop.office.ledger() == {}


# In Spanish -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "words"),
    [(SHIPPED, "está en camino"), (OUT, "llega hoy"), (DELIVERED, "ya fue entregado"), (CANCELLED, "fue cancelado")],
)
def test_an_order_in_spanish(shop: Shop, order: str, words: str) -> None:
    call = shop.tester.call(SPANISH_NUMBER)
    call.hears("es_ask_order")
    call.presses(order)
    call.hears(words)
    if order == SHIPPED:
        call.hears("de marzo de 2026")
    call.hears("es_goodbye")
    call.ends()
    assert (call.outcome, call.outcome_fields["order"]) == ("order_status", order)


def test_no_order_in_spanish(shop: Shop) -> None:
    call = shop.tester.call(SPANISH_NUMBER)
    call.ends()
    assert (call.outcome, call.heard[-1]) == ("no_order", "Gracias por su llamada. Adiós.")
    call = shop.tester.call(SPANISH_NUMBER)
    call.hears("es_ask_order")
    call.presses("999999")
    call.hears("No tenemos ningún pedido con el número 9 9 9 9, 9 9")
    call.ends()
    assert call.outcome == "no_order"


def test_the_back_office_is_away_in_spanish(shop: Shop) -> None:
    shop.office.away = {"orders"}
    call = shop.tester.call(SPANISH_NUMBER, from_=PHONE)
    call.hears("es_ask_order")
    call.presses(SHIPPED)
    call.hears("es_apology")
    call.hears("es_promise")
    call.ends()
    assert (call.outcome, shop.office.ledger()) == ("promised", {"message": 1})
