"""`preflight:` of an operation file: what is looked at before it is needed. See `docs/reference/preflight.md`."""

from typing import Any

from pydantic import Field

from keepline.config.numbers import same_number
from keepline.config.outbound import Amount
from keepline.config.tree import Tree, Where
from keepline.config.values import Name, NumberText, StrictModel
from keepline.model.limits_carriers import CARRIER_CALLS_PER_S_MAX, CARRIERS_MAX
from keepline.model.limits_drills import DRILL_TEST_CALLS_MAX
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
    drill_carriers: list[Name] = Field(
        default=[],
        max_length=CARRIERS_MAX,
        description="trunks that `keepline drill run --production` may have away, for test calls alone",
        examples=["[north]"],
    )
    drill_calls_max: int = Field(
        default=Preflight().drill_calls_max,
        ge=3,
        le=DRILL_TEST_CALLS_MAX,
        description="test calls of one such drill",
        examples=["10"],
    )
    drill_spend_max: Amount | None = Field(
        default=None, description="what they may cost together, by `outbound.rates`", examples=["1.50"]
    )


def preflight_of(parsed: PreflightFile) -> Preflight:
    """What `preflight:` of a file that is right says."""
    return Preflight(
        parsed.every_s, parsed.calls_per_s, parsed.channels, dict(parsed.test_numbers), tuple(parsed.drill_carriers),
        parsed.drill_calls_max, parsed.drill_spend_max,
    )  # fmt: skip


def check_preflight(tree: Tree) -> None:
    """Each test number is of a trunk that places calls, and is nobody else's; what may be drilled is a carrier."""
    trunks, numbers = _mapping(tree.plain.get("trunks")), _mapping(tree.plain.get("numbers"))
    carriers = _mapping(_mapping(tree.plain.get("outbound")).get("carriers"))
    drilled = _mapping(tree.plain.get("preflight")).get("drill_carriers")
    for place, name in enumerate(drilled if isinstance(drilled, list) else ()):
        if name not in carriers or len(carriers) < 2:
            at: Where = ("preflight", "drill_carriers", place)
            tree.add_mistake(at, f"`{name}` is none of several carriers", "name one of `outbound.carriers`")
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
