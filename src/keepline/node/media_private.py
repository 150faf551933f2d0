"""What becomes of a stream whose keys are private: no key in its slot, nothing of its caller's in any other ear."""

from typing import Final

from keepline.node import slots as at
from keepline.node.media_stream import Stream
from keepline.rtp.entry import EntryState

DEAF_S: Final = 1.0
"""After a private key: a phone that sends its tone as well is slower about that."""


def hide_digit(stream: Stream) -> None:
    """Store that there was a key, and not which."""
    stream.secret_keys += 1
    stream.slots.u32[(stream.base + at.S_SECRET_KEYS) // 4] = stream.secret_keys
    stream.store_digits()


def is_keying(stream: Stream) -> bool:
    """Whether an entry is being keyed: nothing of this is recorded, in either direction."""
    return stream.entry is not None and stream.entry.state is EntryState.OPEN


def is_deaf(stream: Stream, now_s: float) -> bool:
    """Whether the caller's audio is for nobody: keys are private, or the last private one may still be heard.

    That is over when its events are, and a while after.
    """
    if stream.entry is not None or not stream.deaf_until_s:
        return stream.entry is not None
    if stream.events.is_held:
        stream.deaf_until_s = now_s + DEAF_S
    elif now_s >= stream.deaf_until_s:
        stream.deaf_until_s = 0.0
        if stream.recording is not None:
            stream.recording.hear_again(now_s)
    return stream.deaf_until_s > 0
