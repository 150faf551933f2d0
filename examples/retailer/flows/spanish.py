"""+1 800 555 0101: where is my order, in Spanish.

The number's `language` in keepline.yaml is that of whatever names none; digits and dates are said in it too.
"""

from flows.promises import apologise
from keepline.flow import Call, Refused, flow

STATES = {
    "placed": "se está preparando", "packed": "se está preparando", "shipped": "está en camino",
    "out_for_delivery": "llega hoy", "delivered": "ya fue entregado", "cancelled": "fue cancelado",
}  # fmt: skip


@flow
async def order_in_spanish(call: Call) -> None:
    """Say how an order is doing."""
    number = await call.ask_digits(prompt="es_ask_order", count=6, min_count=6, timeout_s=8.0, retries=2)
    order = await call.use("orders.find", prompt="hold", number=number) if number else None
    if order is None:
        await call.outcome("no_order")
    elif order.ok:
        await call.outcome("order_status", order=order.number, status=order.status)
        await call.say("Su pedido {number:digits} {state}.", number=order.number, state=STATES[order.status])
        if order.status in ("placed", "packed", "shipped"):
            await call.say("Llega el {day:date}.", day=order.expected_on)
    elif isinstance(order, Refused):
        await call.outcome("no_order")
        await call.say("No tenemos ningún pedido con el número {number:digits}.", number=number)
    else:
        await apologise(call, "service", f"order {number}", order, words="es_")
    await call.say(prompt="es_goodbye")
    await call.hangup()
