"""One flow for each state that a call can be in when a process dies."""

import os
from pathlib import Path

from keepline.flow import Call, Reply, Unknown, flow

FLAG = "KEEPLINE_BENCH_FLAG"
"""The variable that names a file; while it is there, the next `looping` call takes it away and loops."""
NUMBER_DIGITS = 7


@flow
async def prompt(call: Call) -> None:
    """A long prompt that any digit interrupts, a short one, and a BYE."""
    await call.ask_digits(prompt="welcome", count=1, timeout_s=0.0)
    await call.say(prompt="goodbye")
    await call.hangup()


@flow
async def digits(call: Call) -> None:
    """Read back four digits, each a prompt of its own, so that the caller can count them."""
    for digit in await call.ask_digits(prompt="enter", count=4, timeout_s=60.0, between_s=60.0):
        await call.say(prompt=f"d{digit}")
    await call.say(prompt="goodbye")
    await call.hangup()


@flow
async def listening(call: Call) -> None:
    """Music until the caller hangs up: who holds hears it go on where it stood."""
    await call.say(prompt="music", repeat=True)


@flow
async def talking(call: Call) -> None:
    """A conversation with somebody whose number is the caller's own, until the caller hangs up."""
    await call.connect(f"+1555{call.from_number[-NUMBER_DIGITS:]}", timeout_s=120.0)
    await call.say(prompt="goodbye")
    await call.hangup()


@flow
async def calling(call: Call) -> None:
    """The same: who is called lets it ring for long, and hangs up first."""
    await call.connect(f"+1555{call.from_number[-NUMBER_DIGITS:]}", timeout_s=120.0)
    await call.say(prompt="goodbye")
    await call.hangup()


@flow
async def ringing(call: Call) -> None:
    """What follows on a long ring."""
    await call.say(prompt="goodbye")
    await call.hangup()


@flow
async def transferring(call: Call) -> None:
    """The caller's side is asked to call somebody else, and takes its time."""
    if not await call.transfer("+18005550111", timeout_s=120.0):
        await call.say(prompt="goodbye")
    await call.hangup()


async def charged(call: Call, **more: object) -> None:
    """Charge, and say the truth about it."""
    result = await call.use("office.charge", payer=call.from_number, **more)
    told = "paid" if isinstance(result, Reply) else "unclear" if isinstance(result, Unknown) else "unpaid"
    await call.say(prompt=told)
    await call.hangup()


@flow
async def paying(call: Call) -> None:
    """A charge that takes its time."""
    await charged(call)


@flow
async def keying(call: Call) -> None:
    """The same, with a card that nobody but the back office sees."""
    card = await call.ask_secret_digits(prompt="card", count=8, timeout_s=60.0, between_s=30.0)
    await charged(call, card=card)


@flow
async def message(call: Call) -> None:
    """Record what the caller says until a key."""
    await call.record_message(prompt="leave", silence_s=None, length_s_max=600)
    await call.say(prompt="goodbye")
    await call.hangup()


@flow
async def looping(call: Call) -> None:
    """A loop without an end, once: a process that works and does nothing."""
    await call.wait(0.5)
    flag = Path(os.environ.get(FLAG, "/nonexistent"))
    if flag.exists():
        flag.unlink()
        while True:
            pass
    await call.say(prompt="goodbye")
    await call.hangup()


@flow
async def deadly(call: Call) -> None:
    """What a library of somebody's may do to the process that it runs in, whenever it gets so far."""
    await call.wait(1.0)
    os._exit(3)
