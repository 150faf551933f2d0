"""The tones that a caller hears where even the apology cannot be had: made by the node itself, without speech.

Written once a data directory, aside and renamed like every prompt, so that whoever reads sees all of it or nothing.
"""

import os
from pathlib import Path

from keepline.model.operation import TONES


def store_tones(directory: Path) -> None:
    """Have both files of `TONES` stand in the prompts' directory; raises OSError as the disk does."""
    missing = [suffix for suffix in ("ulaw", "alaw") if not (directory / f"{TONES.key}.{suffix}").exists()]
    if not missing:
        return
    from keepline.rtp import g711, tones  # numpy, which a process that finds them standing does not need

    samples = tones.special_information_tone()
    encoders = {"ulaw": g711.encode_ulaw, "alaw": g711.encode_alaw}
    for suffix in missing:
        aside = directory / f".{TONES.key}.{suffix}.{os.getpid()}.tmp"
        with aside.open("wb") as file:
            file.write(encoders[suffix](samples))
            file.flush()
            os.fsync(file.fileno())
        aside.rename(directory / f"{TONES.key}.{suffix}")
