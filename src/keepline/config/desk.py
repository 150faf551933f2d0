"""`desk:` of an operation file: who may see the board, and what takes two people. See `docs/reference/people.md`."""

from typing import Literal

from pydantic import Field

from keepline.config.values import StrictModel
from keepline.model.limits_people import APPROVAL_S_MAX
from keepline.model.people import DeskSettings

ActionName = Literal[
    "path.drain", "path.prefer", "path.disable", "path.release", "number.move", "number.return", "incident.close",
    "incident.override", "drill.run",
]  # fmt: skip
"""As `keepline.model.people.FOUR_EYES` has them (tested)."""


class DeskFile(StrictModel):
    """`desk:`"""

    open_board: bool = Field(
        default=DeskSettings().open_board,
        description="whether whoever can reach the desk sees the board, without callers",
        examples=["true"],
    )
    four_eyes: list[ActionName] = Field(
        default=[], description="actions that wait for a second person", examples=["[number.move, path.disable]"]
    )
    approve_within_s: float = Field(
        default=DeskSettings().approve_within_s,
        ge=10,
        le=APPROVAL_S_MAX,
        description="seconds that they wait for him",
        examples=["900"],
    )


def desk_settings_of(parsed: DeskFile) -> DeskSettings:
    """What `desk:` of a file that is right says."""
    return DeskSettings(parsed.open_board, tuple(parsed.four_eyes), parsed.approve_within_s)
