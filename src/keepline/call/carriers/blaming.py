"""Whose fault it was that a call which we placed was refused, from the fact of it."""

from keepline.call.carriers.causes import BY_TROUBLE, Fault, Trouble, cause_of
from keepline.call.facts import CallRefused
from keepline.call.written import response_of
from keepline.model.errors import KeeplineError
from keepline.sip.identity import reason_of


def fault_of(fact: CallRefused, *, rang: bool) -> Fault:
    """By the table of causes; `rang`: there was a provisional answer above 100 before."""
    if not fact.response:
        return BY_TROUBLE[Trouble.UNANSWERED].fault
    try:
        q850 = reason_of(response_of(fact.response))[1]
    except KeeplineError:  # an old journal may hold what nobody can read any more
        q850 = None
    return cause_of(fact.status, q850, rang=rang).fault
