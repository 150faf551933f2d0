"""The flows of callers who are lost: one that they are in the midst of, and one that calls them back."""

from keepline.flow import Call, flow


@flow
async def orders(call: Call) -> None:
    """Somebody who has said what it is about, and waits."""
    await call.outcome("ordering", item="4711")
    await call.wait(600)
    await call.hangup()


@flow
async def call_back(call: Call) -> None:
    """Note what it is about, and leave."""
    await call.outcome("talked", about=call.variables["lost_outcome"], step=call.variables["lost_step"])
    await call.wait(0.5)
    await call.hangup()
