"""The flows that SIPp's scenarios call: the least that shows who ends a call, and what keys it heard."""

from keepline.flow import Call, flow


@flow
async def hold(call: Call) -> None:
    """Listen until the caller hangs up."""
    while True:
        await call.ask_digits(count=1, timeout_s=None)


@flow
async def brief(call: Call) -> None:
    """Hang up after a second."""
    await call.wait(1)
    await call.hangup()


@flow
async def keyed(call: Call) -> None:
    """Hang up a second after the first key."""
    await call.ask_digits(count=1, timeout_s=30)
    await call.wait(1)
    await call.hangup()
