"""How long a flow waits for the outcome of a change that is in doubt, and how often it is asked for meanwhile.

What a gateway's silence uses up is its own: after `wait_s` the flow goes on without the outcome. What deaths of our
processes use up is not: whoever takes over asks once, with all the time that one attempt has, however long nobody was
there. For a secret outlives a calls process in media's memory, but not its call; so while the caller holds the line
what was never sent can still be done, and nobody has to be told of a doubt that would end in "it was not done".
"""

from keepline.call.facts import UseStarted
from keepline.model.capability import CapabilityAction
from keepline.model.limits_capabilities import USE_ATTEMPTS_MAX, USE_RESUMED_MAX


def until_s(use: UseStarted, action: CapabilityAction) -> float:
    """When the flow goes on without the outcome."""
    return (use.first_at_s or use.at_s) + (action.wait_s or 2 * action.timeout_s)


def has_time(now_s: float, use: UseStarted, action: CapabilityAction) -> bool:
    """Whether it may be asked again while the flow waits."""
    return use.attempt < USE_ATTEMPTS_MAX and now_s < until_s(use, action)


def way_on(now_s: float, use: UseStarted, action: CapabilityAction, *, is_resumed: bool) -> str:
    """What to ask next of a change that may have been done: itself, the action that tells, or (empty) nothing."""
    may_ask = use.attempt < USE_RESUMED_MAX if is_resumed else has_time(now_s, use, action)
    if not may_ask:
        return ""
    return use.action if action.idempotent else action.resolve or action.lookup
