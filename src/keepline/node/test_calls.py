"""Marked test calls: their flows, their tones, and the numbers that they are made to, beside those of the operation.

Out by one carrier, in by another: the caller's leg sounds one tone and the callee's leg another, each is recorded where
it should be heard, and `heard_s` looks for it there. They are marked by a number that is called for nothing else, since
carriers leave out headers that they do not know. No flow of the operation runs, and none can be named like these.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from keepline.call.turn import Program
from keepline.flow import Call, flow
from keepline.flow.engine import FlowFunction
from keepline.model.operation import TEST_BACK, TEST_THERE, FlowReference, Number
from keepline.model.preflight import ANSWERING, CALLING
from keepline.rtp.loudness import LINEAR, PCMA, PCMU

THERE, BACK = "preflight.there", "preflight.back"
THERE_HZ, BACK_HZ = 620, 880
LISTENS_S: Final = 7.0
RATE_HZ: Final = 8000
FRAME: Final = 160
SHARE_MIN: Final = 0.5
"""Of a frame's power, that must be the tone's."""
LOUD_MIN: Final = 300.0
"""Root mean square, of 32,767: less is silence."""
_TAGS: Final = {6: PCMA, 7: PCMU}


@flow
async def calling(call: Call) -> None:
    """Sound a tone, and listen for the other one."""
    await call.say(prompt=THERE)
    await call.record_message(length_s_max=LISTENS_S, silence_s=None, terminator="", beep=False, min_s=0)
    await call.hangup()


@flow
async def answering(call: Call) -> None:
    """Listen for a tone, and sound the other one."""
    await call.record_message(length_s_max=LISTENS_S, silence_s=2.0, terminator="", beep=False, min_s=0)
    await call.say(prompt=BACK)
    await call.wait(LISTENS_S)
    await call.hangup()


def with_test_calls(program: Program) -> Program:
    """The program, and what its test calls need; the same where it has none."""
    operation = program.operation
    if not operation.preflight.numbers:
        return program
    numbers = {each: Number(ANSWERING, carrier=trunk) for trunk, each in operation.preflight.numbers.items()}
    flows = {name: FlowReference("keepline.node.test_calls", name.partition(".")[2]) for name in (CALLING, ANSWERING)}
    functions: Mapping[str, FlowFunction] = {CALLING: calling, ANSWERING: answering}
    changed = replace(
        operation,
        numbers=operation.numbers | numbers,
        flows=operation.flows | flows,
        prompts=operation.prompts | {THERE: TEST_THERE, BACK: TEST_BACK},
    )
    return replace(program, operation=changed, functions={**program.functions, **functions})


def heard_s(recording: Path, hertz: float) -> float:
    """For how long a tone is heard in a recording of a node's, in seconds; raises OSError or ValueError."""
    data = recording.read_bytes()
    kind = _TAGS.get(int.from_bytes(data[20:22], "little")) if data[:4] == b"RIFF" else None
    if kind is None:
        raise ValueError(f"{recording} is no recording of a node")
    table, samples = LINEAR[kind], data[58:]
    frames = (samples[at : at + FRAME] for at, _ in pairwise(range(0, len(samples) + 1, FRAME)))
    return sum(_has_tone([table[each] for each in frame], hertz) for frame in frames) * FRAME / RATE_HZ


def _has_tone(frame: list[int], hertz: float) -> bool:
    """Whether most of a frame's power is at one frequency (Goertzel's algorithm)."""
    power = sum(each * each for each in frame)
    if power < LOUD_MIN**2 * len(frame):
        return False
    factor = 2.0 * math.cos(2.0 * math.pi * hertz / RATE_HZ)
    before, last = 0.0, 0.0
    for each in frame:
        before, last = last, each + factor * last - before
    tone = before * before + last * last - factor * before * last
    return tone * 2.0 / len(frame) >= SHARE_MIN * power
