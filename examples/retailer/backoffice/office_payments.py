"""The payment gateways: a charge happens once for each idempotency key, and what became of a key can be asked.

A gateway knows keys and cards; it does not know invoices. A second charge of one invoice under *another* key is a
second charge, as in life: it shows in the ledger and as `overpaid_cents`, and whoever chose the second key is to blame.
"""

import json
from functools import partial

from office_cards import brand_of, check_card, decline_reason
from office_store import Answer, Json, Store, refusal

GATEWAYS = ("north", "south")


def charge(store: Store, gateway: str, key: str, body: Json) -> Answer:
    """Charge a card; the payment, the invoice, the ledger and the kept answer change together or not at all."""
    return store.once(f"charges/{gateway}", key, body, partial(_charge, store, gateway, key, body))


def _charge(store: Store, gateway: str, key: str, body: Json) -> Answer:
    if store.one("SELECT 1 AS found FROM voids WHERE gateway = ? AND key = ?", gateway, key):
        return _voided()
    invoice = store.one("SELECT * FROM invoices WHERE number = ?", body["invoice"])
    if invoice is None:
        return refusal(404, "invoice_unknown", f"no invoice has the number {body['invoice']}")
    if invoice["void"]:
        return refusal(409, "invoice_void", f"invoice {body['invoice']} is void")
    number, card = body["card"]["number"], body["card"]
    problem = check_card(number, card["expiry"], card["cvv"], store.today)
    if problem is not None:
        message = f"the card cannot be charged: its {problem.field} {problem.problem}"
        return refusal(422, "card_invalid", message, field=problem.field)
    reason = decline_reason(number)
    status = "declined" if reason else "charged"
    row_id = store.add(
        "INSERT INTO payments(gateway, key, invoice, amount_cents, status, reason, last4, brand, at) "
        "VALUES (?,?,?,?,?,?,?,?,?)",
        gateway, key, body["invoice"], body["amount_cents"], status, reason, number[-4:], brand_of(number)[0],
        store.now(),
    )  # fmt: skip
    if reason:
        return refusal(402, "card_declined", f"the bank declined the card: {reason}", reason=reason)
    _pay(store, body["invoice"], body["amount_cents"])
    store.effect("charged", f"charges/{gateway}", key, body["invoice"], body["amount_cents"])
    return Answer(201, _payment(store, "id = ?", row_id))


def find(store: Store, gateway: str, key: str) -> Answer:
    """What became of a key: the answer it was given, or 404, which says that nothing has been done *so far*."""
    voided = store.one("SELECT 1 AS found FROM voids WHERE gateway = ? AND key = ?", gateway, key)
    kept = store.one("SELECT status FROM answers WHERE scope = ? AND key = ?", f"charges/{gateway}", key)
    if store.one("SELECT 1 AS found FROM payments WHERE gateway = ? AND key = ?", gateway, key):
        payment = _payment(store, "gateway = ? AND key = ?", gateway, key)
        return Answer(200, {"idempotency_key": key, "outcome": payment["status"], "payment": payment})
    if voided or kept:
        return Answer(200, {"idempotency_key": key, "outcome": "voided" if voided else "refused", "payment": None})
    message = "nothing has been done under this key so far; void it to be sure that nothing will"
    return refusal(404, "key_unknown", message)


def void(store: Store, gateway: str, key: str) -> Answer:
    """Make sure that nothing stays charged under a key: refund what was, refuse what is still on its way."""
    scope = f"charges/{gateway}"
    with store.writing():
        row = store.one("SELECT * FROM payments WHERE gateway = ? AND key = ?", gateway, key)
        store.add("INSERT OR IGNORE INTO voids VALUES (?,?)", gateway, key)
        if row is not None and row["status"] == "charged":
            store.add("UPDATE payments SET status = 'refunded' WHERE id = ?", row["id"])
            _pay(store, row["invoice"], -row["amount_cents"])
            store.effect("refunded", scope, key, row["invoice"], row["amount_cents"])
        # A charge that is sent again must not hear once more that it went through.
        no = json.dumps(_voided().body)
        store.add("UPDATE answers SET status = 409, body = ? WHERE scope = ? AND key = ?", no, scope, key)
        return find(store, gateway, key)


def payment(store: Store, gateway: str, payment_id: str) -> Answer:
    """One payment by its id."""
    digits = payment_id.removeprefix("P")
    row = digits.isdecimal() and store.one("SELECT id FROM payments WHERE id = ? AND gateway = ?", int(digits), gateway)
    if not row:
        return refusal(404, "payment_unknown", f"no payment of {gateway} has the id {payment_id}")
    return Answer(200, _payment(store, "id = ?", row["id"]))


def _voided() -> Answer:
    return refusal(409, "key_voided", "this Idempotency-Key was voided: nothing stays charged under it")


def _pay(store: Store, invoice: str, cents: int) -> None:
    store.add("UPDATE invoices SET paid_cents = paid_cents + ? WHERE number = ?", cents, invoice)


def _payment(store: Store, where: str, *values: str | int) -> Json:
    row = store.one(f"SELECT * FROM payments WHERE {where}", *values)
    assert row is not None
    return {
        "id": f"P{row['id']}", "gateway": row["gateway"], "status": row["status"], "invoice": row["invoice"],
        "amount_cents": row["amount_cents"], "currency": "USD", "card_last4": row["last4"],
        "card_brand": row["brand"], "receipt": str(700_000 + row["id"]), "reason": row["reason"], "at": row["at"],
        "idempotency_key": row["key"],
    }  # fmt: skip


def ledger(store: Store) -> Answer:
    """What was really done, one by one and by kind, invoice, slot and idempotency key; how often each key was sent."""
    totals = store.all("SELECT what, count(*) AS n FROM effects GROUP BY what")
    keys = store.all(
        "SELECT r.scope, r.key, r.received, r.replayed, r.conflicts, "
        "(SELECT count(*) FROM effects e WHERE e.scope = r.scope AND e.key = r.key AND e.what != 'refunded') AS done, "
        "(SELECT count(*) FROM effects e WHERE e.scope = r.scope AND e.key = r.key AND e.what = 'refunded') AS undone "
        "FROM requests r ORDER BY r.scope, r.key"
    )
    invoices = store.all(
        "SELECT reference AS invoice, sum(what = 'charged') AS charges, sum(what = 'refunded') AS refunds, "
        "sum(CASE what WHEN 'charged' THEN amount_cents ELSE -amount_cents END) AS net_cents FROM effects "
        "WHERE what IN ('charged', 'refunded') GROUP BY reference ORDER BY reference"
    )
    slots = store.all(
        "SELECT slot_id AS slot, count(*) AS booked FROM appointments WHERE status = 'booked' GROUP BY slot_id "
        "ORDER BY slot_id"
    )
    effects = store.all(
        "SELECT what, scope, key, reference, amount_cents, e.at, coalesce(m.call_id, '') AS call FROM effects e "
        "LEFT JOIN messages m ON e.what = 'message' AND e.reference = 'M' || m.id ORDER BY e.id"
    )
    return Answer(200, {
        "totals": {row["what"]: row["n"] for row in totals}, "invoices": invoices, "keys": keys, "slots": slots,
        "effects": effects,
    })  # fmt: skip
