"""`hedge:` of a capability: when a second path is asked while the first is silent, and how often that may be."""

from typing import Any

from pydantic import Field

from keepline.config.answers import Strict
from keepline.config.tree import Tree, Where
from keepline.model.capability import Hedge
from keepline.model.limits_capabilities import HEDGE_SHARE_MAX


class HedgeFile(Strict):
    """`hedge:` of a capability"""

    after_s_min: float = Field(
        default=Hedge().after_s_min,
        gt=0,
        le=60,
        description="seconds that a path is waited for at least",
        examples=["0.1"],
    )
    after_s_max: float = Field(
        default=Hedge().after_s_max,
        gt=0,
        le=60,
        description="seconds that a path is waited for at most",
        examples=["1"],
    )
    share_max: float = Field(
        default=Hedge().share_max,
        gt=0,
        le=HEDGE_SHARE_MAX,
        description="of the uses, so many at most are asked of a second path",
        examples=["0.05"],
    )


def hedge_of(parsed: HedgeFile | None) -> Hedge | None:
    """What a file that is right says."""
    return Hedge(parsed.after_s_min, parsed.after_s_max, parsed.share_max) if parsed is not None else None


def check_hedge(tree: Tree, where: Where, hedge: Any, reads: int) -> None:
    """Its bounds are in order, and something may be asked twice: `reads` actions that change nothing have two paths."""
    if not isinstance(hedge, dict):
        return
    if not reads:
        right = "give two paths an action that changes nothing, or leave `hedge` away: no change is ever asked twice"
        tree.add_mistake(where, "there is nothing that a second path could be asked", right, at_key=True)
    least, most = (_number(hedge.get(key), getattr(Hedge(), key)) for key in ("after_s_min", "after_s_max"))
    if least > most:
        place = (*where, "after_s_min" if "after_s_min" in hedge else "after_s_max")
        tree.add_mistake(place, f"at least {least:g} s, and at most {most:g} s", "give the larger one to `after_s_max`")


def _number(text: Any, otherwise: float) -> float:
    try:
        return float(text) if text is not None else otherwise
    except (TypeError, ValueError):
        return otherwise  # said already
