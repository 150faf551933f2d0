"""`callbacks:` of an operation file: who is called back by which flow, when and how often."""

import re
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from keepline.config.values import Name, StrictModel, matching, mistaken, parsed_by, written_as
from keepline.model.callbacks import CallbackHours, CallbackSettings
from keepline.model.limits import RING_TIMEOUT_S_MAX
from keepline.model.limits_callbacks import CALLBACK_ATTEMPTS_MAX, CALLBACK_WITHIN_S_MAX, CALLBACK_WORDS_MAX

_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")
_HOURS_PATTERN = f"^{_HOURS.pattern}$"
_NUMBER = re.compile(r"\+[0-9]{7,15}|[0-9]{2,6}")
_OUTCOME = re.compile(r"\S(.{0,62}\S)?")
HoursText = tuple[int, int]
"""Minutes after midnight."""


def parse_hours(text: str) -> HoursText:
    """`09:00-20:00`."""
    found = _HOURS.fullmatch(text)
    if found is None:
        raise mistaken(f"`{text}` are no hours", "write them as `09:00-20:00`")
    opens, closes = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if closes > 24 * 60:
        raise mistaken(f"`{text}` ends after midnight", "the day ends at `24:00`")
    if opens == closes:
        raise mistaken(f"`{text}` is no time at all", "leave `hours` away for any time of the day")
    return opens, closes


def parse_zone(text: str) -> str:
    """`Europe/Berlin`, as the system's database has it."""
    try:
        ZoneInfo(text)
    except (KeyError, OSError, ValueError):
        right = "write one as `Europe/Berlin`, `America/New_York`, `UTC`"
        raise mistaken(f"there is no time zone `{text}`", right) from None
    return text


Hours = Annotated[HoursText, parsed_by(parse_hours), written_as(_HOURS_PATTERN)]
Zone = Annotated[str, AfterValidator(parse_zone)]
OutcomeWord = Annotated[
    str,
    AfterValidator(matching(_OUTCOME, "write the word that a flow notes by `call.outcome`, as `voicemail`")),
    written_as(f"^{_OUTCOME.pattern}$"),
]
FromNumber = Annotated[
    str,
    AfterValidator(matching(_NUMBER, "write a number in E.164 as `+18005550100`, or an extension")),
    written_as(f"^({_NUMBER.pattern})$"),
]
_DEFAULTS = CallbackSettings("")


class CallbacksFile(StrictModel):
    """`callbacks:`"""

    flow: Name = Field(description="the flow that talks to whoever is called back", examples=["call_back"])
    within_s: float = Field(
        default=_DEFAULTS.within_s,
        gt=0,
        le=CALLBACK_WITHIN_S_MAX,
        description="seconds after the promise at which it is too late: somebody's work then",
        examples=["14400"],
    )
    hours: Hours | None = Field(
        default=None, description="the hours of the day in which people may be called", examples=["09:00-20:00"]
    )
    time_zone: Zone | None = Field(default=None, description="of `hours`", examples=["Europe/Berlin"])
    attempts: int = Field(
        default=_DEFAULTS.attempts,
        ge=1,
        le=CALLBACK_ATTEMPTS_MAX,
        description="times that somebody is called who does not answer",
        examples=["3"],
    )
    retry_s: float = Field(
        default=_DEFAULTS.retry_s,
        ge=10,
        le=CALLBACK_WITHIN_S_MAX,
        description="seconds between two of them",
        examples=["600"],
    )
    after_s: float = Field(
        default=_DEFAULTS.after_s,
        ge=0,
        le=CALLBACK_WITHIN_S_MAX,
        description="seconds from noticing that a caller was lost to the call: who is heard again by then gets none",
        examples=["15"],
    )
    ring_timeout_s: float = Field(
        default=_DEFAULTS.ring_timeout_s,
        gt=0,
        le=RING_TIMEOUT_S_MAX,
        description="seconds that it may ring",
        examples=["30"],
    )
    from_: FromNumber | None = Field(
        default=None, alias="from", description="whom they see calling; the trunk's number", examples=["+18005550100"]
    )
    lines_min: int = Field(
        default=_DEFAULTS.lines_min,
        ge=2,
        le=1000,
        description="so many lines of a carrier that fall silent together are lost; fewer if it answers nothing",
        examples=["3"],
    )
    not_reached: list[OutcomeWord] = Field(
        default=list(_DEFAULTS.not_reached),
        max_length=CALLBACK_WORDS_MAX,
        description="outcomes of `flow` after which it is tried again",
        examples=["[voicemail]"],
    )
    served: list[OutcomeWord] = Field(
        default=[],
        max_length=CALLBACK_WORDS_MAX,
        description="outcomes of a call that was lost after which its caller needs no call",
        examples=["[paid, booked]"],
    )


def callback_settings_of(parsed: CallbacksFile | None) -> CallbackSettings | None:
    """What `callbacks:` of a file that is right says."""
    if parsed is None:
        return None
    hours = None
    if parsed.hours is not None and parsed.time_zone is not None:
        hours = CallbackHours(*parsed.hours, ZoneInfo(parsed.time_zone), parsed.time_zone)
    return CallbackSettings(
        parsed.flow,
        parsed.within_s,
        hours,
        parsed.attempts,
        parsed.retry_s,
        parsed.after_s,
        parsed.ring_timeout_s,
        parsed.from_ or "",
        parsed.lines_min,
        tuple(parsed.not_reached),
        tuple(parsed.served),
    )
