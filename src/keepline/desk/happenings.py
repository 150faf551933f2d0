"""What happened, in words: from facts as they come, and from what the node said before and says now.

The newest so many are kept; what repeats within a minute is one line with a count. It names no caller's number: who
needs it opens the call.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from keepline.call.facts import CallEnded, Fact, FlowFailed, LineFellSilent, MessageRecorded, UsePending, UseResolved
from keepline.call.facts.incident import IncidentClosed, IncidentMoved, IncidentOpened, IncidentTaken
from keepline.call.facts.journal import JournalGap
from keepline.call.facts.path import PathWished
from keepline.call.facts.work import WorkClosed, WorkOpened
from keepline.desk.models import Status
from keepline.desk.models_board import Happening, Level, PathNow
from keepline.flow.capabilities import outcome_words
from keepline.model.limits_desk import BOARD_HAPPENINGS_MAX

HAPPENING_FACTS: Final = (
    FlowFailed, LineFellSilent, MessageRecorded, UsePending, UseResolved, JournalGap, PathWished, WorkClosed,
    WorkOpened,
)  # fmt: skip
_NO_CALL: Final = (PathWished, IncidentOpened, IncidentMoved, IncidentTaken, IncidentClosed)
TOGETHER_S: Final = 60.0
TEXT_CHARS_MAX: Final = 200


class Happenings:
    """The last of them."""

    def __init__(self) -> None:
        self._kept: deque[Happening] = deque(maxlen=BOARD_HAPPENINGS_MAX)
        self._status: Status | None = None
        self._paths: Mapping[str, PathNow] = {}

    def newest_first(self) -> list[Happening]:
        """As they are shown."""
        return sorted(self._kept, key=lambda each: -each.at)

    def add(self, at_s: float, level: Level, text: str, call: str = "") -> None:
        """One more; the same again within a minute is counted."""
        text = text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"
        for index, each in enumerate(self._kept):
            if each.text == text and abs(at_s - each.at) < TOGETHER_S:
                self._kept[index] = Happening(at=at_s, level=level, text=text, call=call, count=each.count + 1)
                return
        self._kept.append(Happening(at=at_s, level=level, text=text, call=call))

    def count(self, fact: Fact) -> None:
        """One fact, in order."""
        told = _told(fact)
        if told is not None:
            level, text = told
            self.add(fact.at_s, level, text, "" if isinstance(fact, _NO_CALL) else fact.call)

    def compare_status(self, status: Status, now_s: float) -> None:
        """What is different from the last time."""
        before, self._status = self._status, status
        if before is None:
            return
        if before.state != status.state:
            self.add(now_s, "note", f"The node is {status.state}")
        for text in status.trouble:
            if text not in before.trouble:
                self.add(now_s, "bad", text)
        for text in before.trouble:
            if text not in status.trouble:
                self.add(now_s, "good", f"Over: {text}")
        for name, was, now in (
            ("takes calls", before.processes.calls.active, status.processes.calls.active),
            ("sends audio", before.processes.media, status.processes.media),
        ):
            if was is not None and now is not None and was.pid != now.pid:
                self.add(now_s, "note", f"Another process {name} now: {now.pid} in place of {was.pid}")
            elif was is not None and now is None:
                self.add(now_s, "bad", f"The process that {name} is gone: {was.pid}")
            elif was is None and now is not None:
                self.add(now_s, "good", f"A process {name} again: {now.pid}")

    def compare_paths(self, paths: Iterable[PathNow], now_s: float) -> None:
        """What is different from the last time."""
        before, self._paths = self._paths, {each.path: each for each in paths}
        for name, path in self._paths.items():
            was = before.get(name)
            if was is None or was.condition == path.condition:
                continue
            level: Level = "bad" if path.condition == "down" else "note" if path.condition == "degraded" else "good"
            evidence = f": {path.evidence}" if path.evidence else ""
            self.add(now_s, level, f"{name} is {path.condition}, was {was.condition}{evidence}")


def refusal_of(fact: CallEnded) -> tuple[Level, str]:
    """That a caller was refused."""
    return "bad", f"A caller was refused: {fact.sip_status} {fact.reason}".rstrip()


_BETTER: Final = ("mitigated", "cleared", "passed")


def _exercise(fact: IncidentOpened) -> str:
    return "EXERCISE. " if fact.exercise else ""


def _told(fact: Fact) -> tuple[Level, str] | None:
    if isinstance(fact, FlowFailed):
        why = next(reversed(fact.error.strip().splitlines()), "")
        return "bad", f"The flow {fact.flow} failed: {why}"
    if isinstance(fact, LineFellSilent):
        return "note", "A caller's line fell silent"
    if isinstance(fact, MessageRecorded):
        return "good", "A caller left a message"
    if isinstance(fact, UsePending):
        return "note", f"What became of {fact.capability}.{fact.action} is in doubt: the node goes on asking"
    if isinstance(fact, UseResolved):
        return "good", f"What became of {fact.name} is known: {outcome_words(fact.outcome)}"
    if isinstance(fact, JournalGap):
        return "bad", f"{fact.facts} facts were written late, {fact.lost} are lost: the disk took nothing"
    if isinstance(fact, IncidentOpened):
        return "bad", f"{_exercise(fact)}An incident: {fact.cause}"
    if isinstance(fact, IncidentMoved):
        return "good" if fact.event in _BETTER else "bad", f"{fact.call} is {fact.event}: {fact.why}"
    if isinstance(fact, IncidentTaken):
        return "note", f"{fact.by} commands {fact.call}"
    if isinstance(fact, IncidentClosed):
        return "good", f"{fact.call} is closed" + (f" by {fact.by}" if fact.by else "")
    if isinstance(fact, PathWished):
        by = f" by {fact.by}" if fact.by else ""
        return "note", f"{fact.path}: {fact.wish}{by}" + (f" ({fact.why})" if fact.why else "")
    if isinstance(fact, WorkOpened):
        return "bad", f"A person is needed: {fact.why}"
    if isinstance(fact, WorkClosed):
        return "good", "An item of the work list is closed"
    return None
