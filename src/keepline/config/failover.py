"""`carrier:` and `failover:` of a number: who brings its calls, and what becomes of it where that carrier does not.

Reference: `docs/reference/numbers.md`.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from keepline.config.values import NumberText, StrictModel, matching, parse_advertised, written_as
from keepline.model.failover import NONE, Failover
from keepline.model.limits_numbers import NUMBER_ADDRESSES_MAX, NUMBER_HOLD_S_MAX

_ASKED = re.compile(r"([A-Za-z][\w-]{0,63})\.([A-Za-z_]\w{0,63})", re.A)


def parse_own_address(text: str) -> str:
    """`203.0.113.9` or `203.0.113.9:5060`; raises a pydantic error in our words."""
    parse_advertised(text)
    return text


Asked = Annotated[
    str,
    AfterValidator(matching(_ASKED, "write CAPABILITY.ACTION, for example `portal.point`")),
    written_as(rf"^{_ASKED.pattern}$"),
]
OwnAddress = Annotated[str, AfterValidator(parse_own_address)]


class FailoverFile(StrictModel):
    """`failover:` of a number; what goes with which method is checked by `check_failover`."""

    method: Literal["origination", "api", "second_number", "none"] = Field(
        description="`origination`, `api`, `second_number` or `none`", examples=["api"]
    )
    addresses: list[OwnAddress] = Field(
        default=[],
        max_length=NUMBER_ADDRESSES_MAX,
        description="of `origination`: ours, in the order in which the carrier tries them",
        examples=["['203.0.113.9:5060', '198.51.100.4:5060']"],
    )
    ask: Asked | None = Field(
        default=None, description="of `api`: the action that points the number", examples=["portal.point"]
    )
    look: Asked | None = Field(
        default=None, description="the action that tells where the number points", examples=["portal.where"]
    )
    field: str | None = Field(
        default=None, max_length=64, description="of their answers: where it points", examples=["target"]
    )
    home: str | None = Field(default=None, max_length=256, description="where the number belongs", examples=["main"])
    away: str | None = Field(default=None, max_length=256, description="where it points meanwhile", examples=["backup"])
    arrives_by: str | None = Field(
        default=None, description="the trunk by which its calls come then", examples=["south"]
    )
    hold_s: float = Field(
        default=Failover(NONE).hold_s,
        ge=0,
        le=24 * NUMBER_HOLD_S_MAX,
        description="seconds that its carrier must be well before it returns",
        examples=["300"],
    )
    silent_s: float = Field(
        default=Failover(NONE).silent_s,
        ge=0,
        le=3600,
        description="seconds that its carrier must be out of reach where no calls are expected",
        examples=["30"],
    )
    number: NumberText | None = Field(
        default=None, description="of `second_number`: which one", examples=["+18005550102"]
    )


def failover_of(parsed: FailoverFile | None) -> Failover | None:
    """What `failover:` of a file that is right says."""
    if parsed is None:
        return None
    capability, _, action = (parsed.ask or "").partition(".")
    return Failover(
        method=parsed.method,
        addresses=tuple(parsed.addresses),
        capability=capability,
        action=action,
        look=(parsed.look or "").partition(".")[2],
        field=parsed.field or "",
        home=parsed.home or "",
        away=parsed.away or "",
        arrives_by=parsed.arrives_by or "",
        hold_s=parsed.hold_s,
        silent_s=parsed.silent_s,
        number=parsed.number or "",
    )
