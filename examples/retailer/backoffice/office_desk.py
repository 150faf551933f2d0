"""Customers, orders, delivery appointments, invoices, leads and messages: what the retailer's own staff would do.

Functions over a `Store`. A refusal is an answer, not an exception. That one slot is given to one order is held by a
unique index: the rules here only choose the words.
"""

from functools import partial
from typing import Any

from office_cards import masked
from office_store import Answer, Json, Store, refusal

OPEN_FOR_DELIVERY = ("placed", "packed", "shipped")
"""Orders that a delivery appointment can be made for."""
HOT_BUDGET_CENTS = 100_000
SOON = ("now", "this_month")

# Customers and orders -------------------------------------------------------------------------------------------------


def customer(store: Store, column: str, value: str) -> Answer:
    """A customer by `id` or `phone`, with the numbers of their orders and of the invoices that are due."""
    assert column in ("id", "phone")
    row = store.one(f"SELECT * FROM customers WHERE {column} = ?", value)
    if row is None:
        return refusal(404, "customer_unknown", f"no customer has the {column} {value}")
    orders = store.all("SELECT number FROM orders WHERE customer_id = ? ORDER BY number", row["id"])
    due = store.all(
        "SELECT number FROM invoices WHERE customer_id = ? AND NOT void AND paid_cents < amount_cents ORDER BY number",
        row["id"],
    )
    return Answer(200, row | {"orders": [o["number"] for o in orders], "invoices_due": [i["number"] for i in due]})


def order(store: Store, number: str) -> Answer:
    """An order with its appointment."""
    row = store.one("SELECT * FROM orders WHERE number = ?", number)
    if row is None:
        return refusal(404, "order_unknown", f"no order has the number {number}")
    booked = store.one("SELECT * FROM appointments WHERE order_number = ? AND status = 'booked'", number)
    can = row["status"] in OPEN_FOR_DELIVERY
    return Answer(200, row | {"can_book": can, "appointment": _shown(store, booked) if booked else None})


# Appointments ---------------------------------------------------------------------------------------------------------


def slots(store: Store, since: str, limit: int, free: bool) -> Answer:
    """Delivery windows from a day on, in order of time."""
    rows = store.all(
        "SELECT s.*, a.id IS NULL AS free FROM slots s LEFT JOIN appointments a ON a.slot_id = s.id AND a.status = "
        "'booked' WHERE s.day >= ? AND (a.id IS NULL OR NOT ?) ORDER BY s.day, s.start, s.id LIMIT ?",
        since, free, limit,
    )  # fmt: skip
    return Answer(200, {"slots": [row | {"free": bool(row["free"])} for row in rows]})


def next_free(store: Store, slot_id: str, skip: int = 0) -> Json | None:
    """The first free slot after this one and `skip` more, or the last that there is: after the last of all comes the
    first. None where all are taken.
    """
    found = store.all(
        "SELECT s.* FROM slots s WHERE NOT EXISTS (SELECT 1 FROM appointments a WHERE a.slot_id = s.id AND a.status = "
        "'booked') AND s.id != ?1 ORDER BY (s.day, s.start, s.id) <= (SELECT day, start, id FROM slots WHERE id = ?1), "
        "s.day, s.start, s.id LIMIT ?2",
        slot_id, skip + 1,
    )  # fmt: skip
    return found[-1] if found else None


def book(store: Store, key: str, body: Json) -> Answer:
    """Give a free slot to an order that has none."""
    return store.once("appointments", key, body, partial(_book, store, key, body["order"], body["slot"]))


def move(store: Store, key: str, appointment_id: str, body: Json) -> Answer:
    """Give an order another slot and free its own, or leave all as it was."""
    whole = body | {"appointment": appointment_id}
    return store.once("moves", key, whole, partial(_move, store, key, appointment_id, body["slot"]))


def cancel(store: Store, key: str, appointment_id: str) -> Answer:
    """Free an order's slot; an appointment cancelled before is cancelled now."""
    body = {"appointment": appointment_id}
    return store.once("cancellations", key, body, partial(_cancel, store, key, appointment_id))


def appointment(store: Store, appointment_id: str) -> Answer:
    """One appointment, booked or cancelled."""
    row = _appointment(store, appointment_id)
    return Answer(200, _shown(store, row)) if row else _unknown_appointment(appointment_id)


def _book(store: Store, key: str, number: str, slot_id: str) -> Answer:
    wanted = store.one("SELECT * FROM orders WHERE number = ?", number)
    if wanted is None:
        return refusal(404, "order_unknown", f"no order has the number {number}")
    if wanted["status"] not in OPEN_FOR_DELIVERY:
        return refusal(409, "order_not_open", f"order {number} is {wanted['status']}: nothing to deliver")
    booked = store.one("SELECT * FROM appointments WHERE order_number = ? AND status = 'booked'", number)
    if booked is not None:
        message = f"order {number} has an appointment already; move it instead"
        return refusal(409, "already_booked", message, appointment=_shown(store, booked))
    if (no := _not_free(store, slot_id)) is not None:
        return no
    row_id = store.add("INSERT INTO appointments(order_number, slot_id, status) VALUES (?,?,'booked')", number, slot_id)
    store.effect("booked", "appointments", key, slot_id)
    return Answer(201, _shown(store, {"id": row_id, "order_number": number, "slot_id": slot_id, "status": "booked"}))


def _move(store: Store, key: str, appointment_id: str, slot_id: str) -> Answer:
    row = _appointment(store, appointment_id)
    if row is None:
        return _unknown_appointment(appointment_id)
    if row["status"] != "booked":
        return refusal(409, "appointment_cancelled", f"appointment {appointment_id} was cancelled; book a new one")
    if row["slot_id"] != slot_id:
        if (no := _not_free(store, slot_id)) is not None:
            return no
        store.add("UPDATE appointments SET slot_id = ? WHERE id = ?", slot_id, row["id"])
        store.effect("moved", "moves", key, slot_id)
    return Answer(200, _shown(store, row | {"slot_id": slot_id}))


def _cancel(store: Store, key: str, appointment_id: str) -> Answer:
    row = _appointment(store, appointment_id)
    if row is None:
        return _unknown_appointment(appointment_id)
    if row["status"] == "booked":
        store.add("UPDATE appointments SET status = 'cancelled' WHERE id = ?", row["id"])
        store.effect("cancelled", "cancellations", key, row["slot_id"])
    return Answer(200, _shown(store, row | {"status": "cancelled"}))


def _not_free(store: Store, slot_id: str) -> Answer | None:
    if store.one("SELECT 1 AS found FROM slots WHERE id = ?", slot_id) is None:
        return refusal(404, "slot_unknown", f"no slot has the id {slot_id}")
    if store.one("SELECT 1 AS found FROM appointments WHERE slot_id = ? AND status = 'booked'", slot_id) is None:
        return None
    return refusal(409, "slot_taken", f"slot {slot_id} is taken", next_free=next_free(store, slot_id))


def _appointment(store: Store, appointment_id: str) -> Json | None:
    digits = appointment_id.removeprefix("A")
    return store.one("SELECT * FROM appointments WHERE id = ?", int(digits)) if digits.isdecimal() else None


def _unknown_appointment(appointment_id: str) -> Answer:
    return refusal(404, "appointment_unknown", f"no appointment has the id {appointment_id}")


def _shown(store: Store, row: Json) -> Json:
    slot = store.one("SELECT * FROM slots WHERE id = ?", row["slot_id"])
    return {
        "id": f"A{row['id']}", "order": row["order_number"], "status": row["status"], "slot": slot,
        "confirmation": str(300_000 + row["id"]),
    }  # fmt: skip


# Invoices -------------------------------------------------------------------------------------------------------------


def invoice(store: Store, number: str) -> Answer:
    """An invoice and what is due on it; `due_cents` is never negative, `overpaid_cents` tells what is too much."""
    row = store.one("SELECT * FROM invoices WHERE number = ?", number)
    if row is None:
        return refusal(404, "invoice_unknown", f"no invoice has the number {number}")
    void, rest = bool(row["void"]), row["amount_cents"] - row["paid_cents"]
    due = 0 if void else max(0, rest)
    late = row["due_on"] < store.today.isoformat()
    status = "void" if void else "paid" if not due else "overdue" if late else "open"
    return Answer(200, row | {
        "status": status, "due_cents": due, "overpaid_cents": max(0, -rest), "void": void, "currency": "USD",
    })  # fmt: skip


def exported(store: Store, table: str) -> Answer:
    """Every order or invoice in one answer, each as it is told by itself: what a copy is made from."""
    tell = {"orders": order, "invoices": invoice}[table]
    numbers = store.all(f"SELECT number FROM {table} ORDER BY number")
    return Answer(200, {table: [tell(store, row["number"]).body for row in numbers]})


# Leads and messages ---------------------------------------------------------------------------------------------------


def score(budget_cents: int | None, timeframe: str | None) -> str:
    """How soon sales ought to call: "hot", "warm" or "cold"."""
    rich, soon = (budget_cents or 0) >= HOT_BUDGET_CENTS, timeframe in SOON
    return "hot" if rich and soon else "warm" if rich or soon else "cold"


def add_lead(store: Store, key: str, body: Json) -> Answer:
    """Keep a lead; numbers that look like a card's are cut down in free text."""

    def work() -> Answer:
        row = body | {"score": score(body["budget_cents"], body["timeframe"]), "at": store.now()}
        row["note"] = masked(row["note"]) if row["note"] else row["note"]
        columns = ("phone", "name", "interest", "budget_cents", "timeframe", "score", "note", "recording", "at")
        row_id = _insert(store, "leads", columns, row)
        store.effect("lead", "leads", key, f"L{row_id}")
        return Answer(201, {"id": f"L{row_id}", **{column: row[column] for column in columns}})

    return store.once("leads", key, body, work)


def add_message(store: Store, key: str, body: Json) -> Answer:
    """Keep a message for a department; numbers that look like a card's are cut down in its text."""

    def work() -> Answer:
        row = body | {"at": store.now()}
        row["text"] = masked(row["text"]) if row["text"] else row["text"]
        columns = ("phone", "department", "text", "recording", "length_s", "call_id", "at")
        row_id = _insert(store, "messages", columns, row)
        store.effect("message", "messages", key, f"M{row_id}")
        return Answer(201, {"id": f"M{row_id}", **{column: row[column] for column in columns}})

    return store.once("messages", key, body, work)


def listed(store: Store, table: str, limit: int) -> Answer:
    """The newest leads or messages, newest first."""
    assert table in ("leads", "messages")
    rows = store.all(f"SELECT * FROM {table} ORDER BY id DESC LIMIT ?", limit)
    return Answer(200, {table: [row | {"id": f"{table[0].upper()}{row['id']}"} for row in rows]})


def _insert(store: Store, table: str, columns: tuple[str, ...], row: dict[str, Any]) -> int:
    marks = ",".join("?" * len(columns))
    return store.add(f"INSERT INTO {table}({','.join(columns)}) VALUES ({marks})", *(row[name] for name in columns))
