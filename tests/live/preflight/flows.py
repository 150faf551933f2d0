"""A flow that nobody calls."""

from keepline.flow import Call, flow


@flow
async def brief(call: Call) -> None:
    """Hang up at once."""
    await call.hangup()
