"""What a caller is told when the back office lets us down: that we are sorry, and what we will do about it.

A promise is on record before the caller hears it: as the outcome of the call, which survives whatever else is broken,
and as a message on somebody's desk where that can be had.
"""

from keepline.flow import Call, Promised, Refused, Unavailable, Unknown

Failed = Unavailable | Refused | Unknown | Promised


async def apologise(call: Call, department: str, about: str, failed: Failed, words: str = "") -> None:
    """The back office did not do as it was asked: an apology, and a promise; `words` begins their prompts' names."""
    await call.say(prompt=f"{words}apology")
    await promise(call, department, about, _why(failed), words)


async def promise(call: Call, department: str, about: str, why: str, words: str = "") -> None:
    """Promise a call back to whoever can be called back. `why` is for us, and stands in the call's record."""
    phone = number_of(call)
    if not phone:
        await call.outcome("sent_away", about=about, why=why)
        await call.say(prompt=f"{words}call_again")
        return
    await call.outcome("promised", about=about, why=why, phone=phone)
    # Where this fails too, the outcome is what we have; so nothing is decided by it.
    await call.use("messages.leave", prompt="hold", phone=phone, department=department, text=about, call_id=call.id)
    await call.say(prompt=f"{words}promise")


def number_of(call: Call) -> str:
    """The number that a caller can be called back at; empty where it is withheld."""
    return call.from_number if call.from_number.removeprefix("+").isdigit() else ""


def _why(failed: Failed) -> str:
    if isinstance(failed, Refused):
        return f"refused: {failed.status} {failed.code}"
    return f"{type(failed).__name__.lower()}: {failed.reason}"
