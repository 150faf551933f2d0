"""The retailer's sales and people, every branch, in virtual time, against its own back office."""

import pytest

from tests.unit.retailer.retail_shop import (
    NUMBER,
    PERSON,
    PHONE,
    Shop,
)

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


def test_a_lead_is_noted_while_the_back_office_is_away(shop: Shop) -> None:
    shop.office.away = {"leads", "messages"}
    call = shop.dial("4", "ask_interest", "2", "ask_budget", "1", "ask_timeframe", "3", "leave_message", "")
    call.waits(3.0)
    call.speaks(2.0)
    call.presses("#")
    call.hears("lead_noted")
    call.ends()
    assert (call.outcome, shop.office.ledger()) == ("lead", {})
    shop.office.away = set()
    shop.tester.waits(120.0)
    assert shop.office.ledger() == {"lead": 1, "message": 1}


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
