"""`preflight:` of an operation file: what is looked at before it is needed. See `docs/reference/preflight.md`."""

from typing import Any

from pydantic import Field

from keepline.config.numbers import same_number
from keepline.config.tree import Tree, Where
from keepline.config.values import Name, NumberText, StrictModel
from keepline.model.limits_carriers import CARRIER_CALLS_PER_S_MAX, CARRIERS_MAX
from keepline.model.preflight import Preflight


class PreflightFile(StrictModel):
    """`preflight:`"""

    every_s: float = Field(
        default=Preflight().every_s,
        ge=0,
        le=30 * 86_400,
        description="seconds between two looks of the node's own; 0 never",
        examples=["86400"],
    )
    calls_per_s: float | None = Field(
        default=None,
        gt=0,
        le=CARRIER_CALLS_PER_S_MAX,
        description="calls a second at the forecast peak",
        examples=["20"],
    )
    channels: int | None = Field(
        default=None, ge=1, le=100_000, description="calls at once at the forecast peak", examples=["300"]
    )
    test_numbers: dict[Name, NumberText] = Field(
        default_factory=dict,
        max_length=CARRIERS_MAX,
        description="a number of each carrier's, by its trunk, that test calls are made to",
        examples=['{north: "+18005550190", south: "+18005550191"}'],
    )


def preflight_of(parsed: PreflightFile) -> Preflight:
    """What `preflight:` of a file that is right says."""
    return Preflight(parsed.every_s, parsed.calls_per_s, parsed.channels, dict(parsed.test_numbers))


def check_preflight(tree: Tree) -> None:
    """Each test number is of a trunk that places calls, and is nobody else's."""
    trunks, numbers = _mapping(tree.plain.get("trunks")), _mapping(tree.plain.get("numbers"))
    taken = {same_number(str(number)): str(number) for number in numbers}
    for name, number in _mapping(_mapping(tree.plain.get("preflight")).get("test_numbers")).items():
        where: Where = ("preflight", "test_numbers", name)
        if not _mapping(trunks.get(name)).get("outbound"):
            wrong = f"`{name}` is no trunk that test calls can go out by"
            tree.add_mistake(where, wrong, "name a trunk that has `outbound`", at_key=True)
        if isinstance(number, str) and same_number(number) in taken:
            wrong = f"`{number}` is one of `numbers`, or there twice"
            tree.add_mistake(where, wrong, "have the carrier give a number to test calls alone")
        taken[same_number(str(number))] = str(number)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
