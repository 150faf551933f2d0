"""The retailer's flows, every branch, in virtual time, against its own back office."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepline.call.effects import CallCapability
from keepline.config import load_operation
from keepline.testing import FlowTester, PhoneCall
from tests.unit.retailer.office_inside import OfficeInside

RETAILER = Path(__file__).parents[3] / "examples" / "retailer"
NUMBER = "+18005550100"
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


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    operation = load_operation(RETAILER, lint=True)
    with FlowTester(operation) as tester:
        office = OfficeInside(tester._world, operation, tmp_path)
        tester._node.office = office
        yield Shop(tester, office)
    office.close()


def told(call: PhoneCall) -> str:
    """Everything that was said, as one text."""
    return " | ".join(call.heard)


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


# 2: a delivery appointment --------------------------------------------------------------------------------------------


def test_a_window_is_booked(shop: Shop) -> None:
    call = shop.dial("2", "ask_order", PACKED)
    assert "Tuesday, March 3, 2026, from 8 a.m. to 10 a.m." in call.hears("We can deliver on")
    call.presses("1")
    assert "3 0 0 0, 0 1" in call.hears("Your delivery is booked: Tuesday, March 3")
    call.ends()
    assert (call.outcome, call.outcome_fields) == (
        "booked", {"order": PACKED, "slot": "20260303-08-1", "confirmation": "300001"},
    )  # fmt: skip
    assert shop.office.ledger() == {"booked": 1}


def test_the_next_window_is_offered_on_request(shop: Shop) -> None:
    call = shop.dial("2", "ask_order", PACKED, "from 8 a.m.", "2", "from 10 a.m.", "2", "from 12 p.m.", "1")
    call.hears("booked: Tuesday, March 3, 2026, from 12 p.m. to 2 p.m.")
    call.ends()


def test_two_callers_race_for_one_window(shop: Shop) -> None:
    first = shop.dial("2", "ask_order", PACKED, "from 8 a.m.", "")
    second = shop.dial("2", "ask_order", PLACED, "from 8 a.m.", "")
    second.presses("1")
    first.presses("1")
    second.hears("booked: Tuesday, March 3, 2026, from 8 a.m.")
    first.hears("slot_taken")
    first.hears("We can deliver on Tuesday, March 3, 2026, from 10 a.m.")
    first.presses("1")
    first.hears("booked: Tuesday, March 3, 2026, from 10 a.m.")
    for call in (first, second):
        call.ends()
        assert call.outcome == "booked"
    assert shop.office.ledger() == {"booked": 2}


def test_every_window_is_taken(shop: Shop) -> None:
    orders = [str(100_000 + n) for n in range(1, 60) if n % 6 in (0, 1, 4)]
    for order in orders[:ALL_SLOTS]:
        shop.book(order)
    call = shop.dial("2", "ask_order", orders[ALL_SLOTS], "no_slots", "")
    call.ends()
    assert call.outcome == "no_slots"
    assert shop.office.ledger() == {"booked": ALL_SLOTS}


def test_a_window_that_goes_while_all_others_are_taken(shop: Shop) -> None:
    orders = [str(100_000 + n) for n in range(1, 60) if n % 6 in (0, 1, 4)]
    for order in orders[: ALL_SLOTS - 1]:
        shop.book(order)
    slow = shop.dial("2", "ask_order", orders[ALL_SLOTS], "We can deliver", "")
    shop.book(orders[ALL_SLOTS + 1])
    slow.presses("1")
    slow.hears("slot_taken")
    slow.hears("no_slots")
    slow.ends()
    assert slow.outcome == "no_slots"


def test_an_order_with_nothing_to_deliver(shop: Shop) -> None:
    call = shop.dial("2", "ask_order", DELIVERED, "no delivery to arrange", "")
    call.ends()
    assert call.outcome == "nothing_to_deliver"


def test_an_appointment_is_moved(shop: Shop) -> None:
    shop.book(PACKED)
    call = shop.dial("2", "ask_order", PACKED, "Your order arrives on Tuesday, March 3", "1", "from 10 a.m.", "1")
    call.hears("Your delivery is moved: Tuesday, March 3, 2026, from 10 a.m. to 12 p.m.")
    call.ends()
    assert (call.outcome, call.outcome_fields["slot"]) == ("moved", "20260303-10-1")
    assert shop.office.ledger() == {"booked": 1, "moved": 1}


def test_an_appointment_is_cancelled(shop: Shop) -> None:
    shop.book(PACKED)
    call = shop.dial("2", "ask_order", PACKED, "Your order arrives on", "2", "is cancelled", "")
    call.ends()
    assert (call.outcome, call.outcome_fields["slot"]) == ("cancelled", "20260303-08-1")
    assert shop.office.ledger() == {"booked": 1, "cancelled": 1}


@pytest.mark.parametrize(("prompt", "order"), [("Your order arrives on", PACKED), ("We can deliver", PLACED)])
def test_who_does_not_answer_changes_nothing(shop: Shop, prompt: str, order: str) -> None:
    shop.book(PACKED)
    call = shop.dial("2", "ask_order", order, prompt, "", "goodbye", "")
    call.ends()
    assert (call.outcome, call.outcome_fields["why"]) == ("unchanged", "no_input")
    assert shop.office.ledger() == {"booked": 1}


@pytest.mark.parametrize(
    ("order", "heard", "key"),
    [
        (PACKED, "", ""),
        (PACKED, "Your order arrives on", "1"),
        (PACKED, "Your order arrives on", "2"),
        (PLACED, "", ""),
        (PLACED, "We can deliver", "1"),
        (PLACED, "We can deliver", "2"),
    ],
)
def test_the_back_office_goes_away_within_an_appointment(shop: Shop, order: str, heard: str, key: str) -> None:
    shop.book(PACKED)
    shop.office.away = set() if heard else {"appointments"}
    call = shop.dial("2", "ask_order", order)
    if heard:
        call.hears(heard)
        shop.office.away = {"appointments"}
        call.presses(key)
    call.hears("apology")
    call.hears("promise")
    call.ends()
    assert (call.outcome, call.outcome_fields["why"]) == ("promised", "unavailable: cannot be reached")
    assert shop.office.ledger() == {"booked": 1, "message": 1}


def test_a_booking_whose_answer_is_lost_is_made_once(shop: Shop) -> None:
    call = shop.dial("2", "ask_order", PACKED, "We can deliver", "")
    shop.office.loses_answers = 2
    call.presses("1")
    call.hears("Your delivery is booked")
    call.ends()
    assert shop.office.ledger() == {"booked": 1}


def test_a_booking_that_nobody_can_tell_of_is_promised_and_not_guessed(shop: Shop) -> None:
    call = shop.dial("2", "ask_order", PACKED, "We can deliver", "")
    shop.office.loses_answers = 3
    call.presses("1")
    call.hears("apology")
    call.hears("promise")
    call.ends()
    assert (call.outcome, call.outcome_fields["why"]) == ("promised", "unknown: the answer was lost")


def test_an_order_that_was_booked_meanwhile_on_the_web(shop: Shop) -> None:
    call = shop.dial("2", "ask_order", PACKED, "We can deliver", "2", "We can deliver", "")
    shop.book(PACKED)
    call.presses("1")
    call.hears("apology")
    call.ends()
    assert call.outcome_fields["why"] == "refused: 409 already_booked"
    assert shop.office.ledger() == {"booked": 1, "message": 1}


# 4: sales -------------------------------------------------------------------------------------------------------------


def test_a_lead_is_qualified_and_leaves_a_message(shop: Shop) -> None:
    call = shop.dial("4", "ask_interest", "1", "ask_budget", "3", "ask_timeframe", "1", "leave_message", "")
    call.waits(3.0)
    call.speaks(4.0)
    call.presses("#")
    call.hears("lead_thanks")
    call.ends()
    assert (call.outcome, call.outcome_fields) == ("lead", {"lead": "L1", "score": "hot"})
    [lead] = shop.office.store.all("SELECT * FROM leads")
    assert (lead["phone"], lead["interest"], lead["budget_cents"], lead["timeframe"]) == (
        PHONE, "kitchen", 500_000, "now",
    )  # fmt: skip
    [message] = shop.office.store.all("SELECT * FROM messages")
    assert (message["department"], message["text"]) == ("sales", "about lead L1")
    assert message["recording"] == call.messages[0].path
    assert shop.office.ledger() == {"lead": 1, "message": 1}


def test_who_answers_nothing_is_a_lead_all_the_same(shop: Shop) -> None:
    call = shop.dial("4", from_="anonymous")
    call.hears("lead_thanks", within_s=120.0)
    call.ends()
    [lead] = shop.office.store.all("SELECT * FROM leads")
    assert (lead["phone"], lead["interest"], lead["budget_cents"], lead["timeframe"], lead["score"]) == (
        "withheld", "not told", None, None, "cold",
    )  # fmt: skip
    assert shop.office.ledger() == {"lead": 1}


def test_who_hangs_up_in_the_middle_of_the_message_is_a_lead(shop: Shop) -> None:
    call = shop.dial("4", "ask_interest", "2", "ask_budget", "2", "ask_timeframe", "2", "leave_message", "")
    call.waits(3.0)
    call.speaks(2.0)
    call.hangs_up()
    assert (call.outcome, shop.office.ledger()) == ("lead", {"lead": 1})
    assert call.messages[0].length_s > 1


def test_a_lead_that_cannot_be_kept_is_promised_a_call(shop: Shop) -> None:
    shop.office.away = {"leads"}
    call = shop.dial("4", "ask_interest", "2", "ask_budget", "1", "ask_timeframe", "3", "apology", "")
    call.hears("promise")
    call.ends()
    assert (call.outcome, shop.office.ledger()) == ("promised", {"message": 1})


# 0: a person ----------------------------------------------------------------------------------------------------------


def test_a_caller_talks_to_a_person(shop: Shop) -> None:
    person = shop.tester.callee(PERSON, rings_s=3.0)
    call = shop.dial("0", "connecting", "")
    person.answers()
    call.waits(20.0)
    person.hangs_up()
    call.hears("goodbye")
    call.ends()
    assert (call.outcome, call.outcome_fields) == ("talked", {"seconds": 20})
    assert person.callers == [NUMBER]


@pytest.mark.parametrize("status", [486, 603, 503, None])
def test_where_nobody_can_talk_a_message_is_left(shop: Shop, status: int | None) -> None:
    shop.tester.callee(PERSON, status=status)
    call = shop.dial("0", "leave_message", "")
    call.waits(3.0)
    call.speaks(3.0)
    call.presses("#")
    call.hears("message_thanks")
    call.ends()
    assert call.outcome == "message"
    [message] = shop.office.store.all("SELECT * FROM messages")
    assert (message["phone"], message["department"], message["recording"]) == (PHONE, "service", call.messages[0].path)


def test_who_says_nothing_leaves_no_message(shop: Shop) -> None:
    shop.tester.callee(PERSON, status=486)
    call = shop.dial("0", "leave_message", "", "goodbye", "")
    call.ends()
    assert (call.outcome, shop.office.ledger()) == ("no_message", {})


def test_a_message_that_no_desk_takes_is_in_the_record(shop: Shop) -> None:
    shop.tester.callee(PERSON, status=486)
    shop.office.away = {"messages"}
    call = shop.dial("0", "leave_message", "")
    call.waits(3.0)
    call.speaks(3.0)
    call.presses("#")
    call.hears("message_thanks")
    call.ends()
    assert (call.outcome, len(call.messages), shop.office.ledger()) == ("message", 1, {})
