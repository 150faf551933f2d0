"""The flows that tell people: one delivery to one contact, one greeting, one message on the status page.

Each is a run, so its steps outlive every process. A contact is told once: by the first channel that takes it. What is
in doubt is not sent again by that channel; the next one says that it may have come already. Words are made before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from keepline.flow.capabilities import Refused, Reply, Unknown
from keepline.flow.engine import flow
from keepline.flow.runs import Run
from keepline.model.exercise import marked_subject, marked_text
from keepline.model.limits_messages import DELIVERY_ATTEMPTS_MAX

DELIVERY, GREET, PUBLISH = "keepline.delivery", "keepline.greeting", "keepline.page"
"""Their names: no flow of an operation can have one with a point in it."""
MESSAGE_OFF: Final = "message_off"
"""The event that ends one whose message is no longer true, under the run's id."""
TOLD, NOT_TOLD, AMBIGUOUS, MESSAGE_OVER = "told", "not_told", "ambiguous", "over"
"""What a delivery comes to."""
PAUSE_S: Final = 2.0
"""After an attempt that came to nothing; it doubles from one to the next."""
PERHAPS_TWICE: Final = "You may have had this by {channel} already: that is not certain."


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """Who is told what: the variables of its run."""

    message: str
    incident: str
    exercise: str
    contact: str
    channels: tuple[tuple[str, str], ...]
    """Outlet and address, in their order."""
    subject: str
    text: str
    until_s: float
    """Then it is no longer news."""

    def told(self) -> dict[str, Any]:
        """As the variables of a run."""
        return {name: getattr(self, name) for name in self.__slots__}

    def arguments(self, to: str, doubt: str) -> dict[str, str]:
        """What an outlet is asked; `doubt` is a channel by which it may have come."""
        text = f"{PERHAPS_TWICE.format(channel=doubt)}\n\n{self.text}" if doubt else self.text
        subject, text = (marked_subject(self.subject), marked_text(text)) if self.exercise else (self.subject, text)
        return {
            "to": to, "subject": subject, "text": text, "exercise": self.exercise, "message": self.message,
            "incident": self.incident,
        }  # fmt: skip


def delivery_of(variables: Mapping[str, Any]) -> DeliveryPlan:
    """What the variables of a delivery say."""
    said = {name: variables[name] for name in DeliveryPlan.__slots__}
    return DeliveryPlan(**said | {"channels": tuple((outlet, to) for outlet, to in said["channels"])})


@flow
async def delivering(run: Run) -> str:
    """Tell one contact, once; gives told, not_told, ambiguous or over."""
    plan, doubt, why = delivery_of(run.variables), "", "there is no channel"
    for order, (outlet, to) in enumerate(plan.channels):
        for attempt in range(DELIVERY_ATTEMPTS_MAX):
            pause_s = PAUSE_S * 2 ** (attempt - 1) if attempt else 0.0
            if (order or attempt) and isinstance(await run.wait_for(MESSAGE_OFF, timeout_s=pause_s), Reply):
                return await _over(run, outlet, "the message was taken back")
            if run.now_s >= plan.until_s:
                return await _over(run, outlet, "it was no longer news")
            found = await run.use(f"{outlet}.send", **plan.arguments(to, doubt))
            if isinstance(found, Reply):
                await run.outcome(TOLD, channel=outlet, to=to, attempts=attempt + 1, perhaps_also=doubt)
                return TOLD
            told = found.detail or found.code if isinstance(found, Refused) else found.reason
            why = f"{outlet}: {told}"
            if isinstance(found, Unknown):
                doubt = outlet
            if isinstance(found, Unknown | Refused):
                break
    outcome = AMBIGUOUS if doubt else NOT_TOLD
    await run.outcome(outcome, why=why[:500], perhaps=doubt)
    return outcome


async def _over(run: Run, channel: str, why: str) -> str:
    await run.outcome(MESSAGE_OVER, channel=channel, why=why)
    return MESSAGE_OVER


@flow
async def greeting(run: Run) -> str:
    """Have a greeting spoken and set, while it is news."""
    return await _until_done(run, "greeting.set", DELIVERY_ATTEMPTS_MAX)


@flow
async def publishing(run: Run) -> str:
    """Have one message on the status page, while it is news."""
    return await _until_done(run, "status_page.publish", 2 * DELIVERY_ATTEMPTS_MAX)


async def _until_done(run: Run, name: str, attempts: int) -> str:
    asked = {each: value for each, value in run.variables.items() if each != "until_s"}
    why = ""
    for attempt in range(attempts):
        if attempt and isinstance(await run.wait_for(MESSAGE_OFF, timeout_s=PAUSE_S * 2 ** (attempt - 1)), Reply):
            return await _over(run, name, "the message was taken back")
        found = await run.use(name, **asked)
        if isinstance(found, Reply):
            await run.outcome(TOLD, channel=name, attempts=attempt + 1)
            return TOLD
        why = found.detail if isinstance(found, Refused) else found.reason
        if isinstance(found, Refused) or run.now_s >= run.variables["until_s"]:
            break
    await run.outcome(NOT_TOLD, why=why[:500])
    return NOT_TOLD


def message_key(message: str, whom: str) -> str:
    """Of the run that tells a message to a contact, to callers or to the page."""
    return f"message:{message}:{whom}"


MESSAGE_FLOWS: Final = {DELIVERY: delivering, GREET: greeting, PUBLISH: publishing}
