"""3: pay an invoice by card. The digits of a card are never here: a flow has handles, and the connector alone digits.

An invoice is never charged twice. The charge carries a key that is the same however often it has to be asked for; and
while nobody can tell what became of it, it is pending: the caller is told so, the flow tries nothing again, and the
node finds out when the call is over, or leaves it to a person (`keepline work`).
"""

from flows.orders import say_age
from flows.promises import apologise, number_of, promise
from keepline.flow import Call, Money, Promised, Reason, Refused, Reply, Run, Unknown, flow

TRIES = 3
NO_CARD = "That is not the number of a card."
NO_DATE = "That is no month and year."
PAY_LATER = "Please call back to take the payment of invoice {}."


async def pay_invoice(call: Call) -> bool:
    """See to an invoice; True where the caller would rather go back to the menu."""
    for _ in range(TRIES):
        number = await call.ask_digits(prompt="ask_invoice", count=8, min_count=8, timeout_s=8.0, terminator="*")
        if number.reason == Reason.TOO_SHORT and not number.keyed:  # nothing but the star
            return True
        if not number:
            continue
        invoice = await call.use("billing.invoice", prompt="hold", number=number)
        if invoice.ok:
            await _settle(call, invoice)
            return False
        if not isinstance(invoice, Refused):
            await apologise(call, "billing", f"invoice {number}", invoice)
            return False
        await call.say(prompt="invoice_unknown")
    await call.outcome("no_invoice")
    await call.say(prompt="goodbye")
    return False


async def _settle(call: Call, invoice: Reply) -> None:
    if not invoice.due_cents:
        await call.outcome("nothing_due", invoice=invoice.number, status=invoice.status)
        await call.say("Nothing is due on invoice {number:digits}. Thank you for calling.", number=invoice.number)
        return
    due = Money("USD", f"{invoice.due_cents // 100}.{invoice.due_cents % 100:02}")
    if invoice.age_s:
        # It may have been paid since: what is due is told, and nothing is charged by a copy.
        await say_age(call, invoice)
        await call.say("{due} are due.", due=due)
        await _later(call, invoice, "the invoice is from a copy")
        return
    if not await call.ask_yes_no("{due} are due. Press 1 to pay now, 2 if not.", due=due):
        await _not_charged(call, invoice, "did not want to")
        return
    card = await call.ask_secret_digits(prompt="ask_card", count=16, check="luhn", on_invalid=NO_CARD, timeout_s=15.0)
    expiry = card and await call.ask_secret_digits(prompt="ask_expiry", count=4, check="expiry", on_invalid=NO_DATE)
    cvv = expiry and await call.ask_secret_digits(prompt="ask_cvv", count=3)
    if not cvv:
        await _not_charged(call, invoice, "did not enter a card")
    elif await call.ask_yes_no("To pay {due} with this card, press 1. If not, press 2.", due=due):
        await _charge(call, invoice, due, {"number": card, "expiry": expiry, "cvv": cvv})
    else:
        await _not_charged(call, invoice, "did not confirm it")


async def _charge(call: Call, invoice: Reply, due: Money, card: dict[str, object]) -> None:
    about = {"invoice": invoice.number, "amount_cents": invoice.due_cents}
    paid = await call.use("payments.charge", prompt="hold", **about, card=card)
    # What it came to is on record before the caller hears it.
    if paid.ok and paid.status == "charged":
        await call.outcome("paid", **about, receipt=paid.receipt)
        await call.say("Thank you. {due} are paid. Your receipt has the number {receipt:digits}.",
                       due=due, receipt=paid.receipt)  # fmt: skip
    elif paid.ok or isinstance(paid, Refused):
        await call.outcome("declined", **about, why=paid.status if paid.ok else paid.code)
        await call.say(prompt="card_declined")
    elif isinstance(paid, Promised):
        await call.outcome("pay_later", **about, why=paid.reason)
        await call.say(prompt="pay_later")
    elif isinstance(paid, Unknown):
        await call.outcome("payment_pending", **about, why=paid.reason)
        await call.use(
            "messages.leave", prompt="hold", phone=number_of(call) or "withheld", department="billing",
            text=f"Was invoice {invoice.number} paid? The caller waits for an answer.", call_id=call.id,
        )  # fmt: skip
        await call.say(prompt="payment_pending")
    else:
        # It could not be asked for: nothing is charged, and we know it.
        await apologise(call, "billing", f"paying invoice {invoice.number}", paid)


async def _later(call: Call, invoice: Reply, why: str) -> None:
    phone = number_of(call)
    if not phone:
        await promise(call, "billing", f"paying invoice {invoice.number}", why)
        return
    await call.outcome("pay_later", invoice=invoice.number, amount_cents=invoice.due_cents, why=why)
    text = PAY_LATER.format(invoice.number)
    await call.use("messages.leave", prompt="hold", phone=phone, department="billing", text=text, call_id=call.id)
    await call.say(prompt="pay_later")


@flow
async def pay_later(run: Run) -> None:
    """Neither gateway would: have somebody call back, once the back office is there to be told."""
    wanted, phone = run.variables["arguments"], str(run.variables["from_number"])
    text = PAY_LATER.format(wanted["invoice"])
    left = None
    while not left:
        left = await run.use(
            "messages.leave", phone=phone or "withheld", department="billing", text=text, call_id=run.variables["call"]
        )
        if not left:
            await run.wait(60.0)
    await run.outcome("told", invoice=wanted["invoice"], message=left.id)


async def _not_charged(call: Call, invoice: Reply, why: str) -> None:
    await call.outcome("not_charged", invoice=invoice.number, why=why)
    await call.say(prompt="not_charged")
