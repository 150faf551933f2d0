"""What a provider owes by its own terms for a month in which its path was away: the credit, beside the loss.

It reckons with what this node saw of the path, and with whole terms as the operation has them from its contract. It
refuses to make up terms, and to count an exercise as an outage.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from keepline.call.facts.path import PathStood
from keepline.model.money import SlaTerms

DOWN = "down"
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SlaCredit:
    """What one path's provider owes for one month, as far as is known."""

    path: str
    month: str
    """`2026-11`, in UTC."""
    down_s: float
    availability: float
    """Per cent of the whole month."""
    percent: float
    """Of the fee; 0 where the terms promise nothing for so little."""
    credit: float
    fee: float
    claim_by_s: float | None
    """When the claim has to be in; None where the terms say nothing of that."""
    why: str
    """What the terms rest on."""


def month_of(at_s: float) -> tuple[str, Span]:
    """The month of a moment (UTC): its name, its beginning and its end."""
    at = datetime.fromtimestamp(at_s, UTC)
    first = datetime(at.year, at.month, 1, tzinfo=UTC)
    following = datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)
    return first.strftime("%Y-%m"), (first.timestamp(), following.timestamp())


def down_spans(facts: Iterable[PathStood], path: str, until_s: float) -> list[Span]:
    """When a path was down, by what is on record of it in order; one that still is, until then."""
    found: list[Span] = []
    since_s: float | None = None
    for fact in facts:
        if fact.path != path or fact.at_s > until_s:
            continue
        is_down = fact.condition == DOWN
        if is_down and since_s is None:
            since_s = min(fact.since_s or fact.at_s, fact.at_s)
        elif not is_down and since_s is not None:
            found.append((since_s, fact.at_s))
            since_s = None
    return found if since_s is None else [*found, (since_s, until_s)]


def seconds_within(spans: Sequence[Span], within: Span, without: Sequence[Span] = ()) -> float:
    """How long of `within` the spans last, but for what `without` has; none of either overlaps its own."""
    total = 0.0
    for began_s, ended_s in spans:
        began_s, ended_s = max(began_s, within[0]), min(ended_s, within[1])
        if ended_s > began_s:
            total += ended_s - began_s
            total -= sum(max(0.0, min(ended_s, end) - max(began_s, begin)) for begin, end in without)
    return max(0.0, total)


def credit_of(
    path: str, terms: SlaTerms, facts: Sequence[PathStood], at_s: float, exercises: Sequence[Span] = ()
) -> SlaCredit:
    """What is owed for the month of a moment, as it stands then; `exercises` are no outage of the provider's."""
    month, span = month_of(at_s)
    down_s = seconds_within(down_spans(facts, path, at_s), span, joined(exercises))
    availability = 100.0 * (1.0 - down_s / (span[1] - span[0]))
    percent = max((each.percent for each in terms.steps if availability < each.below), default=0.0)
    claim_by_s = span[1] + 86_400.0 * terms.claim_days if terms.claim_days and percent else None
    return SlaCredit(
        path, month, round(down_s, 1), availability, percent, round(terms.monthly_fee * percent / 100.0, 2),
        terms.monthly_fee, claim_by_s, terms.why,
    )  # fmt: skip


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same spans, those that overlap made one."""
    found: list[Span] = []
    for began_s, ended_s in sorted(spans):
        if found and began_s <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], ended_s))
        else:
            found.append((began_s, ended_s))
    return found
