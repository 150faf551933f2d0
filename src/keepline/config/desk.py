"""`desk:` of an operation file: who may see the board. See `docs/reference/people.md`."""

from pydantic import Field

from keepline.config.values import StrictModel
from keepline.model.people import DeskSettings


class DeskFile(StrictModel):
    """`desk:`"""

    open_board: bool = Field(
        default=DeskSettings().open_board,
        description="whether whoever can reach the desk sees the board, without callers",
        examples=["true"],
    )


def desk_settings_of(parsed: DeskFile) -> DeskSettings:
    """What `desk:` of a file that is right says."""
    return DeskSettings(parsed.open_board)
