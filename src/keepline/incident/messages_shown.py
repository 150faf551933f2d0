"""A message and what came of telling it, as `keepline message list --json` and the API have it. Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from keepline.call.facts import Fact
from keepline.call.facts.run import RunEnded, RunStepEnded
from keepline.flow.telling import AMBIGUOUS, MESSAGE_OVER, NOT_TOLD, TOLD
from keepline.incident.message_book import MessagePhase, MessageState

_WORDS: Final = {
    MessagePhase.WAITING: "waiting", MessagePhase.DECIDED: "decided", MessagePhase.SENT: "sent",
    MessagePhase.DROPPED: "dropped",
}  # fmt: skip
UNDER_WAY, NOT_BEGUN = "under way", "not begun"
DELIVERED, SENDING, RETRIED, FAILED, IN_DOUBT, IS_OVER = "delivered", "sending", "retried", "failed", "in doubt", "over"


def message_told(state: MessageState, deliveries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One message with its deliveries."""
    sent, edited, decided = state.sent, state.edited, state.decided
    told = sent or edited
    assert told is not None
    verdict = decided.verdict if decided is not None else ""
    return {
        "id": state.id,
        "incident": state.incident,
        "audience": state.audience,
        "stage": told.stage,
        "state": _WORDS[state.phase] if verdict in ("", "approved") or sent is not None else verdict,
        "at": told.at_s,
        "exercise": sent.exercise if sent is not None else "",
        "words": json.loads(sent.words) if sent is not None else {"": [edited.subject, edited.text]} if edited else {},
        "edited": edited is not None,
        "by": edited.by if edited is not None else sent.by if sent is not None else "",
        "until": edited.until_s if edited is not None and decided is None else None,
        "otherwise": edited.otherwise if edited is not None else "",
        "decided_by": decided.by if decided is not None else "",
        "decided_why": decided.why if decided is not None else "",
        "verdict": verdict,
        "next_update": (sent.next_update_s or None) if sent is not None else None,
        "deliveries": list(deliveries),
        "came_to": dict(Counter(each["state"] for each in deliveries)),
    }


def delivery_told(to: str, run: str, facts: Iterable[Fact]) -> dict[str, Any]:
    """One contact's delivery, by the facts of its run."""
    noted: dict[str, Any] = {}
    ended: RunEnded | None = None
    asked, has_begun = 0, False
    for fact in facts:
        has_begun = True
        if isinstance(fact, RunStepEnded) and fact.verb == "outcome":
            noted = json.loads(fact.value).get("fields", {})
        elif isinstance(fact, RunStepEnded) and fact.verb == "use":
            asked += 1
        elif isinstance(fact, RunEnded):
            ended = fact
    state = (ended.outcome or ended.ending) if ended is not None else UNDER_WAY if has_begun else NOT_BEGUN
    return {
        "to": to, "state": state, "shown": _shown(state, asked), "channel": noted.get("channel", ""),
        "address": noted.get("to", ""), "why": noted.get("why", ""), "attempts": asked, "run": run,
        "at": ended.at_s if ended is not None else None,
    }  # fmt: skip


def _shown(state: str, asked: int) -> str:
    """The same in a word for people: delivered, sending, retried, failed, in doubt or over."""
    if state in (UNDER_WAY, NOT_BEGUN):
        return RETRIED if asked else SENDING
    return {TOLD: DELIVERED, NOT_TOLD: FAILED, AMBIGUOUS: IN_DOUBT, MESSAGE_OVER: IS_OVER}.get(state, FAILED)
