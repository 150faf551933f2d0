"""Who has guessed too often waits: per account and per address, in tables that cannot grow. Pure, but for its memory.

It refuses to lock anybody out for good: whoever guesses another's password only makes him wait, up to a quarter of an
hour, and the machine's own shell never waits.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

from keepline.model.limits_people import (
    ADDRESS_FAILURES_FREE,
    FAILURES_FORGOTTEN_S,
    FAILURES_FREE,
    LOCKED_S_FIRST,
    LOCKED_S_MAX,
    LOCKOUTS_MAX,
    PEOPLE_REQUESTS_PER_MINUTE_MAX,
)


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last_s: float = 0.0
    until_s: float = 0.0


class Lockout:
    """Of one kind of key."""

    def __init__(self, free: int) -> None:
        """`free` failures cost nothing."""
        self._free = free
        self._found: OrderedDict[str, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._found)

    def wait_s(self, key: str, now_s: float) -> float:
        """So long must he wait; 0 where he may try."""
        found = self._found.get(key)
        return max(0.0, found.until_s - now_s) if found is not None else 0.0

    def fail(self, key: str, now_s: float) -> None:
        """He was wrong."""
        found = self._found.get(key)
        if found is None or now_s - found.last_s > FAILURES_FORGOTTEN_S:
            found = self._found[key] = _Failures()
        found.count += 1
        found.last_s = now_s
        if found.count >= self._free:
            found.until_s = now_s + min(LOCKED_S_MAX, LOCKED_S_FIRST * 2.0 ** min(20, found.count - self._free))
        self._found.move_to_end(key)
        if len(self._found) > LOCKOUTS_MAX:
            spare = next((each for each, told in self._found.items() if told.until_s <= now_s), None)
            del self._found[spare if spare is not None else next(iter(self._found))]

    def forgive(self, key: str) -> None:
        """He was right."""
        self._found.pop(key, None)


class Lockouts:
    """Of accounts and addresses."""

    def __init__(self) -> None:
        self.accounts, self.addresses = Lockout(FAILURES_FREE), Lockout(ADDRESS_FAILURES_FREE)

    def wait_s(self, account: str, address: str, now_s: float) -> float:
        """The longer of both waits."""
        return max(self.accounts.wait_s(account, now_s), self.addresses.wait_s(network_of(address), now_s))

    def fail(self, account: str, address: str, now_s: float) -> None:
        """A password or code was wrong."""
        self.accounts.fail(account, now_s)
        self.addresses.fail(network_of(address), now_s)

    def forgive(self, account: str) -> None:
        """It was right. The address stays suspect: it may guess at others."""
        self.accounts.forgive(account)


class Pace:
    """How many changes somebody may make in a minute."""

    def __init__(self) -> None:
        self._minute = 0
        self._counts: dict[str, int] = {}

    def is_too_fast(self, who: str, now_s: float) -> bool:
        """Count one more; whether it is one too many."""
        minute = int(now_s // 60)
        if minute != self._minute or len(self._counts) >= LOCKOUTS_MAX:
            self._minute, self._counts = minute, {}
        count = self._counts[who] = self._counts.get(who, 0) + 1
        return count > PEOPLE_REQUESTS_PER_MINUTE_MAX


def network_of(address: str) -> str:
    """What one guest of a network can call his own: an IPv4 address, the /64 of an IPv6 address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    return str(found) if found.version == 4 else str(ipaddress.ip_network(f"{found}/64", strict=False))
