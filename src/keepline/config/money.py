"""`money:` of an operation file: what it costs that callers are not served."""

import re
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from keepline.config.dependencies import DependencyName
from keepline.config.tree import Tree, Where
from keepline.config.values import Name, StrictModel, matching, mistaken, written_as
from keepline.model.limits_desk import PRICE_MAX, PRICE_WORDS_MAX, SLA_STEPS_MAX
from keepline.model.money import MoneySettings, Price, SlaStep, SlaTerms
from keepline.paths.own_parts import TELEPHONY

_CURRENCY = re.compile(r"[A-Z]{3}")
Currency = Annotated[
    str,
    AfterValidator(matching(_CURRENCY, "write the three letters of ISO 4217, as `USD` or `EUR`")),
    written_as(f"^{_CURRENCY.pattern}$"),
]


class PriceFile(StrictModel):
    """One price."""

    low: float = Field(ge=0, le=PRICE_MAX, description="what it costs at least", examples=["4"])
    mid: float = Field(ge=0, le=PRICE_MAX, description="what it likely costs", examples=["9"])
    high: float = Field(ge=0, le=PRICE_MAX, description="what it costs at most", examples=["25"])
    why: str = Field(
        max_length=PRICE_WORDS_MAX,
        min_length=1,
        description="what the three figures rest on: whoever reads the bill asks",
        examples=["one caller in five buys for 45 on average"],
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.mid <= self.high:
            raise mistaken(
                f"the price is {self.low:g} at least, {self.mid:g} likely and {self.high:g} at most",
                "`low` is the smallest and `high` the greatest",
            )
        return self

    def price(self) -> Price:
        """As a value."""
        return Price(self.low, self.mid, self.high, self.why)


class SlaStepFile(StrictModel):
    """One step of a provider's terms."""

    below: float = Field(gt=0, le=100, description="per cent of a month that the path worked", examples=["99.9"])
    percent: float = Field(gt=0, le=100, description="of the monthly fee that is given back", examples=["10"])


class SlaFile(StrictModel):
    """The terms of one path's provider."""

    monthly_fee: float = Field(ge=0, le=PRICE_MAX, description="what the provider is paid a month", examples=["400"])
    credits: list[SlaStepFile] = Field(
        min_length=1, max_length=SLA_STEPS_MAX, description="what it gives back, by how much of a month the path worked"
    )
    claim_days: int = Field(
        default=0, ge=0, le=366, description="days after the month in which the credit can be claimed", examples=["30"]
    )
    why: str = Field(
        min_length=1, max_length=PRICE_WORDS_MAX, description="where that is written", examples=["contract of 2026, §7"]
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        steps = sorted(self.credits, key=lambda each: -each.below)
        for better, worse in pairwise(steps):
            if worse.below == better.below or worse.percent < better.percent:
                raise mistaken(
                    f"below {worse.below:g} % it gives back {worse.percent:g} %, and below {better.below:g} % "
                    f"{better.percent:g} %",
                    "the less a path worked, the more is given back; each step stands once",
                )
        return self

    def terms(self) -> SlaTerms:
        """As values."""
        steps = tuple(SlaStep(each.below, each.percent) for each in self.credits)
        return SlaTerms(self.monthly_fee, steps, self.claim_days, self.why)


class MoneyFile(StrictModel):
    """`money:`"""

    currency: Currency = Field(description="in which all prices are", examples=["USD"])
    lost_call: PriceFile | None = Field(default=None, description="a caller who was not served")
    delayed_call: PriceFile | None = Field(default=None, description="a caller who waited")
    deferred: PriceFile | None = Field(default=None, description="what was promised, and is done later")
    minute_without: dict[Name, PriceFile] = Field(
        default_factory=dict, description="a minute without any fit path of a capability, by its name"
    )
    sla: dict[DependencyName, SlaFile] = Field(
        default_factory=dict,
        description="what the provider of a path gives back by its own terms, by the path's whole name",
    )


def money_settings_of(parsed: MoneyFile | None) -> MoneySettings | None:
    """What `money:` of a file that is right says."""
    if parsed is None:
        return None
    lost, delayed, deferred = (
        None if each is None else each.price() for each in (parsed.lost_call, parsed.delayed_call, parsed.deferred)
    )
    minutes = {name: each.price() for name, each in parsed.minute_without.items()}
    sla = {name: each.terms() for name, each in parsed.sla.items()}
    return MoneySettings(parsed.currency, lost, delayed, deferred, minutes, sla)


def check_money(tree: Tree) -> None:
    """Each minute that has a price is one without a capability that there is."""
    known = _mapping(tree.plain.get("capabilities"))
    for name in _mapping(_mapping(tree.plain.get("money")).get("minute_without")):
        if name not in known and name != TELEPHONY:
            where: Where = ("money", "minute_without", name)
            right = f"name one of {', '.join(sorted([*known, TELEPHONY]))}"
            tree.add_mistake(where, f"there is no capability `{name}`", right, at_key=True)
    paths = [f"{TELEPHONY}/{name}" for name in _mapping(tree.plain.get("trunks"))]
    for capability, each in known.items():
        found = _mapping(each).get("paths")
        paths += [f"{capability}/{name}" for name in map(_name_of, found if isinstance(found, list) else ()) if name]
    for name in _mapping(_mapping(tree.plain.get("money")).get("sla")):
        if name not in paths:
            place: Where = ("money", "sla", name)
            right = f"write a path's whole name, one of {', '.join(sorted(paths))}"
            tree.add_mistake(place, f"there is no path `{name}`", right, at_key=True)


def _name_of(path: Any) -> str:
    return str(_mapping(path).get("name", ""))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
