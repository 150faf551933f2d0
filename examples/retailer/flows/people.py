"""0: a person, or a message for one."""

from flows.promises import number_of
from keepline.flow import Call

PEOPLE = "+18005550111"


async def talk(call: Call) -> None:
    """Put the caller through to whoever answers; where nobody does, take a message."""
    talked = await call.connect(PEOPLE, timeout_s=20.0, prompt="connecting")
    if talked.ok:
        await call.outcome("talked", seconds=round(talked.duration_s))
        await call.say(prompt="goodbye")
        return
    # Busy, no answer and no way to call at all are values: whatever it was, the caller can still be helped.
    await call.log("nobody_answers", reason=talked.reason, detail=talked.detail)
    # Who hangs up instead of pressing a key has left a message all the same: the call's record has it.
    if await take_message(call, "service", "asked for a person"):
        await call.outcome("message")
        await call.say(prompt="message_thanks")
    else:
        await call.outcome("no_message")
        await call.say(prompt="goodbye")


async def take_message(call: Call, department: str, about: str) -> bool:
    """Record a message and put it on a department's desk; False where nothing was said.

    Where that desk cannot be reached the recording is in the call's record all the same, so nothing is decided by it.
    """
    message = await call.record_message(prompt="leave_message", length_s_max=120.0)
    if message:
        await call.use(
            "messages.leave", prompt="hold", phone=number_of(call) or "withheld", department=department, text=about,
            recording=message.path, length_s=message.length_s, call_id=call.id,
        )  # fmt: skip
    return bool(message)
