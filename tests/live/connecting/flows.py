"""The flow of a caller who wants to talk to a person."""

from keepline.flow import Call, Connected, flow


@flow
async def person(call: Call) -> None:
    """Ring somebody, note what came of it, and let the caller wait for a goodbye."""
    result = await call.connect("+15550001", timeout_s=20)
    if isinstance(result, Connected):
        await call.outcome("talked", ended_by=result.ended_by)
    else:
        await call.outcome("not_connected", reason=result.reason)
    await call.wait(0.5)
    await call.hangup()
