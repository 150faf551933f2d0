"""Requests that concern unfinished work, on their way through the supervisor to the active calls process."""

from typing import TYPE_CHECKING

from keepline.node.control import Message

if TYPE_CHECKING:
    from keepline.call.effects_work import CloseWork, RetryWork

OP = "close_work"
RETRY = "retry_work"
OPS = (OP, RETRY)


def request_of(wanted: "CloseWork | RetryWork") -> Message:
    """What a command sends; the answer comes back under the item's name, as that of a call does."""
    from keepline.call.effects_work import RetryWork

    if isinstance(wanted, RetryWork):
        return {"op": RETRY, "call": wanted.item, "by": wanted.by}
    return {
        "op": OP,
        "call": wanted.item,
        "by": wanted.by,
        "outcome": wanted.outcome,
        "note": wanted.note,
    }


def wanted_in(message: Message) -> "CloseWork | RetryWork | None":
    """What such a message asks for; None where it is none."""
    from keepline.call.effects_work import CloseWork, RetryWork  # the supervisor, which passes it on, does without

    is_retry = message.get("op") == RETRY
    texts = [message.get(name) for name in (("call", "by") if is_retry else ("call", "by", "outcome", "note"))]
    if not all(isinstance(text, str) for text in texts):
        return None
    return (RetryWork if is_retry else CloseWork)(*map(str, texts))


def counts_in(message: Message) -> dict[str, int]:
    """How much is unfinished, as a calls process tells it."""
    found = message.get("work")
    items = found.items() if isinstance(found, dict) else ()
    return {str(name): count for name, count in items if isinstance(count, int)}
