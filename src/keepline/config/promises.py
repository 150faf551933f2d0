"""`outbox:` and `deferred:` of a path: changes that are promised where no path before it has made them."""

from pydantic import Field

from keepline.config.answers import ActionName, Strict
from keepline.model.capability import CapabilityAction, Deferred, Outbox
from keepline.model.limits_capabilities import KEPT_AT_ONCE_MAX, PENDING_S_MAX

PROMISE_S = 1.0
"""For a promise: nobody is asked."""


class OutboxActionFile(Strict):
    """One of `outbox.actions:`"""

    key: ActionName | None = Field(
        default=None,
        description="the argument that a change is about: those of one value are made in their order",
        examples=["phone"],
    )


class OutboxPathFile(Strict):
    """`outbox:` of a path"""

    actions: dict[ActionName, OutboxActionFile] = Field(
        min_length=1, description="what is kept", examples=["{add: {key: phone}}"]
    )
    keep_s: float = Field(
        default=Outbox().keep_s,
        gt=0,
        le=PENDING_S_MAX,
        description="seconds after which what is still kept is for a person",
        examples=["604800"],
    )
    at_once: int = Field(
        default=Outbox().at_once, ge=1, le=KEPT_AT_ONCE_MAX, description="kept changes made at once", examples=["4"]
    )


class DeferredActionFile(Strict):
    """One of `deferred.actions:`"""

    flow: str = Field(description="the flow that sees to it, of a run", examples=["call_back"])


class DeferredPathFile(Strict):
    """`deferred:` of a path"""

    actions: dict[ActionName, DeferredActionFile] = Field(
        min_length=1, description="what is promised", examples=["{charge: {flow: call_back}}"]
    )


def outbox_of(parsed: OutboxPathFile) -> Outbox:
    """What a file that is right says."""
    return Outbox(parsed.keep_s, parsed.at_once)


def outbox_actions(parsed: OutboxPathFile) -> dict[str, CapabilityAction]:
    """What is kept."""
    promise = {name: each.key or "" for name, each in parsed.actions.items()}
    return {name: CapabilityAction(PROMISE_S, changes=True, idempotent=True, key=key) for name, key in promise.items()}


def deferred_actions(parsed: DeferredPathFile) -> dict[str, CapabilityAction]:
    """What is promised."""
    return {
        name: CapabilityAction(PROMISE_S, changes=True, idempotent=True, flow=each.flow)
        for name, each in parsed.actions.items()
    }


def deferred_of(_parsed: DeferredPathFile) -> Deferred:
    """The same."""
    return Deferred()
