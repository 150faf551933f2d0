"""Where a number points, in the words that people are told: names and figures, nothing else."""

from keepline.call.numbers.book import NumberStanding
from keepline.model.failover import NONE
from keepline.model.operation import Number
from keepline.paths.inbound import InboundView


def standing_of(name: str, number: Number, standing: NumberStanding, view: InboundView | None) -> dict[str, object]:
    """One number, as JSON has it. `view` is its carrier's inbound side, where that is watched."""
    failover, asked, is_open = number.failover, standing.asked, standing.open is not None
    return {
        "number": name,
        "carrier": number.carrier,
        "method": failover.method if failover is not None else NONE,
        "points": standing.state.value,
        "target": asked.target if asked is not None else failover.home if failover is not None else "",
        "since": standing.since_s,
        "why": standing.left.why if standing.left is not None and not is_open else asked.why if asked else "",
        "by": asked.by if asked is not None else "",
        "held": standing.pinned,
        "attempts": standing.attempts if is_open else 0,
        "trouble": standing.tries.why if is_open and standing.tries is not None else "",
        "next_at": standing.next_at_s or None,
        "inbound": view.inbound.value if view is not None else "",
        "evidence": view.evidence if view is not None else "",
    }
