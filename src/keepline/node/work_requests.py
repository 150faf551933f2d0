"""Requests to close an item of the work list, on their way through the supervisor to the active calls process."""

from typing import TYPE_CHECKING

from keepline.node.control import Message

if TYPE_CHECKING:
    from keepline.call.effects_work import CloseWork

OP = "close_work"


def close_request(wanted: "CloseWork") -> Message:
    """What a command sends; the answer comes back under the item's name, as that of a call does."""
    return {
        "op": OP,
        "call": wanted.item,
        "by": wanted.by,
        "outcome": wanted.outcome,
        "note": wanted.note,
    }


def close_wanted(message: Message) -> "CloseWork | None":
    """What such a message asks for; None where it is none."""
    from keepline.call.effects_work import CloseWork  # the supervisor, which passes it on, does without

    texts = [message.get(name) for name in ("call", "by", "outcome", "note")]
    if not all(isinstance(text, str) for text in texts):
        return None
    return CloseWork(*map(str, texts))


def counts_in(message: Message) -> dict[str, int]:
    """How much is unfinished, as a calls process tells it."""
    found = message.get("work")
    items = found.items() if isinstance(found, dict) else ()
    return {str(name): count for name, count in items if isinstance(count, int)}
