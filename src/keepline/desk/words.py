"""Figures as people read them, for the pages: local times of the machine, shares, spans. `-` is what nobody knows."""

import json
import time
from collections.abc import Callable
from typing import Final

from keepline.desk.models import Call, Step
from keepline.incident.actions import day_told
from keepline.model.playbook import HALF_A_DAY_S

NOTHING: Final = "–"
_CONDITIONS: Final = {"yes": "good", "limited": "note", "no": "bad", "unknown": "none"}
_TONES: Final = {"healthy": "good", "degraded": "note", "down": "bad", "unknown": "none", "": "none"} | _CONDITIONS
_SERVED: Final = {"yes": "works", "limited": "limited", "no": "away", "unknown": "unknown"}


def clock(at_s: float | None) -> str:
    """`10:31:05`."""
    return NOTHING if at_s is None else time.strftime("%H:%M:%S", time.localtime(at_s))


def date(at_s: float | None) -> str:
    """`2026-11-23 10:31:05`."""
    return NOTHING if at_s is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_s))


def day(at_s: float) -> str:
    """`2026-11-23`, of what is due at its end, in UTC: the same for whoever has it, wherever he is."""
    return day_told(at_s)


def soon(at_s: float | None, since_s: float | None) -> str:
    """Its time of day, with the day where it is half a day or more after `since_s`: `10:31:05` would be today's."""
    return clock(at_s) if at_s is None or since_s is None or at_s - since_s < HALF_A_DAY_S else date(at_s)


def share(value: float | None) -> str:
    """`97 %`."""
    return NOTHING if value is None else f"{value:.0%}".replace("%", " %")


def figure(value: float | None, digits: int = 1) -> str:
    """A number with so many digits behind the point; whole ones without."""
    if value is None:
        return NOTHING
    return f"{value:.{digits}f}" if value % 1 else f"{value:.0f}"


def amount(value: float) -> str:
    """Money: `12,340`, and cents only below a hundred."""
    return f"{value:,.2f}" if abs(value) < 100 and value % 1 else f"{value:,.0f}"


def span(seconds: float | None) -> str:
    """`850 ms`, `12.5 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def tone(word: str) -> str:
    """good, note, bad or none: by which colour and sign something is shown."""
    return _TONES.get(word, "none")


def served(word: str) -> str:
    """How a capability is, in a word."""
    return _SERVED.get(word, word)


def lasted(call: Call) -> str:
    """From the answer to the end."""
    if call.answered_at is None:
        return NOTHING
    return NOTHING if call.ended_at is None else span(call.ended_at - call.answered_at)


def came_to(call: Call) -> str:
    """What a call came to, or what it is doing."""
    if call.state != "ended":
        return call.state
    refused = f" {call.sip_status}" if call.answered_at is None and call.sip_status else ""
    return (call.outcome or call.reason or "ended") + refused


def tone_of_call(call: Call) -> str:
    """The same as a colour."""
    if call.state != "ended":
        return "live"
    if call.error or call.outcome == "failed":
        return "bad"
    return "note" if call.answered_at is None else "good"


def result(step: Step) -> str:
    """What a step came to; of what a flow notes, the outcome and its fields."""
    if step.name != "outcome":
        return step.result
    try:
        noted = json.loads(step.result)
        fields = "".join(f", {name} {value}" for name, value in noted["fields"].items())
        return f"{noted['outcome']}{fields}"
    except (ValueError, TypeError, KeyError, AttributeError):
        return step.result


def since(at_s: float, began_s: float) -> str:
    """`+1.250 s`."""
    return f"+{max(0.0, at_s - began_s):.3f} s"


def kind(text: str) -> str:
    """A fact's kind in words: `call received`."""
    return text.partition(".")[0].replace("_", " ")


_ALL: Final = (
    clock, date, day, soon, share, figure, amount, span, tone, served, lasted, came_to, result, tone_of_call, since,
    kind,
)  # fmt: skip
FILTERS: Final[dict[str, Callable[..., str]]] = {each.__name__: each for each in _ALL}
