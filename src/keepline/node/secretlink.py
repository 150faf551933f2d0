"""The calls process's side of keys that are private: effects become commands, and what handles stand for is had.

What media reveals goes to the one use that asked for it, and is kept nowhere. It refuses to wait for long: media that
does not answer leaves a use unavailable.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from keepline.call import effects as fx
from keepline.flow.capabilities import SecretsGone, Unavailable
from keepline.model.limits import SECRET_REVEAL_S_MAX
from keepline.node.media_secrets import secret_cseq, secret_word
from keepline.node.secretwire import (
    AskSecret,
    DropSecret,
    EndSecret,
    KeySecret,
    ListenOpenly,
    Reveal,
    SecretCommand,
    SecretNews,
    decode_revealed,
)
from keepline.node.slots import Slots
from keepline.rtp.entry import EntryState

LOST = "its secret is lost"
SILENT = "its secret is not to be had: media does not answer"


def commands_of(effect: fx.SecretEffect) -> list[SecretCommand]:
    """What an effect asks of media."""
    call, slot = int(effect.call, 16), effect.slot
    if isinstance(effect, fx.CollectSecret):
        ends = (effect.count, effect.min_count, effect.terminator, effect.check)
        return [AskSecret(call, slot, effect.number, effect.handle, *ends)]
    if isinstance(effect, fx.EndSecretEntry):
        return [EndSecret(call, slot, effect.number)]
    if isinstance(effect, fx.HearOpenly):
        return [ListenOpenly(call, slot, effect.number)]
    if isinstance(effect, fx.PassSecretKey):
        return [KeySecret(call, slot, effect.cseq, effect.key)]
    return [DropSecret(call, slot, 0, handle) for handle in effect.handles]


def heard_of(slots: Slots, news: SecretNews) -> fx.SecretHeard:
    """The input that an event makes."""
    state = news.state.name.lower()
    return fx.SecretHeard(f"{news.call:016x}", news.number, news.count, state, secret_cseq(slots, news.slot))


def seen_in(slots: Slots, call: int, slot: int) -> fx.SecretHeard | None:
    """What a slot says of private keys; None where there are none."""
    number, state, count = secret_word(slots, slot)
    return None if state is EntryState.OPENLY else heard_of(slots, SecretNews(call, slot, number, state, count))


class Reveals:
    """Requests for what handles stand for, and their answers."""

    def __init__(self, epoch: int, send: Callable[[list[Reveal]], None]) -> None:
        """`send` has requests on their way at once."""
        self._send = send
        # A predecessor's answer may still be under way: its epoch tells its numbers apart.
        self._number = (epoch & 0x7FFF) << 16
        self._waiting: dict[tuple[int, int], asyncio.Future[str | None]] = {}

    async def ask(self, call: str, slot: int, handles: Iterable[int]) -> Mapping[int, str] | Unavailable:
        """What these handles stand for; `SecretsGone` where one stands for nothing."""
        loop = asyncio.get_running_loop()
        wanted: dict[int, asyncio.Future[str | None]] = {}
        requests = []
        for handle in sorted(handles):
            self._number = self._number & 0xFFFF0000 | (self._number + 1) & 0xFFFF
            requests.append(Reveal(int(call, 16), slot, self._number, handle))
            wanted[handle] = self._waiting[requests[-1].call, self._number] = loop.create_future()
        self._send(requests)
        try:
            async with asyncio.timeout(SECRET_REVEAL_S_MAX):
                found = {handle: await each for handle, each in wanted.items()}
        except TimeoutError:
            return Unavailable(SILENT)
        finally:
            for request in requests:
                self._waiting.pop((request.call, request.number), None)
        gone = tuple(handle for handle, digits in found.items() if digits is None)
        return SecretsGone(LOST, gone) if gone else {handle: digits or "" for handle, digits in found.items()}

    def take(self, datagram: bytes) -> None:
        """An answer of media's; one that nobody waits for any more is dropped."""
        call, number, digits = decode_revealed(datagram)
        waiting = self._waiting.pop((call, number), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(digits)
