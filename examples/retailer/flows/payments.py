"""3: pay an invoice. Until cards can be keyed in secret, it says what is due and has a colleague call back."""

from flows.promises import apologise, promise
from keepline.flow import Call, Money, Reason, Refused, Reply

TRIES = 3


async def pay_invoice(call: Call) -> bool:
    """See to an invoice; True where the caller would rather go back to the menu."""
    for _ in range(TRIES):
        number = await call.ask_digits(prompt="ask_invoice", count=8, min_count=8, timeout_s=8.0, terminator="*")
        if number.reason == Reason.TOO_SHORT and not number.keyed:
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
    if await call.ask_yes_no("{due} are due. To pay now, press 1. If not, press 2.", due=due):
        await promise(call, "billing", f"wants to pay invoice {invoice.number}", "cards cannot be keyed yet")
    else:
        await call.outcome("not_charged", invoice=invoice.number)
        await call.say(prompt="not_charged")
