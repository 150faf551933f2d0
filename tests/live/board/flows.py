"""The flows that the board is looked at with."""

from keepline.flow import Call, flow


@flow
async def order(call: Call) -> None:
    """Look an order up, and stay a moment."""
    found = await call.use("orders.find")
    await call.wait(6)
    await call.outcome(f"told by the {found.by}" if found.ok else "sorry")
    await call.hangup()


@flow
async def pay(call: Call) -> None:
    """Ask what is due."""
    found = await call.use("payments.quote")
    await call.wait(4)
    await call.outcome(f"quoted by {found.by}" if found.ok else "sorry")
    await call.hangup()


@flow
async def remind(call: Call) -> None:
    """A call of ours."""
    await call.wait(3)
    await call.outcome("reminded")
    await call.hangup()
