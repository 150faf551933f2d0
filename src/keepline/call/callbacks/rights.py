"""Who may be called back: whether the number of a caller is known, is meant to be known, and may be called.

Plain decisions. A number that was withheld is not used though a carrier shows it to us.
Source: RFC 3323 §4.2 (Privacy), RFC 3325 §7.
"""

from typing import Final

from keepline.call.facts import CallReceived
from keepline.call.outbound.policy import denial_of_number, is_emergency
from keepline.call.state import CallState
from keepline.model.operation import Operation
from keepline.sip.identity import asked_privacy
from keepline.sip.message import Request
from keepline.sip.telephone import plain_number, user_of

WITHHELD, NOT_ALLOWED, NO_HOURS, FULL, NOT_SET_UP = "withheld", "not_allowed", "no_hours", "full", "not_set_up"
"""Why somebody is not called back."""
_ANONYMOUS: Final = frozenset(("", "anonymous", "unknown", "restricted", "unavailable", "private"))
_PRIVATE: Final = frozenset(("id", "user", "header"))


def number_of(call: CallState, operation: Operation) -> str:
    """The number by which the caller can be called, in its plain form; "" where it was withheld, or is none."""
    received = call.received
    if not isinstance(received, CallReceived):
        return plain_number(received.to_number)
    if _is_private(call.invite):
        return ""
    asserted = received.asserted_identity.partition(",")[0].strip()
    trunk = next((each for each in operation.trunks if each.name == received.carrier), None)
    user = user_of(asserted) if asserted and trunk is not None and trunk.trusted else received.from_number
    number = plain_number(user)
    return "" if number.casefold() in _ANONYMOUS else number


def refusal_of(number: str, operation: Operation) -> tuple[str, str]:
    """Why this number cannot be called back, in a word and in words; empty where it can."""
    if not number:
        return WITHHELD, "the caller's number is not known, or was withheld"
    if is_emergency(operation.outbound, number):
        return NOT_ALLOWED, f"{number} is an emergency number"
    if number in {plain_number(each) for each in operation.numbers}:
        return NOT_ALLOWED, f"{number} is a number of our own"
    denial = denial_of_number(operation.outbound, number)
    return (NOT_ALLOWED, denial.why) if denial is not None else ("", "")


def _is_private(invite: Request) -> bool:
    values = asked_privacy(invite).replace(",", ";").split(";")
    return any(value.strip().lower() in _PRIVATE for value in values)
