"""Requests of people whose names and roles are known, on their way from the desk to the active calls process.

A decision wraps the request that it is about, as that would be sent by itself.
"""

from typing import TYPE_CHECKING, get_args

from keepline.node.control import Message

if TYPE_CHECKING:
    from keepline.call.effects_person import Decide, SettleAction
    from keepline.call.exchange import Exchange

OPS = DECIDE, SETTLE, WAITING = "decide", "settle_action", "tell_waiting"


def decide_request(
    id_: str, by: str, role: str, how: str, action: str, about: str, why: str, at_s: float = 0.0,
    wanted: Message | None = None,
) -> Message:  # fmt: skip
    """What the desk sends; `wanted` is the request that follows from it."""
    told: Message = {"op": DECIDE, "call": id_, "by": by, "role": role, "how": how, "action": action, "about": about}
    return told | {"why": why, "at_s": at_s, "wanted": wanted}


def settle_request(id_: str, held: str, by: str, role: str, how: str, approves: bool, why: str) -> Message:
    """The same of a second person's word."""
    told: Message = {"op": SETTLE, "call": id_, "held": held, "by": by, "role": role, "how": how}
    return told | {"approves": approves, "why": why}


def wanted_in(message: Message) -> "Decide | SettleAction | None":
    """What such a message asks for; None where it is no request of this kind."""
    from keepline.call.deciding import action_of
    from keepline.call.effects_person import Decide, Given, SettleAction
    from keepline.node.commands import asked_in

    def text(name: str) -> str:
        return str(message.get(name, ""))

    if message.get("op") == SETTLE:
        approves = message.get("approves") is True
        return SettleAction(text("call"), text("held"), text("by"), text("role"), text("how"), approves, text("why"))
    wanted, at_s = message.get("wanted"), message.get("at_s")
    action, about, given = text("action"), text("about"), None
    if isinstance(wanted, dict):
        if wanted.get("op") in OPS:
            return None
        found = asked_in(wanted | {"call": text("call"), "by": text("by")})
        if not isinstance(found, get_args(Given)):
            return None
        given = found
        action, about = action_of(given)
    when_s = float(at_s) if isinstance(at_s, int | float) else 0.0
    return Decide(text("call"), text("by"), text("role"), text("how"), action, about, text("why"), given, when_s)


def told(message: Message, exchange: "Exchange", now_s: float) -> Message:
    """What waits for a second person, for who asked."""
    waiting = [
        {"id": each.id, "at": each.at_s, "by": each.by, "role": each.role, "action": each.action, "about": each.about,
         "why": each.why, "until": each.until_s}
        for each in exchange.deciding.book.waiting(now_s)
    ]  # fmt: skip
    return {"op": "placed", "ok": True, "call": str(message.get("call", "")), "waiting": waiting}
