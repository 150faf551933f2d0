"""2: book, move or cancel a delivery appointment.

Two callers may want the same window at the same moment. Nothing here reserves anything while a caller thinks: whoever
says yes first has it, and the other one hears of the next that is free. When many call at once those who lost would
all hear of the same one again, and all but one lose it: so whoever loses again is offered one further off.
"""

from zlib import crc32

from flows.orders import ask_order
from flows.promises import apologise, number_of
from keepline.flow import Call, Failure, Promised, Refused, Reply, Unavailable

WISHES = {"1": "in the morning", "2": "in the afternoon", "3": "at any time"}
FURTHER, FURTHER_MAX = 4, 64
"""Who has lost twice is offered one of the next 4 that are free, then one of the next 16, of 64 at most."""
OFFER = "We can deliver on {day:date}, from {start:time} to {end:time}. Press 1 to take it, 2 for the next one."


async def delivery(call: Call) -> None:
    """Whatever a caller may want of the delivery of an order."""
    order = await ask_order(call, department="delivery")
    if order is None:
        return
    if order.appointment is not None:
        await _change(call, order)
    elif order.can_book:
        await _agree(call, order.number, "booked", "appointments.book", order=order.number)
    else:
        await call.outcome("nothing_to_deliver", order=order.number, status=order.status)
        await call.say("There is no delivery to arrange for order {number:digits}.", number=order.number)


async def _change(call: Call, order: Reply) -> None:
    now = await call.use("appointments.show", prompt="hold", appointment=order.appointment)
    if isinstance(now, Unavailable):
        wish = await call.ask_choice({"1": "move", "2": "cancel"}, "To move your delivery, press 1. To cancel it, 2.")
        if wish == "cancel":
            await _cancel(call, order)
        elif wish:
            await _wish(call, order.number, "moving")
        else:
            await call.outcome("unchanged", order=order.number, why=wish.reason)
            await call.say(prompt="goodbye")
        return
    if not now.ok:
        await apologise(call, "delivery", f"the delivery of order {order.number}", now)
        return
    wish = await call.ask_choice(
        {"1": "move", "2": "cancel"},
        "Your order arrives on {day:date}, from {start:time} to {end:time}. Press 1 to move that, 2 to cancel it.",
        day=now.day, start=now.start, end=now.end,
    )  # fmt: skip
    match wish:
        case "move":
            await _agree(call, order.number, "moved", "appointments.move", appointment=order.appointment)
        case "cancel":
            await _cancel(call, order)
        case Failure(reason=reason):
            await call.outcome("unchanged", order=order.number, why=reason)
            await call.say(prompt="goodbye")


async def _cancel(call: Call, order: Reply) -> None:
    done = await call.use("appointments.cancel", prompt="hold", appointment=order.appointment)
    if done.ok:
        await call.outcome("cancelled", order=order.number, slot=done.slot)
        await call.say("Your delivery on {day:date} is cancelled.", day=done.day)
    elif isinstance(done, Promised):
        await call.outcome("cancel_noted", order=order.number, noted=done.id)
        await call.say(prompt="cancel_noted")
    else:
        await apologise(call, "delivery", f"cancelling the delivery of order {order.number}", done)


async def _wish(call: Call, number: str, what: str) -> None:
    """Nobody can see now which windows are free, so none is given: what the caller would like is noted, and no more."""
    when = await call.ask_choice(WISHES, prompt="ask_wish", retries=1)
    if not when:
        await call.outcome("unchanged", order=number, why=when.reason)
        await call.say(prompt="goodbye")
        return
    text = f"Please call back about {what} the delivery of order {number}: {when}."
    noted = await call.use(
        "appointments.wish",
        prompt="hold",
        order=number,
        phone=number_of(call) or "withheld",
        text=text,
        call_id=call.id,
    )
    if noted.ok or isinstance(noted, Promised):
        await call.outcome("wish", order=number, when=when)
        await call.say(prompt="wish_noted")
    else:
        await apologise(call, "delivery", f"the delivery of order {number}", noted)


async def _agree(call: Call, number: str, done: str, action: str, **whose: str) -> None:
    """Offer one window after the other until the caller takes one that is still free then.

    `action` gives it to the order or appointment `whose`, and `done` is what the call has come to then.
    """
    slot, lost = await call.use("appointments.first_free", prompt="hold"), 0
    while slot.ok and slot.id is not None:
        match await call.ask_yes_no(OFFER, day=slot.day, start=slot.start, end=slot.end):
            case True:
                made = await call.use(action, prompt="hold", slot=slot.id, **whose)
                if made.ok:
                    await _confirm(call, number, done, made)
                    return
                if isinstance(made, Unavailable):
                    await _wish(call, number, "booking")
                    return
                if not isinstance(made, Refused) or made.code != "slot_taken":
                    await apologise(call, "delivery", f"the delivery of order {number}", made)
                    return
                await call.say(prompt="slot_taken")
                lost += 1
                skip = further(number, lost)
            case False:
                skip = 0  # the next one, then
            case Failure(reason=reason):
                await call.outcome("unchanged", order=number, why=reason)
                await call.say(prompt="goodbye")
                return
        slot = await call.use("appointments.next_free", prompt="hold", after=slot.id, skip=skip)
    if slot.ok or isinstance(slot, Refused):
        await call.outcome("no_slots", order=number)
        await call.say(prompt="no_slots")
    elif isinstance(slot, Unavailable):
        await _wish(call, number, "booking")
    else:
        await apologise(call, "delivery", f"the delivery of order {number}", slot)


def further(number: str, lost: int) -> int:
    """How many free windows to leave to others, for an order that has lost so many: not the same for all of them."""
    return crc32(f"{number} {lost}".encode()) % min(FURTHER ** (lost - 1), FURTHER_MAX)


async def _confirm(call: Call, number: str, done: str, made: Reply) -> None:
    """It is so: on record first, then told."""
    await call.outcome(done, order=number, slot=made.slot, confirmation=made.confirmation)
    await call.say(
        "Your delivery is {done}: {day:date}, from {start:time} to {end:time}. Its number: {confirmation:digits}.",
        done=done, day=made.day, start=made.start, end=made.end, confirmation=made.confirmation,
    )  # fmt: skip
