"""Calls, found and shown: a search through the newest records, and the timeline of one. It reads the journal alone.

A search looks through a limited number of records and says where the next one goes on, so that no question of one
viewer keeps the others waiting. Records of calls that ended are kept for a while: they hardly ever change.
"""

import threading
import time
from collections import OrderedDict
from typing import Final

from keepline.desk.models import Call, Calls
from keepline.desk.models_board import LadderStep, Timeline, TimelineEvent
from keepline.desk.source import Source
from keepline.model.limits_desk import DESK_CALLS_MAX, SEARCH_CALLS_MAX, TIMELINE_EVENTS_MAX

KEPT_S: Final = 20.0
"""What becomes of a change that was in doubt may still be added to the record of a call that ended."""
FIELD_CHARS_MAX: Final = 120
_CHUNK: Final = 100
_LEFT_OUT: Final = frozenset(("call", "at_s"))


class CallSearch:
    """The calls of one node. Every method may be called from any thread, may block and raises `Unavailable`."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, Call]] = OrderedDict()

    def find(self, words: str, limit: int, before: str = "") -> Calls:
        """The newest `limit` calls in which every word is found, the newest last; with where to go on."""
        wanted = words.lower().split()
        found: list[Call] = []
        searched, position = 0, before
        while searched < SEARCH_CALLS_MAX:
            chunk = self._source.call_ids(position, min(_CHUNK, SEARCH_CALLS_MAX - searched))
            for call_id, ended_at in chunk:
                position, searched = call_id, searched + 1
                call = self._call(call_id, has_ended=ended_at is not None)
                if call is not None and all(word in _text_of(call) for word in wanted):
                    found.append(call)
                    if len(found) == limit:
                        return Calls(calls=found[::-1], older=position, searched=searched)
            if len(chunk) < _CHUNK:
                return Calls(calls=found[::-1], searched=searched)
        return Calls(calls=found[::-1], older=position, searched=searched)

    def timeline(self, call_id: str) -> Timeline | None:
        """What happened in one call, None where there is none."""
        history = self._source.history(call_id)
        if history is None:
            return None
        return Timeline(
            id=call_id,
            events=[
                TimelineEvent(
                    position=each.position,
                    at=each.at_s,
                    kind=each.kind,
                    fields={
                        name: text
                        for name, value in each.fields.items()
                        if name not in _LEFT_OUT and (text := one_line(_last_line(value) if name == "error" else value))
                    },
                )
                for each in history.events[-TIMELINE_EVENTS_MAX:]
            ],
            ladder=[
                LadderStep(at=at_s, direction="in" if way == "->" else "out", text=one_line(text))
                for at_s, way, text in history.ladder[-TIMELINE_EVENTS_MAX:]
            ],
        )

    def _call(self, call_id: str, *, has_ended: bool) -> Call | None:
        now_s = time.monotonic()
        with self._lock:
            kept = self._kept.get(call_id)
        if kept is not None and now_s - kept[0] < KEPT_S:
            return kept[1]
        text = self._source.record(call_id)
        if text is None:
            return None
        call = Call.model_validate_json(text)
        if has_ended:
            with self._lock:
                self._kept[call_id] = (now_s, call)
                self._kept.move_to_end(call_id)
                while len(self._kept) > DESK_CALLS_MAX:
                    self._kept.popitem(last=False)
        return call


def _text_of(call: Call) -> str:
    parts = (
        call.id, call.direction, call.carrier, call.from_, call.to, call.flow, call.state, call.outcome, call.reason,
        call.ended_by, str(call.sip_status or ""), call.sip_call_id, *(each.carrier for each in call.carriers),
    )  # fmt: skip
    return "\n".join(parts).lower()


def one_line(value: object) -> str:
    """The first line of it, without what cannot be printed, and no more than fits on one."""
    first, *rest = str("" if value is None else value).splitlines() or [""]
    first = "".join(sign if sign.isprintable() else "\ufffd" for sign in first)
    if len(first) > FIELD_CHARS_MAX:
        return f"{first[: FIELD_CHARS_MAX - 1]}…"
    return f"{first} …" if any(map(str.strip, rest)) else first


def _last_line(traceback: object) -> str:
    return next(reversed(str(traceback or "").strip().splitlines()), "")
