"""`dependencies:` of an operation file: what its paths depend on, and what they share.

Reference: `docs/reference/single-points.md`.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from keepline.config.values import StrictModel, matching, mistaken, written_as
from keepline.model.dependency import Dependency, Need
from keepline.model.limits import DEPENDENCY_NEEDS_MAX

_WORD = r"[A-Za-z][A-Za-z0-9_-]{0,63}"
_THING = rf"{_WORD}(?:/{_WORD})?"
_NAME = re.compile(_THING)
_NEED = re.compile(rf"{_THING}(?: or {_THING})*|([1-9][0-9]?) of {_THING}(?: {_THING})+")


def parse_need(text: str) -> Need:
    """`metronet`, `first or second`, `2 of a b c`; raises a pydantic error in our words."""
    found = _NEED.fullmatch(" ".join(text.split()))
    example = "write `NAME`, `NAME or NAME`, or `2 of NAME NAME NAME`"
    if found is None:
        raise mistaken(f"`{text}` is no need", example)
    words = tuple(found[0].split(" "))
    names = words[2:] if found[1] else tuple(word for word in words if word != "or")
    if len(set(names)) < len(names):
        raise mistaken(f"`{text}` names one twice", "name each once")
    at_least = int(found[1]) if found[1] else 1
    if at_least > len(names):
        raise mistaken(f"`{text}` asks for {at_least} of {len(names)}", example)
    return Need(names, at_least)


def _need_text(text: str) -> str:
    parse_need(text)
    return text


DependencyName = Annotated[
    str,
    AfterValidator(matching(_NAME, "write a name, or `CAPABILITY/PATH` of something in the file")),
    written_as(f"^{_NAME.pattern}$"),
]
NeedText = Annotated[str, AfterValidator(_need_text), written_as(f"^({_NEED.pattern})$")]


class DependencyFile(StrictModel):
    """One of `dependencies:`"""

    kind: (
        Literal["isp", "region", "power", "machine", "network", "dns", "vendor", "service", "person", "role", "thing"]
        | None
    ) = Field(default=None, description="what it is; for the words of a remedy", examples=["isp"])
    needs: list[NeedText] = Field(
        default=[],
        max_length=DEPENDENCY_NEEDS_MAX,
        description="what it depends on: all of these, each `NAME`, `NAME or NAME`, or `2 of NAME NAME NAME`",
        examples=["[power, first_uplink or second_uplink]"],
    )
    critical: bool = Field(
        default=False, description="whether the operation is not whole without it", examples=["true"]
    )


# The frozen values ----------------------------------------------------------------------------------------------------


def dependencies_of(parsed: dict[str, DependencyFile]) -> dict[str, Dependency]:
    """What `dependencies:` of a file that is right says."""
    return {
        name: Dependency(name, each.kind or "", tuple(map(parse_need, each.needs)), each.critical)
        for name, each in parsed.items()
    }
