"""Which deadlines of an exchange have lost their reason: what they were for is over, or was put off."""

from typing import TYPE_CHECKING

from keepline.call.agenda import Due

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange


def is_stale(exchange: "Exchange", due: Due) -> bool:
    """Whether nobody waits for this one any more."""
    kind = due.kind
    if kind == "call":
        call = exchange.calls.get(due.key)
        return call is None or call.timers.get(due.timer) != due.at_s
    if kind == "server":
        return due.key not in exchange.transactions.servers
    if kind == "client":
        return due.key not in exchange.transactions.clients
    if kind == "unfinished":
        return exchange.unfinished.is_stale(due)
    if kind == "probe":
        return exchange.probing.is_stale(due.key, due.at_s)
    if kind == "numbers":
        return exchange.numbers.is_stale(due.at_s)
    if kind == "follow":
        return exchange.follower.is_stale(due.at_s)
    if kind == "rest":
        return due.key not in exchange.sleepers
    if kind in ("run", "runs"):
        return exchange.runs.is_stale(due)
    return False
