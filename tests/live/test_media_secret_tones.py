"""Private keys that are tones in the audio: the same as the others, and shared memory does not have them either."""

from collections.abc import Iterator

import numpy as np

from keepline.node.media_messages import Deafen
from keepline.node.media_secrets import secret_cseq
from keepline.node.mediawire import DigitsReceived
from keepline.node.secretwire import EndSecret, KeySecret
from keepline.node.slots import S_INBAND
from keepline.rtp.entry import EntryState
from tests.live.media_rig import Clock
from tests.live.secret_desk import Desk, clock
from tests.spec.test_itu_q24_tones import coded, silence, tone

__all__ = ["clock"]


def sound(desk: Desk, *parts: "np.typing.NDArray[np.float64]") -> Iterator[None]:
    """Audio, frame by frame."""
    audio = coded(np.concatenate(parts))
    for at in range(0, len(audio) - 159, 160):
        desk.phone.send(desk.rig.ports[0], audio[at : at + 160])
        desk.clock.wake(desk.loop, 0.02)
        yield


def test_private_keys_may_be_tones(clock: Clock) -> None:
    desk = Desk(clock, dtmf_payload_type=None)
    desk.ask(count=4)
    base = desk.rig.slots.base(0)
    for key in "1230":
        for _ in sound(desk, silence(60), tone(key, 100), silence(60)):
            assert bytes(desk.rig.slots.view[base + S_INBAND + 4 : base + S_INBAND + 8]) == bytes(4)
    desk.read()
    assert desk.news == (EntryState.ANSWERED, 4)
    assert desk.reveal() == "1230"
    assert desk.told(DigitsReceived) == []


def test_a_private_key_that_comes_as_a_tone_and_as_an_info_counts_once(clock: Clock) -> None:
    desk = Desk(clock, dtmf_payload_type=None)
    desk.ask(count=8)
    for key in "12":
        list(sound(desk, silence(60), tone(key, 100), silence(60)))
    desk.send(Deafen(1, 0, 0), *(KeySecret(1, 0, 20 + index, key) for index, key in enumerate("1230")))
    desk.press("")
    assert desk.news == (EntryState.OPEN, 4)
    assert secret_cseq(desk.rig.slots, 0) == 23
    for key in "45":
        list(sound(desk, silence(60), tone(key, 100), silence(60)))
    desk.send(KeySecret(1, 0, 24, "4"), EndSecret(1, 0, 10))
    assert desk.reveal() == "12304"
