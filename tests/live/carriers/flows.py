"""The flows of calls over carriers: one ends the call, one lets the caller talk to somebody else."""

from keepline.flow import Call, flow


@flow
async def brief(call: Call) -> None:
    """Hang up after a second."""
    await call.wait(1)
    await call.hangup()


@flow
async def agent(call: Call) -> None:
    """Connect the caller, and note what came of it."""
    result = await call.connect("+15550001", timeout_s=20)
    await call.outcome("talked" if result.connected else str(result.reason))
    await call.hangup()
