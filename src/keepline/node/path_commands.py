"""Requests about paths, on their way from a command to the active calls process, and what that has to say of them."""

import time
from typing import TYPE_CHECKING

from keepline.node.control import Message

if TYPE_CHECKING:
    from keepline.call.effects_path import DrillCarrier, WishPath
    from keepline.call.exchange import Exchange
    from keepline.node.capabilities import Capabilities

OPS = WISH, TELL, DRILL = "wish_path", "tell_paths", "drill_carrier"
PATHS_TOLD_MAX = 150
"""In one answer, which is one message."""


def wish_request(wanted: "WishPath") -> Message:
    """What a command sends; the answer comes back under the request's own id, as that of a call does."""
    return {
        "op": WISH,
        "call": wanted.asked,
        "path": wanted.path,
        "wish": wanted.wish,
        "for_s": wanted.for_s,
        "why": wanted.why,
        "by": wanted.by,
    }


def wish_wanted(message: Message) -> "WishPath":
    """What such a message asks for; the core says what is wrong with it."""
    from keepline.call.effects_path import WishPath  # the supervisor, which passes it on, does without

    asked, path, wish, why, by = (str(message.get(name, "")) for name in ("call", "path", "wish", "why", "by"))
    for_s = message.get("for_s")
    return WishPath(asked, path, wish, float(for_s) if isinstance(for_s, int | float) else 0.0, why, by)


def drill_request(wanted: "DrillCarrier") -> Message:
    """The same of a carrier that is to be away for test calls."""
    told = {"op": DRILL, "call": wanted.asked, "carrier": wanted.carrier, "fault": wanted.fault}
    return told | {"for_s": wanted.for_s, "by": wanted.by}


def drill_wanted(message: Message) -> "DrillCarrier":
    """What such a message asks for."""
    from keepline.call.effects_path import DrillCarrier

    asked, carrier, fault, by = (str(message.get(name, "")) for name in ("call", "carrier", "fault", "by"))
    for_s = message.get("for_s")
    return DrillCarrier(asked, carrier, fault, float(for_s) if isinstance(for_s, int | float) else 0.0, by)


def told(message: Message, exchange: "Exchange", capabilities: "Capabilities | None") -> Message:
    """Every path as it stands, for who asked."""
    operation = exchange.programs[exchange.current].operation
    paths: list[dict[str, object]] = []
    drilled: dict[str, object] = {}
    if capabilities is not None:
        paths += exchange.switchboard.carriers.standings(operation, capabilities.choosing.now_s())
        paths += capabilities.choosing.standings(operation)
        drilled["drill"] = exchange.drilling.told(capabilities.choosing.now_s())
    return {
        "op": "placed",
        "ok": True,
        "call": str(message.get("call", "")),
        "paths": paths[:PATHS_TOLD_MAX],
        **drilled,
    }


def clock(at_s: float) -> str:
    """`10:04:31`, of the machine's own time."""
    return time.strftime("%H:%M:%S", time.localtime(at_s))
