"""The flows of the bench operation: the least that shows a prompt, a digit, a wait and an end."""

from keepline.flow import Call, flow


@flow
async def greeting(call: Call) -> None:
    """A long prompt that any digit interrupts, a short one, and a BYE."""
    await call.ask_digits(prompt="welcome", count=1, timeout_s=0.0)
    await call.say(prompt="goodbye")
    await call.hangup()


@flow
async def keyed(call: Call) -> None:
    """Read back four digits: each must be heard exactly once, whatever dies meanwhile."""
    digits = await call.ask_digits("Please enter four digits.", count=4, timeout_s=10.0)
    if digits:
        await call.say(f"You keyed {' '.join(digits)}.")
    else:
        await call.say("You keyed nothing.")
    await call.hangup()


@flow
async def hold(call: Call) -> None:
    """Answer, and listen until the caller hangs up."""
    while True:
        await call.ask_digits(count=1, timeout_s=None)


@flow
async def endless(call: Call) -> None:
    """Play until the caller hangs up."""
    await call.say(prompt="music", repeat=True)
