"""`outbound:` of an operation file: by which carriers calls go out, whom they may reach, and at what cost.

Source: ITU-T E.164.
"""

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from keepline.config.values import Name, StrictModel, matching, mistaken, parsed_by, written_as
from keepline.model.limits import OUTBOUND_CALLS_PER_HOUR_MAX, OUTBOUND_PREFIXES_MAX
from keepline.model.limits_carriers import CARRIER_CALLS_PER_S_MAX, CARRIERS_MAX
from keepline.model.operation import EmergencyRule, OutboundCarrier, OutboundPolicy
from keepline.sip.telephone import EXTENSION_DIGITS_MAX

AMOUNT_MAX = 1_000_000
_PREFIX = re.compile(rf"\*|\+[0-9]{{0,15}}|[0-9]{{1,{EXTENSION_DIGITS_MAX}}}|[A-Za-z][A-Za-z0-9._-]{{0,31}}")
_EMERGENCY_NUMBER = re.compile(r"\+?[0-9]{2,15}")
_CURRENCY = re.compile(r"[A-Z]{3}")


def parse_amount(text: str) -> Decimal:
    """An amount of money, `0.012`."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise mistaken(f"`{text}` is not an amount", "write it with a point, for example `0.012`") from None
    if not amount.is_finite() or not 0 <= amount <= AMOUNT_MAX:
        raise mistaken(f"`{text}` is out of range", f"an amount is 0 to {AMOUNT_MAX}")
    return amount


Amount = Annotated[
    Decimal, parsed_by(parse_amount), WithJsonSchema({"type": "number", "minimum": 0, "maximum": AMOUNT_MAX})
]
Prefix = Annotated[
    str,
    AfterValidator(
        matching(_PREFIX, "write a prefix in E.164 as `+49`, up to 6 digits of extensions as `10`, or a user's name")
    ),
    written_as(rf"^({_PREFIX.pattern})$"),
]
EmergencyNumber = Annotated[
    str,
    AfterValidator(matching(_EMERGENCY_NUMBER, "write the digits that are dialled, as `112`")),
    written_as(rf"^{_EMERGENCY_NUMBER.pattern}$"),
]
Currency = Annotated[
    str,
    AfterValidator(matching(_CURRENCY, "write the three letters of ISO 4217, as `EUR`")),
    written_as(rf"^{_CURRENCY.pattern}$"),
]


class EmergencyFile(StrictModel):
    """`emergency:`; refused or sent by a trunk, checked by `check_outbound`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["rule"]}, {"required": ["trunk"]}]})

    numbers: list[EmergencyNumber] = Field(
        min_length=1,
        max_length=OUTBOUND_PREFIXES_MAX,
        description="the emergency numbers, as they are dialled",
        examples=["[911, 112]"],
    )
    rule: Literal["refuse"] | None = Field(
        default=None, description="`refuse`: calls to them are not placed", examples=["refuse"]
    )
    trunk: Name | None = Field(
        default=None, description="or the trunk that they go out by, whatever else is allowed", examples=["carrier"]
    )


class CarrierFile(StrictModel):
    """One of `carriers:` of `outbound:`, by the name of its trunk"""

    order: int | None = Field(
        default=None,
        ge=1,
        le=CARRIERS_MAX,
        description="lower ones are asked first; those of one order share the calls; its place in the file",
        examples=["1"],
    )
    weight: int = Field(
        default=1,
        ge=0,
        le=100,
        description="its share among those of one order; 0: only if they fail",
        examples=["1"],
    )
    calls_per_s_max: float | None = Field(
        default=None, gt=0, le=CARRIER_CALLS_PER_S_MAX, description="calls begun in any second", examples=["20"]
    )
    channels_max: int | None = Field(default=None, ge=1, le=100_000, description="calls at once", examples=["60"])


class OutboundFile(StrictModel):
    """`outbound:`"""

    carriers: dict[Name, CarrierFile] = Field(
        default_factory=dict,
        max_length=CARRIERS_MAX,
        description="the trunks that calls go out by, in place of one another; none: the first with `outbound`",
        examples=["{first: {}, second: {}}"],
    )

    probe_every_s: float = Field(
        default=OutboundPolicy().probe_every_s,
        ge=0,
        le=3600,
        description="seconds without a word of it after which one of `carriers` is asked by OPTIONS; 0 never",
        examples=["30"],
    )
    allow: list[Prefix] = Field(
        default=[],
        max_length=OUTBOUND_PREFIXES_MAX,
        description="what may be called: prefixes in E.164, prefixes of extensions, users; without it nothing",
        examples=['["+1", "+49"]'],
    )
    deny: list[Prefix] = Field(
        default=[],
        max_length=OUTBOUND_PREFIXES_MAX,
        description="what is not called though it is allowed",
        examples=['["+1900"]'],
    )
    calls_per_hour_max: int = Field(
        default=OutboundPolicy().calls_per_hour_max,
        ge=0,
        le=OUTBOUND_CALLS_PER_HOUR_MAX,
        description="calls placed in any hour; the next one is refused",
        examples=["100"],
    )
    spend_per_hour_max: Amount | None = Field(
        default=None, description="what calls may cost in any hour, by `rates`", examples=["20"]
    )
    currency: Currency | None = Field(default=None, description="of the amounts (ISO 4217)", examples=["EUR"])
    rates: dict[Prefix, Amount] = Field(
        default_factory=dict,
        max_length=OUTBOUND_PREFIXES_MAX,
        description="the price of a started minute by prefix; the longest prefix counts",
        examples=['{"+1": 0.01}'],
    )
    emergency: EmergencyFile | None = Field(
        default=None,
        description="what becomes of calls to emergency numbers",
        examples=["{numbers: [911, 112], rule: refuse}"],
    )


def outbound_policy_of(parsed: OutboundFile) -> OutboundPolicy:
    """What `outbound:` of a file that is right says."""
    emergency = parsed.emergency
    return OutboundPolicy(
        allow=tuple(parsed.allow),
        deny=tuple(parsed.deny),
        calls_per_hour_max=parsed.calls_per_hour_max,
        spend_per_hour_max=parsed.spend_per_hour_max,
        currency=parsed.currency or "",
        rates=dict(parsed.rates),
        emergency=EmergencyRule(tuple(emergency.numbers), emergency.trunk or "") if emergency else None,
        carriers=tuple(
            OutboundCarrier(name, each.order or place, each.weight, each.calls_per_s_max, each.channels_max)
            for place, (name, each) in enumerate(parsed.carriers.items(), start=1)
        ),
        probe_every_s=parsed.probe_every_s,
    )
