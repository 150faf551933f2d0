"""The tones that the node makes itself, without speech: of calls that cannot be completed, of phones that
ring, before messages, and of test calls.

Written once a data directory, aside and renamed like every prompt, so that whoever reads sees all of it or nothing.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from keepline.model.operation import BEEP_TONE, RINGBACK, RINGBACK_AMERICAN, TEST_BACK, TEST_THERE, TONES, Prompt

MADE = (TONES, RINGBACK, RINGBACK_AMERICAN, BEEP_TONE, TEST_THERE, TEST_BACK)


def store_tones(directory: Path) -> None:
    """Have both files of each of them stand in the prompts' directory; raises OSError as the disk does."""
    suffixes = ("ulaw", "alaw")
    missing = [(tone, each) for tone in MADE for each in suffixes if not (directory / f"{tone.key}.{each}").exists()]
    if not missing:
        return
    from keepline.rtp import g711, tones  # numpy, which a process that finds them standing does not need

    makers: dict[Prompt, Callable[[], tones.Samples]] = {
        TONES: tones.special_information_tone,
        RINGBACK: tones.ringback_tone,
        RINGBACK_AMERICAN: tones.american_ringback_tone,
        BEEP_TONE: tones.beep,
        TEST_THERE: partial(tones.test_tone, 620),
        TEST_BACK: partial(tones.test_tone, 880),
    }
    encoders = {"ulaw": g711.encode_ulaw, "alaw": g711.encode_alaw}
    for tone, suffix in missing:
        aside = directory / f".{tone.key}.{suffix}.{os.getpid()}.tmp"
        with aside.open("wb") as file:
            file.write(encoders[suffix](makers[tone]()))
            file.flush()
            os.fsync(file.fileno())
        aside.rename(directory / f"{tone.key}.{suffix}")
