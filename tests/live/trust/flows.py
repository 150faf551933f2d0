"""The flow that a user who has proved it talks to."""

from keepline.flow import Call, flow


@flow
async def brief(call: Call) -> None:
    """Hang up after a second."""
    await call.wait(1)
    await call.hangup()
