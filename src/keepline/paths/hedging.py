"""When a question that is not answered yet is asked of a second path as well, and how often that may be.

The wait follows the path's own figures, as `delays` has them of carriers: one question in a hundred takes longer, so
that is what is asked twice in good times. A share of the questions, with a little put by, bounds it in bad times: an
office that grows slow is not asked for everything twice. It refuses to know of changes: who asks sees to that.
Source: J. Dean, L. A. Barroso, The Tail at Scale, "hedged requests".
"""

from collections.abc import Mapping, Sequence
from typing import Final

from keepline.model.capability import Hedge
from keepline.model.limits_capabilities import HEDGE_FIGURES_MAX, HEDGES_PUT_BY_MAX
from keepline.paths.choice import NOTHING_WISHED, PathLoad, PathOption, choose_path
from keepline.paths.delays import Delays
from keepline.paths.health import GOOD, Breaker, PathView
from keepline.paths.wishes import Wish, Wished


class Hedges:
    """Those of one capability: how long its paths take, and how many questions may still be asked twice."""

    __slots__ = ("_delays", "_policy", "_put_by")

    def __init__(self, policy: Hedge) -> None:
        self._policy = policy
        self._put_by = float(HEDGES_PUT_BY_MAX)
        self._delays: dict[tuple[str, str], Delays] = {}

    def began(self) -> None:
        """One more question."""
        self._put_by = min(HEDGES_PUT_BY_MAX, self._put_by + self._policy.share_max)

    def heard(self, path: str, action: str, delay_s: float) -> None:
        """A path has answered, also one that nobody waits for any more."""
        found = self._delays.get((path, action))
        if found is None:
            if len(self._delays) >= HEDGE_FIGURES_MAX:
                return
            found = self._delays[path, action] = Delays()
        found.add(delay_s)

    def after_s(self, path: str, action: str) -> float:
        """How long this path is waited for alone."""
        delays, policy = self._delays.get((path, action)), self._policy
        p99_s = delays.p99_s if delays is not None else None
        return policy.after_s_max if p99_s is None else min(policy.after_s_max, max(policy.after_s_min, p99_s))

    def take(self) -> bool:
        """Whether one more question may be asked twice; it is counted then."""
        if self._put_by < 1.0:
            return False
        self._put_by -= 1.0
        return True


def path_beside(
    options: Sequence[PathOption],
    views: Mapping[str, PathView],
    load: Mapping[str, PathLoad],
    ticket: float,
    *,
    tried: Sequence[str],
    wished: Mapping[str, Wished] = NOTHING_WISHED,
) -> str | None:
    """The path to ask beside the one that is silent: well, with room, and not one that people spare; None for none.

    The arguments are those of `choose_path`.
    """
    fit = [each for each in options if each.name not in tried and _is_fit(views[each.name], wished.get(each.name))]
    return choose_path(fit, views, load, ticket, may_be_trial=False, wished=wished).path if fit else None


_SPARED: Final = (Wish.DRAIN, Wish.DISABLE)


def _is_fit(view: PathView, wished: Wished | None) -> bool:
    return view.condition in GOOD and view.breaker is Breaker.CLOSED and (wished is None or wished.wish not in _SPARED)
