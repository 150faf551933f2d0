"""0: a person, or a message for one."""

from flows.promises import number_of
from keepline.flow import Call


async def talk(call: Call) -> None:
    """Have somebody call back: nobody is here to be put through to."""
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
