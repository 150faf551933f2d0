"""The menu of +1 800 555 0100: each key leads to a subject, and each subject has a module of its own.

A flow is an ordinary async function. Whatever it awaits is a step on record, so that another process can go on with the
call in the middle of it. That is why it decides by what its steps return, and by nothing else.
"""

from flows import appointments, orders, payments, people, promises, sales
from keepline.flow import Call, flow

CHOICES = {"1": "order", "2": "delivery", "3": "payment", "4": "sales", "0": "person"}


@flow
async def menu(call: Call) -> None:
    """Ask what it is about, deal with that, and end the call."""
    back_to_menu = True
    while back_to_menu:
        back_to_menu = False
        match await call.ask_choice(CHOICES, prompt="menu", on_invalid="There is nothing behind that key."):
            case "order":
                await orders.where_is_my_order(call)
            case "delivery":
                await appointments.delivery(call)
            case "payment":
                back_to_menu = await payments.pay_invoice(call)
            case "sales":
                await sales.qualify(call)
            case "person":
                await people.talk(call)
            case _:
                # Not a word and not a key, three times over.
                await call.outcome("no_choice")
                await call.say(prompt="goodbye")
    await call.hangup()


@flow
async def rescue(call: Call) -> None:
    """What is left to do when the menu has failed; the caller has heard the apology by now."""
    await promises.promise(call, "service", "called, and our telephone menu failed", "the flow failed")
    await call.hangup()
