"""The flows of calls that are placed: one ends the call, one waits for the callee to end it, one fails."""

from keepline.flow import Call, flow


@flow
async def brief(call: Call) -> None:
    """Note what the call was placed with, and hang up after a second."""
    await call.log("placed", order=call.variables.get("order", ""))
    await call.wait(1)
    await call.hangup()


@flow
async def hold(call: Call) -> None:
    """Listen until the callee hangs up."""
    while True:
        await call.ask_digits(count=1, timeout_s=None)


@flow
async def failing(call: Call) -> None:
    """Make a mistake."""
    await call.wait(0.2)
    raise ValueError("a mistake of the author's")
