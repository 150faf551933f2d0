"""Requests to place a call, on their way from a command through the supervisor to the active calls process, and back.

The one who asks names the call's id, so that asking again after a switch-over places it once. The supervisor passes on
and remembers who asked; whether the call may be placed is the core's to say.
"""

from collections.abc import Mapping

from keepline.call.inputs import RING_TIMEOUT_S, PlaceCall
from keepline.node.control import Message


def request_of(wanted: PlaceCall) -> Message:
    """What a command sends."""
    return {
        "op": "place",
        "call": wanted.call,
        "number": wanted.number,
        "flow": wanted.flow,
        "from": wanted.from_number,
        "trunk": wanted.trunk,
        "variables": dict(wanted.variables),
        "ring_timeout_s": wanted.ring_timeout_s,
    }


def wanted_of(message: Message) -> PlaceCall | None:
    """What such a message asks for; None where it is none."""
    texts = [message.get(name, "") for name in ("call", "number", "flow", "from", "trunk")]
    variables, ring_s = message.get("variables", {}), message.get("ring_timeout_s", RING_TIMEOUT_S)
    if not isinstance(variables, Mapping) or not isinstance(ring_s, int | float):
        return None
    pairs = [(name, value) for name, value in variables.items() if isinstance(name, str) and isinstance(value, str)]
    if len(pairs) < len(variables) or not all(isinstance(text, str) for text in texts):
        return None
    call, number, flow, from_number, trunk = map(str, texts)
    return PlaceCall(number, flow, call, from_number, tuple(pairs), trunk, float(ring_s))
