"""Callers are connected with whoever has their own number at the carriers, so that each call can be followed."""

from keepline.flow import Call, flow


@flow
async def connecting(call: Call) -> None:
    """Until the callee hangs up."""
    await call.connect(call.from_number, timeout_s=40.0)
    await call.hangup()
