"""Whoever calls is answered, and listened to until they hang up."""

from keepline.flow import Call, flow


@flow
async def listening(call: Call) -> None:
    """Until the caller hangs up."""
    while True:
        await call.ask_digits(count=1, timeout_s=None)
