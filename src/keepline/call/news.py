"""What happens to one call outside of it, and what it does then: media's news, and a capability's answer."""

from collections.abc import Callable
from typing import Any

from keepline.call import effects as fx
from keepline.call import established, teardown
from keepline.call.state import CallState
from keepline.call.steps import uses_alone
from keepline.call.turn import Turn

NEWS: dict[type, Callable[[Turn, CallState, Any], None]] = {
    fx.PromptPlayed: lambda turn, call, given: established.on_prompt_played(turn, call, given),
    fx.DigitsHeard: lambda turn, call, given: established.on_digits(turn, call, given),
    fx.SecretHeard: lambda turn, call, given: established.on_secret(turn, call, given),
    fx.MediaSeen: lambda turn, call, given: established.on_media_seen(turn, call, given),
    fx.MediaStopped: lambda turn, call, given: teardown.on_media_stopped(turn, call, given),
    fx.DeadAirBegan: lambda turn, call, given: established.on_dead_air(turn, call, given),
    fx.DeadAirEnded: lambda turn, call, given: established.on_dead_air(turn, call, given),
    fx.RecordingFinished: lambda turn, call, given: teardown.on_recording_finished(turn, call, given),
    fx.CapabilityAnswered: lambda turn, call, given: uses_alone.on_answered(turn, call, given),
}
"""By the input that tells of it; each has a `call`. Looked up when it happens, so that a test may plant a bug."""
