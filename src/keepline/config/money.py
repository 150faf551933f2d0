"""`money:` of an operation file: what it costs that callers are not served."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from keepline.config.tree import Tree, Where
from keepline.config.values import Name, StrictModel, matching, mistaken, written_as
from keepline.model.limits_desk import PRICE_MAX, PRICE_WORDS_MAX
from keepline.model.money import MoneySettings, Price
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


class MoneyFile(StrictModel):
    """`money:`"""

    currency: Currency = Field(description="in which all prices are", examples=["USD"])
    lost_call: PriceFile | None = Field(default=None, description="a caller who was not served")
    delayed_call: PriceFile | None = Field(default=None, description="a caller who waited")
    deferred: PriceFile | None = Field(default=None, description="what was promised, and is done later")
    minute_without: dict[Name, PriceFile] = Field(
        default_factory=dict, description="a minute without any fit path of a capability, by its name"
    )


def money_settings_of(parsed: MoneyFile | None) -> MoneySettings | None:
    """What `money:` of a file that is right says."""
    if parsed is None:
        return None
    lost, delayed, deferred = (
        None if each is None else each.price() for each in (parsed.lost_call, parsed.delayed_call, parsed.deferred)
    )
    minutes = {name: each.price() for name, each in parsed.minute_without.items()}
    return MoneySettings(parsed.currency, lost, delayed, deferred, minutes)


def check_money(tree: Tree) -> None:
    """Each minute that has a price is one without a capability that there is."""
    known = _mapping(tree.plain.get("capabilities"))
    for name in _mapping(_mapping(tree.plain.get("money")).get("minute_without")):
        if name not in known and name != TELEPHONY:
            where: Where = ("money", "minute_without", name)
            right = f"name one of {', '.join(sorted([*known, TELEPHONY]))}"
            tree.add_mistake(where, f"there is no capability `{name}`", right, at_key=True)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
