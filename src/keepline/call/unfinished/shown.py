"""An item of the work list as people and programs read it: everything that is needed to finish it by hand.

Secrets show as masks: of them nothing but their length is known here.
"""

from typing import Any

from keepline.call.facts.work import UseKept, UsePending
from keepline.call.unfinished.book import ItemState, WorkItem
from keepline.flow.capabilities import outcome_words, read_value
from keepline.flow.secrets import SecretHandle

MASK = "•"


def shown(item: WorkItem) -> dict[str, Any]:
    """The item as JSON; times in seconds since the epoch. The fields are in `docs/reference/work.md`."""
    begun = item.begun
    opened, closed, resolved = item.opened, item.closed, item.resolved
    is_resolved = item.state is ItemState.RESOLVED
    return {
        "id": item.id,
        "about": item.about,
        "state": item.state.value,
        "why": item.why,
        "at": begun.at_s,
        "call": begun.call,
        "from": begun.from_number,
        "to": begun.to_number,
        "flow": begun.flow,
        "step": begun.step if begun.step >= 0 else None,
        "use": f"{begun.capability}.{begun.action}" if begun.capability else "",
        "arguments": _masked(read_value(begun.arguments)) if begun.arguments else {},
        "idempotency_key": item.key if begun.capability else "",
        "path": begun.path,
        "series": begun.series if isinstance(begun, UseKept) else "",
        "operation": begun.operation,
        "first_sent_at": begun.first_at_s or None,
        "last_sent_at": item.sent_at_s or None,
        "attempts": item.attempts,
        "key": opened.key if opened is not None else "",
        "parent": opened.parent if opened is not None else "",
        "variables": _masked(read_value(opened.variables)) if opened is not None and opened.variables else {},
        "made": _masked(read_value(opened.made)) if opened is not None and opened.made else [],
        "error": opened.error if opened is not None else "",
        "tries": [{"at": each.at_s, "asks": each.asks, "why": each.why} for each in item.tries],
        "next_try_at": item.next_at_s,
        "until": begun.until_s if isinstance(begun, UsePending | UseKept) else None,
        "opened_at": opened.at_s if opened is not None else None,
        "closed_at": closed.at_s if closed is not None else resolved.at_s if is_resolved and resolved else None,
        "closed_by": closed.by if closed is not None else "",
        "outcome": closed.outcome if closed is not None else outcome_words(resolved.outcome) if resolved else "",
        "note": closed.note if closed is not None else "",
    }


def _masked(value: Any) -> Any:
    if isinstance(value, SecretHandle):
        return MASK * value.count
    if isinstance(value, dict):
        return {name: _masked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
