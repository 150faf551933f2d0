"""Media hears of what an answer promises before the answer leaves."""

import asyncio

import pytest

from keepline.call import effects as fx
from tests.unit.node.node_doubles import PEER, rig


def test_media_is_told_before_the_answer_that_follows_from_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many effects at once the last may be carried out long after the first, or by nobody any more."""

    async def test() -> None:
        with rig() as made:
            told: list[tuple[bytes, int]] = []
            monkeypatch.setattr(made.sip, "sendto", lambda data, peer: told.append((data, len(made.commands()))))
            first, second = (fx.OpenMedia(f"{n:016x}", n, "192.0.2.1", 4000, 0, 101, 1, 2, 3) for n in range(2))
            made.core.answer = lambda given: [fx.SendSip(b"100", PEER), first, fx.SendSip(b"200", PEER), second]
            made.start()
            made.active.feed(fx.TimeCame())
            assert told == [(b"100", 1), (b"200", 0)]  # one datagram holds both

    asyncio.run(test())
