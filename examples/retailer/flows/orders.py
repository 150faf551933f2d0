"""1: where is my order. It only asks; nothing here changes anything."""

from flows.promises import apologise
from keepline.flow import Call, Refused, Reply

TRIES = 3
OLD_S = 900.0
"""An answer from an older copy is told with its age."""


async def where_is_my_order(call: Call) -> None:
    """Say how an order is doing."""
    order = await ask_order(call, department="service")
    if order is not None:
        await call.outcome("order_status", order=order.number, status=order.status, age_s=round(order.age_s))
        await say_age(call, order)
        await _tell(call, order)


async def say_age(call: Call, answer: Reply) -> None:
    """Say how old the copy is that an answer comes from, where that matters."""
    if answer.age_s > OLD_S:
        await call.say("As of {minutes} minutes ago.", minutes=round(answer.age_s / 60))


async def ask_order(call: Call, department: str) -> Reply | None:
    """Have the caller enter an order number until we have such an order.

    None where that came to nothing: the caller has been told, and all that is left is to end the call.
    """
    for _ in range(TRIES):
        # Too few digits, or none, are asked for again by the question itself.
        number = await call.ask_digits(prompt="ask_order", count=6, min_count=6, timeout_s=8.0, retries=2)
        if not number:
            break
        order = await call.use("orders.find", prompt="hold", number=number)
        if order.ok:
            return order
        # A refusal is an answer: there is no such order. Anything else is ours to be sorry for.
        if not isinstance(order, Refused):
            await apologise(call, department, f"order {number}", order)
            return None
        await call.say(prompt="order_unknown")
    await call.outcome("no_order")
    await call.say(prompt="goodbye")
    return None


async def _tell(call: Call, order: Reply) -> None:
    match order.status:
        case "placed" | "packed":
            await call.say(
                "Your {item}, order {number:digits}, is being prepared. We expect to deliver it on {day:date}.",
                item=order.item, number=order.number, day=order.expected_on,
            )  # fmt: skip
        case "shipped":
            await call.say(
                "Your {item}, order {number:digits}, is on its way with {carrier}. It arrives on {day:date}.",
                item=order.item, number=order.number, carrier=order.carrier, day=order.expected_on,
            )  # fmt: skip
        case "out_for_delivery":
            await call.say(
                "Your {item}, order {number:digits}, is out for delivery with {carrier}, and arrives today.",
                item=order.item, number=order.number, carrier=order.carrier,
            )  # fmt: skip
        case "delivered":
            await call.say(
                "Your {item}, order {number:digits}, was delivered on {day:date}.",
                item=order.item, number=order.number, day=order.delivered_on,
            )  # fmt: skip
        case _:
            await call.say("Your order {number:digits} was cancelled.", number=order.number)
