"""Whom we may call, and how much of it: the bound on toll fraud. Plain decisions on a policy and a ledger of facts.

A number is compared in its plain form, which is also what is dialled. The ledger is folded from facts, so that a
successor's says the same. It bounds and does not bill: a call that is live counts from when it was placed, one that is
over from its answer, each with its last hour, until an hour after its end; minutes count when they begin. Calls that
are live go on whatever they cost, for hanging up on people saves less than it harms; new ones are refused.
"""

from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from math import ceil

from keepline.call.facts import CallAnswered, CallEnded, CallPlaced, CallRetried, Fact
from keepline.model.limits import OUTBOUND_CALLS_PER_HOUR_MAX
from keepline.model.operation import EVERYBODY, OutboundPolicy
from keepline.sip.telephone import plain_number, user_of

HOUR_S = 3600.0
INVITE_URI_CHARS_MAX = 2_048
"""How far the Request-URI of a stored INVITE is looked for."""
NOTHING = Decimal(0)


class DenialRule(Enum):
    """Which part of the policy speaks against a call, as its line in the log has it."""

    EMERGENCY = "emergency"
    NOT_ALLOWED = "not allowed"
    DENIED = "denied"
    ITSELF = "itself"
    TOO_MANY = "too many calls"
    TOO_DEAR = "too much spent"
    NO_PRICE = "no price"


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a call is not placed."""

    rule: DenialRule
    why: str
    """For the record and the log, with what a person could change."""


@dataclass(frozen=True, slots=True)
class _Past:
    """A call that was answered and is over."""

    number: str
    answered_at_s: float
    ended_at_s: float


NOTED = frozenset((CallPlaced, CallAnswered, CallRetried, CallEnded))
"""Facts that the ledger takes notice of."""


class TollLedger:
    """The calls placed in the last hour, and what they cost at the rates of one policy."""

    __slots__ = ("_answered", "_past", "_placed", "_spent", "live", "policy")

    def __init__(self, policy: OutboundPolicy) -> None:
        self.policy = policy
        self.live: dict[str, tuple[str, float]] = {}
        """Call that was placed -> its number and when that was; nothing of others is taken notice of."""
        self._answered: dict[str, float] = {}
        self._placed: deque[float] = deque(maxlen=OUTBOUND_CALLS_PER_HOUR_MAX)
        self._past: deque[_Past] = deque(maxlen=OUTBOUND_CALLS_PER_HOUR_MAX)
        self._spent = NOTHING

    def use(self, policy: OutboundPolicy) -> None:
        """Count at the rates of another policy."""
        self.policy = policy
        self._spent = sum(map(self._cost, self._past), NOTHING)

    def note(self, fact: Fact) -> None:
        """Take notice of a fact; one that was noted before changes nothing."""
        if isinstance(fact, CallPlaced):
            if fact.slot >= 0 and fact.call not in self.live:  # else it was refused, and never left
                self.live[fact.call] = (plain_number(fact.to_number), fact.at_s)
                self._placed.append(fact.at_s)
        elif isinstance(fact, CallAnswered):
            if fact.call in self.live:
                self._answered.setdefault(fact.call, fact.at_s)
        elif isinstance(fact, CallRetried):
            if fact.call in self.live:  # it may go on to another number (RFC 3261 §8.1.3.4)
                uri = fact.invite[:INVITE_URI_CHARS_MAX].split(" ", 2)[1:2]
                self.live[fact.call] = (plain_number(user_of("".join(uri))), self.live[fact.call][1])
        elif isinstance(fact, CallEnded):
            self._end(fact)

    def calls(self, now_s: float) -> int:
        """Placed within the last hour."""
        while self._placed and self._placed[0] + HOUR_S <= now_s:
            self._placed.popleft()
        return len(self._placed)

    def spent(self, now_s: float) -> Decimal:
        """What the last hour cost, calls that are live included."""
        while self._past and self._past[0].ended_at_s + HOUR_S <= now_s:
            self._spent -= self._cost(self._past.popleft())
        live = (self._price_of(number, placed_at_s, now_s) for number, placed_at_s in self.live.values())
        return self._spent + sum(live, NOTHING)

    def _end(self, ended: CallEnded) -> None:
        live = self.live.pop(ended.call, None)
        answered_at_s = self._answered.pop(ended.call, None)
        if live is None or answered_at_s is None:
            return
        if len(self._past) == OUTBOUND_CALLS_PER_HOUR_MAX:
            self._spent -= self._cost(self._past.popleft())
        past = _Past(live[0], answered_at_s, ended.at_s)
        self._past.append(past)
        self._spent += self._cost(past)

    def _cost(self, past: _Past) -> Decimal:
        return self._price_of(past.number, past.answered_at_s, past.ended_at_s)

    def _price_of(self, number: str, since_s: float, until_s: float) -> Decimal:
        minutes = max(1, ceil(min(until_s - since_s, HOUR_S) / 60))
        return minutes * (rate_of(self.policy, number) or NOTHING)


def admit(
    policy: OutboundPolicy,
    ledger: TollLedger,
    to_number: str,
    from_number: str,
    now_s: float,
    *,
    is_new: bool = True,
) -> Denial | None:
    """Why this number may not be called now; None where it may.

    `is_new` is false for a call that is counted already and would go on to this number.
    """
    number = plain_number(to_number)
    if is_emergency(policy, number):
        if policy.emergency is not None and policy.emergency.trunk:
            return None
        words = f"{number} is an emergency number, and calls to those are refused (`outbound.emergency`)"
        return Denial(DenialRule.EMERGENCY, words)
    denial = denial_of_number(policy, number)
    if denial is not None:
        return denial
    if number == plain_number(from_number):
        return Denial(DenialRule.ITSELF, f"{number} would call itself")
    if is_new and ledger.calls(now_s) >= policy.calls_per_hour_max:
        words = f"{ledger.calls(now_s)} calls were placed within the hour; `outbound.calls_per_hour_max` allows no more"
        return Denial(DenialRule.TOO_MANY, words)
    return _denial_of_price(policy, ledger, number, now_s)


def is_emergency(policy: OutboundPolicy, number: str) -> bool:
    """Whether it is one of the policy's emergency numbers, with a + or without."""
    rule = policy.emergency
    return rule is not None and plain_number(number).lstrip("+") in {each.lstrip("+") for each in rule.numbers}


def emergency_trunk(policy: OutboundPolicy, number: str) -> str:
    """The trunk that an emergency call goes out by; empty for any other call."""
    return policy.emergency.trunk if policy.emergency is not None and is_emergency(policy, number) else ""


def rate_of(policy: OutboundPolicy, number: str) -> Decimal | None:
    """The price of a minute to a plain number; None where no rate covers it."""
    covering = [prefix for prefix in policy.rates if _covers(prefix, number)]
    return policy.rates[max(covering, key=len)] if covering else None


def denial_of_number(policy: OutboundPolicy, number: str) -> Denial | None:
    """Why a plain number may never be called; None where its prefix is allowed."""
    shown = number[:64]
    denied = next((prefix for prefix in policy.deny if _covers(prefix, number)), None)
    if denied is not None:
        return Denial(DenialRule.DENIED, f"{shown} may not be called: `outbound.deny` has {denied}")
    if any(_covers(prefix, number) for prefix in policy.allow):
        return None
    if not policy.allow:
        words = f"{shown} may not be called: nothing may, until `outbound.allow` names prefixes"
    else:
        words = f"{shown} may not be called: no prefix of `outbound.allow` covers it"
    return Denial(DenialRule.NOT_ALLOWED, words)


def _denial_of_price(policy: OutboundPolicy, ledger: TollLedger, number: str, now_s: float) -> Denial | None:
    if policy.spend_per_hour_max is None:
        return None
    rate, spent = rate_of(policy, number), ledger.spent(now_s)
    if rate is None:
        words = f"{number[:64]} may not be called: `outbound.rates` has no price for it, and spending is bounded"
        return Denial(DenialRule.NO_PRICE, words)
    if spent + rate > policy.spend_per_hour_max:
        words = (
            f"{spent} {policy.currency} were spent within the hour, and `outbound.spend_per_hour_max` is "
            f"{policy.spend_per_hour_max}"
        )
        return Denial(DenialRule.TOO_DEAR, words)
    return None


def _covers(prefix: str, number: str) -> bool:
    """A prefix with + covers public numbers, one of digits extensions, a name the same name, and `*` everybody."""
    if prefix == EVERYBODY:
        return True
    if prefix[:1].isalpha():
        return prefix.casefold() == number.casefold()
    digits = number.removeprefix("+")
    return (
        digits.isascii() and digits.isdigit() and number.startswith(prefix) and (prefix[0] == "+") == (number[0] == "+")
    )
