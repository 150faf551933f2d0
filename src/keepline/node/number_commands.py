"""Requests about numbers, on their way from a command to the active calls process, and what that has to say of them."""

from typing import TYPE_CHECKING

from keepline.model.limits_numbers import NUMBERS_TOLD_MAX
from keepline.node.control import Message

if TYPE_CHECKING:
    from keepline.call.effects_number import PointNumber
    from keepline.call.exchange import Exchange

OPS = POINT, TELL = "point_number", "tell_numbers"


def point_request(wanted: "PointNumber") -> Message:
    """What a command sends; the answer comes back under the request's own id, as that of a call does."""
    return {
        "op": POINT,
        "call": wanted.asked,
        "number": wanted.number,
        "to": wanted.to,
        "why": wanted.why,
        "by": wanted.by,
    }


def point_wanted(message: Message) -> "PointNumber":
    """What such a message asks for; the core says what is wrong with it."""
    from keepline.call.effects_number import PointNumber  # the supervisor, which passes it on, does without

    return PointNumber(*(str(message.get(name, "")) for name in ("call", "number", "to", "why", "by")))


def told(message: Message, exchange: "Exchange", now_s: float) -> Message:
    """Every number as it stands, for who asked."""
    numbers = exchange.numbers.standings(now_s)[:NUMBERS_TOLD_MAX]
    return {"op": "placed", "ok": True, "call": str(message.get("call", "")), "numbers": numbers}
