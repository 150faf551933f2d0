"""Requests about messages, on their way from a command to the active calls process."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from keepline.node.control import Message

if TYPE_CHECKING:
    from keepline.call.effects_message import DecideMessage, SendMessage

SEND, DECIDE = "send_message", "decide_message"
OPS: Final = (SEND, DECIDE)


def message_request(wanted: "SendMessage | DecideMessage") -> Message:
    """What a command sends; the answer comes back under the request's own id."""
    from keepline.call.effects_message import SendMessage

    fields = asdict(wanted)
    return {"op": SEND if isinstance(wanted, SendMessage) else DECIDE, "call": fields.pop("asked"), **fields}


def message_wanted(message: Message) -> "SendMessage | DecideMessage":
    """What such a message asks for; the core says what is wrong with it."""
    from keepline.call.effects_message import DecideMessage, SendMessage  # the supervisor does without

    def text(name: str) -> str:
        return str(message.get(name) or "")

    if message.get("op") == SEND:
        return SendMessage(*map(text, ("call", "incident", "audience", "by", "subject", "text", "instead")))
    return DecideMessage(text("call"), text("message"), message.get("approve") is True, text("by"), text("why"))
