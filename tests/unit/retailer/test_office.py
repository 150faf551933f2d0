"""The back office's rules over a real database file: seeds, booking, invoices, charges, voids, leads."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import office_desk as desk
import office_payments as payments
import pytest
from office_seed import FIRST_INVOICE, FIRST_ORDER, Size, invoice_status, order_status, phone_of, seeded
from office_store import Store

TODAY = date(2026, 3, 2)
SMALL = Size(customers=10, orders=24, invoices=24, slot_days=3)
CARD = {"number": "4242424242424242", "expiry": "1230", "cvv": "123"}
LEAD = {
    "phone": "+12125550100", "name": None, "interest": "kitchen", "budget_cents": 200_000, "timeframe": "now",
    "note": None, "recording": None,
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "office.db", TODAY)
    made.fill(1, SMALL)
    yield made
    made.close()


def wish(**more: Any) -> dict[str, Any]:
    return {"invoice": "20000001", "amount_cents": 500, "currency": "USD", "card": CARD} | more


def free_slots(store: Store) -> list[str]:
    return [slot["id"] for slot in desk.slots(store, "2026-03-02", 500, True).body["slots"]]


# Seeds ----------------------------------------------------------------------------------------------------------------


def test_one_seed_gives_one_set_of_data() -> None:
    assert seeded(7, TODAY, SMALL) == seeded(7, TODAY, SMALL)
    assert seeded(7, TODAY, SMALL) != seeded(8, TODAY, SMALL)


def test_status_depends_on_the_number_alone() -> None:
    for seed in (1, 2):
        rows = seeded(seed, TODAY, SMALL)
        assert [row[2] for row in rows.orders] == [order_status(int(str(row[0])) - FIRST_ORDER) for row in rows.orders]


def test_invoices_are_as_their_numbers_say(store: Store) -> None:
    for n in range(1, SMALL.invoices + 1):
        assert desk.invoice(store, str(FIRST_INVOICE + n)).body["status"] == invoice_status(n)


def test_every_customer_has_a_number_of_their_own() -> None:
    assert len({phone_of(n) for n in range(1, 1001)}) == 1000
    with pytest.raises(ValueError, match="no more telephone numbers"):
        seeded(1, TODAY, Size(customers=1001))


def test_a_file_is_filled_once(store: Store) -> None:
    before = seeded(1, TODAY, SMALL)
    assert not store.fill(2, SMALL)
    assert desk.order(store, "100001").body["item"] == before.orders[0][3]


# Appointments ---------------------------------------------------------------------------------------------------------


def test_book_move_cancel(store: Store) -> None:
    first, second, *_ = free_slots(store)
    booked = desk.book(store, "", {"order": "100001", "slot": first})
    assert (booked.status, booked.body["slot"]["id"], booked.body["status"]) == (201, first, "booked")
    assert desk.order(store, "100001").body["appointment"] == booked.body
    moved = desk.move(store, "", booked.body["id"], {"slot": second})
    assert (moved.status, moved.body["slot"]["id"]) == (200, second)
    assert first in free_slots(store)
    assert second not in free_slots(store)
    cancelled = desk.cancel(store, "", booked.body["id"])
    assert (cancelled.status, cancelled.body["status"]) == (200, "cancelled")
    assert desk.cancel(store, "", booked.body["id"]).body == cancelled.body
    assert second in free_slots(store)
    assert desk.move(store, "", booked.body["id"], {"slot": first}).body["error"]["code"] == "appointment_cancelled"
    assert payments.ledger(store).body["totals"] == {"booked": 1, "moved": 1, "cancelled": 1}


def test_a_taken_slot_names_the_next_free_one(store: Store) -> None:
    first, second, third, *_ = free_slots(store)
    for order, slot in (("100001", first), ("100004", second)):
        assert desk.book(store, "", {"order": order, "slot": slot}).status == 201
    refused = desk.book(store, "", {"order": "100006", "slot": first})
    assert (refused.status, refused.body["error"]["code"]) == (409, "slot_taken")
    assert refused.body["error"]["next_free"]["id"] == third


def test_after_the_last_slot_comes_the_first_free_one(store: Store) -> None:
    first, *_, last = free_slots(store)
    found = desk.next_free(store, last)
    assert found is not None
    assert found["id"] == first


def test_some_that_are_free_may_be_left_to_others(store: Store) -> None:
    first, second, third, fourth, *_, last = free_slots(store)
    assert desk.book(store, "", {"order": "100001", "slot": third}).status == 201
    found = [desk.next_free(store, first, skip) for skip in (0, 1, 400)]
    assert [each and each["id"] for each in found] == [second, fourth, last]
    alone = desk.next_free(store, last, 1)
    assert alone is not None
    assert alone["id"] == second


def test_when_all_is_taken_there_is_no_next(store: Store) -> None:
    only = free_slots(store)[0]
    store.db.execute("DELETE FROM slots WHERE id != ?", (only,))
    assert desk.book(store, "", {"order": "100001", "slot": only}).status == 201
    assert desk.book(store, "", {"order": "100004", "slot": only}).body["error"]["next_free"] is None


@pytest.mark.parametrize(
    ("order", "slot", "status", "code"),
    [
        ("999999", None, 404, "order_unknown"),
        ("100003", None, 409, "order_not_open"),  # delivered
        ("100005", None, 409, "order_not_open"),  # cancelled
        ("100001", "20990101-08-1", 404, "slot_unknown"),
    ],
)
def test_what_cannot_be_booked(store: Store, order: str, slot: str | None, status: int, code: str) -> None:
    answer = desk.book(store, "", {"order": order, "slot": slot or free_slots(store)[0]})
    assert (answer.status, answer.body["error"]["code"]) == (status, code)


def test_a_second_appointment_is_refused_and_the_first_is_shown(store: Store) -> None:
    first, second, *_ = free_slots(store)
    booked = desk.book(store, "", {"order": "100001", "slot": first})
    again = desk.book(store, "", {"order": "100001", "slot": second})
    assert again.body["error"]["code"] == "already_booked"
    assert again.body["error"]["appointment"] == booked.body


def test_a_failed_move_leaves_all_as_it_was(store: Store) -> None:
    first, second, *_ = free_slots(store)
    booked = desk.book(store, "", {"order": "100001", "slot": first})
    desk.book(store, "", {"order": "100004", "slot": second})
    assert desk.move(store, "", booked.body["id"], {"slot": second}).status == 409
    assert desk.appointment(store, booked.body["id"]).body == booked.body


def test_a_slot_is_one_orders_whoever_asks(tmp_path: Path, store: Store) -> None:
    """Four writers with connections of their own, as if they were four processes."""
    slot = free_slots(store)[0]
    orders = [str(FIRST_ORDER + n) for n in range(1, 25) if order_status(n) in desk.OPEN_FOR_DELIVERY]

    def writer(some: list[str]) -> list[int]:
        own = Store(tmp_path / "office.db", TODAY)
        try:
            return [desk.book(own, "", {"order": order, "slot": slot}).status for order in some]
        finally:
            own.close()

    with ThreadPoolExecutor(4) as pool:
        statuses = [status for some in pool.map(writer, [orders[n::4] for n in range(4)]) for status in some]
    assert sorted(statuses) == [201] + [409] * (len(orders) - 1)


def test_the_index_holds_where_the_rules_would_not(store: Store) -> None:
    slot = free_slots(store)[0]
    insert = "INSERT INTO appointments(order_number, slot_id, status) VALUES (?, ?, 'booked')"
    store.add(insert, "100001", slot)
    with pytest.raises(sqlite3.IntegrityError):
        store.add(insert, "100004", slot)


# Payments -------------------------------------------------------------------------------------------------------------


def test_a_charge_pays_the_invoice(store: Store) -> None:
    due = desk.invoice(store, "20000001").body["due_cents"]
    paid = payments.charge(store, "north", "k", wish(amount_cents=due))
    assert (paid.status, paid.body["status"], paid.body["card_last4"]) == (201, "charged", "4242")
    invoice = desk.invoice(store, "20000001").body
    assert (invoice["status"], invoice["due_cents"], invoice["overpaid_cents"]) == ("paid", 0, 0)
    assert payments.payment(store, "north", paid.body["id"]).body == paid.body
    assert payments.payment(store, "south", paid.body["id"]).status == 404


def test_one_key_charges_once(store: Store) -> None:
    first = payments.charge(store, "north", "k", wish())
    again = payments.charge(store, "north", "k", wish())
    assert again.replayed
    assert (again.status, again.body) == (first.status, first.body)
    other = payments.charge(store, "north", "k", wish(amount_cents=501))
    assert (other.status, other.body["error"]["code"]) == (422, "idempotency_key_reused")
    [key] = payments.ledger(store).body["keys"]
    assert key == {
        "scope": "charges/north", "key": "k", "received": 3, "replayed": 1, "conflicts": 1, "done": 1, "undone": 0,
    }  # fmt: skip


def test_another_key_is_another_charge_and_shows(store: Store) -> None:
    due = desk.invoice(store, "20000001").body["due_cents"]
    for gateway, key in (("north", "k1"), ("south", "k1")):
        assert payments.charge(store, gateway, key, wish(amount_cents=due)).status == 201
    assert desk.invoice(store, "20000001").body["overpaid_cents"] == due
    [invoice] = payments.ledger(store).body["invoices"]
    assert (invoice["charges"], invoice["net_cents"]) == (2, 2 * due)


def test_a_decline_is_kept_under_its_key_and_charges_nothing(store: Store) -> None:
    card = CARD | {"number": "4000000000009995"}
    refused = payments.charge(store, "north", "k", wish(card=card))
    assert (refused.status, refused.body["error"]["reason"]) == (402, "insufficient_funds")
    assert payments.charge(store, "north", "k", wish(card=card)).replayed
    found = payments.find(store, "north", "k")
    assert (found.body["outcome"], found.body["payment"]["card_last4"]) == ("declined", "9995")
    assert payments.ledger(store).body["totals"] == {}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (wish(invoice="29999999"), 404, "invoice_unknown"),
        (wish(invoice="20000011"), 409, "invoice_void"),
        (wish(card=CARD | {"cvv": "1234"}), 422, "card_invalid"),
    ],
)
def test_what_cannot_be_charged(store: Store, body: dict[str, Any], status: int, code: str) -> None:
    answer = payments.charge(store, "north", "k", body)
    assert (answer.status, answer.body["error"]["code"]) == (status, code)
    assert payments.find(store, "north", "k").body["outcome"] == "refused"


def test_what_became_of_a_key_can_be_asked(store: Store) -> None:
    assert payments.find(store, "north", "k").body["error"]["code"] == "key_unknown"
    paid = payments.charge(store, "north", "k", wish())
    assert payments.find(store, "north", "k").body == {
        "idempotency_key": "k", "outcome": "charged", "payment": paid.body,
    }  # fmt: skip
    assert payments.find(store, "south", "k").status == 404


def test_a_void_refunds_what_was_charged_once(store: Store) -> None:
    payments.charge(store, "north", "k", wish())
    for _ in range(2):
        assert payments.void(store, "north", "k").body["outcome"] == "refunded"
    assert desk.invoice(store, "20000001").body["paid_cents"] == 0
    assert payments.ledger(store).body["totals"] == {"charged": 1, "refunded": 1}
    again = payments.charge(store, "north", "k", wish())
    assert (again.status, again.body["error"]["code"]) == (409, "key_voided")


def test_a_void_stops_a_charge_that_is_still_on_its_way(store: Store) -> None:
    assert payments.void(store, "north", "k").body["outcome"] == "voided"
    assert payments.charge(store, "north", "k", wish()).body["error"]["code"] == "key_voided"
    assert payments.void(store, "north", "k").body["outcome"] == "voided"
    assert desk.invoice(store, "20000001").body["paid_cents"] == 0


def test_no_card_number_is_in_any_file(tmp_path: Path, store: Store) -> None:
    for number in ("4242424242424242", "4000000000000002", "4242424242424241"):
        payments.charge(store, "north", f"k{number[-2:]}", wish(card=CARD | {"number": number}))
    desk.add_lead(store, "", LEAD | {"note": "my card is 4242 4242 4242 4242"})
    for file in tmp_path.iterdir():
        data = file.read_bytes().replace(b" ", b"")
        assert b"424242424242" not in data
        assert b"400000000000" not in data


def test_the_key_of_the_fingerprints_is_the_owners_alone(tmp_path: Path, store: Store) -> None:
    beside = tmp_path / "office.db.key"
    assert beside.stat().st_mode & 0o777 == 0o600
    again = Store(tmp_path / "office.db", TODAY)
    assert again.fingerprint(wish()) == store.fingerprint(wish())
    again.close()


# Leads and messages ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "timeframe", "score"),
    [(200_000, "now", "hot"), (200_000, "later", "warm"), (None, "this_month", "warm"), (None, None, "cold")],
)
def test_leads_are_scored(store: Store, budget: int | None, timeframe: str | None, score: str) -> None:
    lead = desk.add_lead(store, "", LEAD | {"budget_cents": budget, "timeframe": timeframe})
    assert (lead.status, lead.body["score"]) == (201, score)


def test_a_lead_is_kept_once_for_its_key(store: Store) -> None:
    first = desk.add_lead(store, "k", LEAD)
    assert desk.add_lead(store, "k", LEAD).body == first.body
    assert len(desk.listed(store, "leads", 50).body["leads"]) == 1


def test_a_message_is_kept(store: Store) -> None:
    body = {
        "phone": "anonymous", "department": "service", "text": None, "recording": "rec/1.wav", "length_s": 4.5,
        "call_id": "c1",
    }  # fmt: skip
    kept = desk.add_message(store, "", body)
    assert desk.listed(store, "messages", 1).body["messages"] == [kept.body]
