"""What each kind of caller does, and when it is content: one kind for each state that a call can be in.

A kind is judged by what its callers hear and by what their callees hear, and by nothing that the node says of itself.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from callers_crowd import SLOT_S
from callers_sip import Script
from callers_verdict import Expectation, Heard, Run, judge, runs
from mixed_caller import press_all
from mixed_office import card_of

KEY_EVERY_S = 0.35
KEYS_AGAIN_AFTER_S = 1.8
"""What is keyed within a second and a half of a secret question that was asked anew counts for nothing."""
RINGS_LATE_S = 3.0
HELD_PACKETS_MAX = 10
"""Packets on their way when the answer to a hold came, on a machine that is busy."""
VOICE_SHARE_MIN = 0.5
VOICE_MARGIN_S = 2.0
"""Of a conversation: joining, the buffers that fill, and the words of who hears it."""
GOODBYE_S = 2.0
ADVANCE_S = 1.0
PACKETS_PER_S = 50
LIGHT_SILENCE_S = 1.5
"""Who sends a packet a second may be silent for so long."""


@dataclass(slots=True)
class Part(Script):
    """What one caller of a kind means to do."""

    kind: "Kind | None" = None
    dwell_s: float = 0.0
    """How long it stays in the state that its kind is about."""
    keys: str = ""
    rings: bool = False
    """Its INVITE is not answered at once: what is timed is the first response."""
    succeeds: bool = True


class Kind:
    """A listener to a prompt, and the base of the others."""

    name = "prompt"
    user = "1000"
    listens_for = ""
    """The prompt whose beginning it must notice."""

    def part(self, rng: random.Random, dwell_s: float) -> Part:
        keys = [(rng.choice("0123456789*"), rng.uniform(0.3, 6.5))] if rng.random() < 0.7 else []
        return Part(keys, kind=self, dwell_s=dwell_s)

    def answered(self, crowd: Any, caller: Any) -> None:
        """The call is up."""

    def act(self, crowd: Any, caller: Any, what: str) -> None:
        """What it meant to do at this instant."""

    def noticed(self, crowd: Any, caller: Any) -> None:
        """The prompt that it listens for has begun, once more."""

    def expectation(self, caller: Any, deaths: bool) -> Expectation:
        return Expectation("theirs", 200, ("welcome*", "goodbye"), deaths)

    def faults(self, crowd: Any, caller: Any, found: Sequence[Run]) -> list[str]:
        """What else is wrong."""
        return []


class Digits(Kind):
    """Keys four digits, some while somebody is dead, and counts what is read back."""

    name, user = "digits", "1001"

    def part(self, rng: random.Random, dwell_s: float) -> Part:
        keys = "".join(rng.choices("0123456789", k=4))
        times = sorted(rng.uniform(0.5, max(3.0, dwell_s)) for _ in keys)
        # A key takes 160 ms to be sent; two of one caller must not meet.
        spread = [max(at, 0.5 + number * 0.3) for number, at in enumerate(times)]
        return Part(list(zip(keys, spread, strict=True)), kind=self, dwell_s=dwell_s, keys=keys)

    def expectation(self, caller: Any, deaths: bool) -> Expectation:
        read = (f"d{key}" for key in caller.script.keys)
        return Expectation("theirs", 200, ("enter*", *read, "goodbye"), deaths)


class Hold(Kind):
    """Holds the line, and takes it up again: the music goes on where it stood."""

    name, user = "hold", "1002"

    def part(self, rng: random.Random, dwell_s: float) -> Part:
        return Part(kind=self, dwell_s=dwell_s)

    def answered(self, crowd: Any, caller: Any) -> None:
        caller.line.later(ADVANCE_S, caller, "do hold")

    def act(self, crowd: Any, caller: Any, what: str) -> None:
        if what == "hold":
            caller.change("sendonly", lambda message, at: self._held(caller))
        elif what == "resume":
            caller.held_packets = caller.leg.receiver.heard.packets - caller.held_packets
            caller.change("sendrecv", lambda message, at: caller.line.later(GOODBYE_S, caller, "hang_up"))

    def _held(self, caller: Any) -> None:
        if caller.leg is not None:
            caller.held_packets = caller.leg.receiver.heard.packets
            caller.leg.receiver.is_held = True
            caller.line.later(caller.script.dwell_s, caller, "do resume")

    def expectation(self, caller: Any, deaths: bool) -> Expectation:
        return Expectation("ours", 200, ("music+",), deaths)

    def faults(self, crowd: Any, caller: Any, found: Sequence[Run]) -> list[str]:
        return [f"hold: {caller.held_packets} packets came meanwhile"] if caller.held_packets > HELD_PACKETS_MAX else []


class Talking(Kind):
    """Talks with somebody, and hangs up."""

    name, user = "bridged", "1003"
    callee = "answer,ring:0.3"

    def part(self, rng: random.Random, dwell_s: float) -> Part:
        return Part(kind=self, dwell_s=dwell_s, hang_up_after_s=dwell_s + 1)

    def expectation(self, caller: Any, deaths: bool) -> Expectation:
        return Expectation("ours", 200, (), deaths)

    def faults(self, crowd: Any, caller: Any, found: Sequence[Run]) -> list[str]:
        legs = crowd.legs_of(caller.index)
        return [] if len(legs) == 1 else [f"legs: {len(legs)} calls were placed for this one"]


class Calling(Talking):
    """Hears somebody's phone ring for long; who is called then hangs up first."""

    name, user = "ringing out", "1004"

    @staticmethod
    def behaviour(dwell_s: float) -> str:
        return f"answer,ring:{dwell_s:.2f},bye-after:{2 * VOICE_MARGIN_S}"

    def part(self, rng: random.Random, dwell_s: float) -> Part:
        return Part(kind=self, dwell_s=dwell_s)

    def expectation(self, caller: Any, deaths: bool) -> Expectation:
        return Expectation("theirs", 200, (), deaths)

    def faults(self, crowd: Any, caller: Any, found: Sequence[Run]) -> list[str]:
        faults = super().faults(crowd, caller, found)
        named = [run.prompt for run in found if run.prompt]
        return faults + ([] if named == ["goodbye"] else [f"prompts: heard {', '.join(named) or 'nothing'} at the end"])


class RingingIn(Kind):
    """Waits for the answer; some do not wait so long."""

    name, user = "ringing in", "1005"

    def part(self, rng: random.Random, dwell_s: float) -> Part:
        cancels = rng.random() < 0.2
        return Part(kind=self, dwell_s=dwell_s, rings=True, cancel_after_s=rng.uniform(1.0, 5.0) if cancels else None)

    def expectation(self, caller: Any, deaths: bool) -> Expectation:
        if caller.script.cancel_after_s is not None:
            return Expectation("none", 487, (), deaths)
        return Expectation("theirs", 200, ("goodbye",), deaths)

    def faults(self, crowd: Any, caller: Any, found: Sequence[Run]) -> list[str]:
        if not caller.facts.answered:
            return []
        rang_s = caller.times.answered - caller.times.invited
        is_right = crowd.mix.ring_s - 0.1 <= rang_s <= crowd.mix.ring_s + RINGS_LATE_S
        return [] if is_right else [f"ring: it was answered after {rang_s:.2f} s"]


class Transferring(Kind):
    """Is to be transferred, takes its time over it, and fails at it now and then."""

    name, user = "transferring", "1006"

    def part(self, rng: random.Random, dwell_s: float) -> Part:
        return Part(kind=self, dwell_s=dwell_s, succeeds=rng.random() < 0.75)

    def answered(self, crowd: Any, caller: Any) -> None:
        caller.on_refer = lambda: self._begin(caller)

    def _begin(self, caller: Any) -> None:
        caller.notify("100 Trying", is_last=False)
        caller.line.later(caller.script.dwell_s, caller, "do tell")

    def act(self, crowd: Any, caller: Any, what: str) -> None:
        caller.notify("200 OK" if caller.script.succeeds else "486 Busy Here", is_last=True)

    def expectation(self, caller: Any, deaths: bool) -> Expectation:
        return Expectation("theirs", 200, () if caller.script.succeeds else ("goodbye",), deaths)

    def faults(self, crowd: Any, caller: Any, found: Sequence[Run]) -> list[str]:
        faults = [] if len(caller.refers) == 1 else [f"refer: {len(caller.refers)} different ones came"]
        if caller.script.succeeds and found:
            faults.append(f"prompts: heard {found[0].prompt or 'something'} after a transfer that worked")
        return faults


class Paying(Kind):
    """Is charged by a back office that takes its time; what that has done is looked at elsewhere."""

    name, user = "paying", "1007"

    def part(self, rng: random.Random, dwell_s: float) -> Part:
        return Part(kind=self, dwell_s=dwell_s)

    def expectation(self, caller: Any, deaths: bool) -> Expectation:
        return Expectation("theirs", 200, (), deaths)

    def faults(self, crowd: Any, caller: Any, found: Sequence[Run]) -> list[str]:
        return told_faults([run for run in found if run.prompt != "card"])


class Keying(Kind):
    """Keys a card, from its first digit again whenever it is asked for it anew."""

    name, user = "keying", "1008"
    listens_for = "card"

    def part(self, rng: random.Random, dwell_s: float) -> Part:
        return Part(kind=self, dwell_s=dwell_s)

    def noticed(self, crowd: Any, caller: Any) -> None:
        caller.takes += 1
        caller.leg.sender.digits.clear()
        first_s = 0.6 if caller.takes == 1 else KEYS_AGAIN_AFTER_S
        for at, key in enumerate(card_of(caller.name)):
            caller.line.later(first_s + at * KEY_EVERY_S, caller, f"do {caller.takes} {key}")

    def act(self, crowd: Any, caller: Any, what: str) -> None:
        take, _, key = what.partition(" ")
        if int(take) == caller.takes:
            crowd.press(caller, key)

    def expectation(self, caller: Any, deaths: bool) -> Expectation:
        return Expectation("theirs", 200, (), deaths)

    def faults(self, crowd: Any, caller: Any, found: Sequence[Run]) -> list[str]:
        names = [run.prompt or "unknown audio" for run in found]
        asked = names.count("card")
        faults = told_faults(found[asked:])
        if not asked or names[:asked] != ["card"] * asked:
            faults.append(f"prompts: heard {', '.join(names) or 'nothing'}, and card not at the beginning")
        return faults if asked == 1 or crowd.media_dies else [*faults, f"secret: it was asked for {asked} times"]


class Message(Kind):
    """Leaves a message until a key."""

    name, user = "message", "1009"

    def part(self, rng: random.Random, dwell_s: float) -> Part:
        return Part(kind=self, dwell_s=dwell_s, keys="#")

    def answered(self, crowd: Any, caller: Any) -> None:
        press_all(caller, "#", caller.script.dwell_s + 3.0, 1.0)

    def expectation(self, caller: Any, deaths: bool) -> Expectation:
        return Expectation("theirs", 200, (), deaths)

    def faults(self, crowd: Any, caller: Any, found: Sequence[Run]) -> list[str]:
        named = [run.prompt for run in found if run.prompt]
        return [] if named == ["leave", "goodbye"] else [f"prompts: heard {', '.join(named)} instead of leave, goodbye"]


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(), Digits(), Hold(), Talking(), Calling(), RingingIn(), Transferring(), Paying(), Keying(), Message()
    )
}  # fmt: skip


def told_faults(found: Sequence[Run]) -> list[str]:
    """Who pays hears that it is paid. That this is unclear may be true as well: it is judged where deaths are known."""
    names = [run.prompt or "unknown audio" for run in found]
    if names in (["paid"], ["unclear"]) and found[-1].complete:
        return []
    return [f"prompts: heard {', '.join(names) or 'nothing'} instead of paid"]


def leg_faults(crowd: Any, caller: Any, leg: Any) -> list[str]:
    """What is wrong with the call that was placed for a caller, and with what the two heard of one another."""
    if not leg.times.ended:
        return ["leg: still up after its caller had left"]
    heard = leg.leg.receiver.heard if leg.leg else Heard()
    expect = Expectation(leg.facts.bye, leg.facts.status, (), crowd.media_dies)
    talked_s = leg.times.ended - leg.times.answered
    if crowd.plan.rtp == "light" and talked_s < LIGHT_SILENCE_S and not heard.packets:
        return []  # it was up between two packets of its caller's
    faults = [f"leg {fault}" for fault in judge(expect, leg.facts, heard, ())]
    if not leg.facts.answered or not caller.facts.answered:
        return faults
    # A crowd that is not let run says less, and what is said in bits and pieces is lost in the buffers on the way.
    said = max(0.0, 1 - 4 * leg.skipped * SLOT_S / talked_s) if talked_s > 0 else 0.0
    due = said * max(0.0, (talked_s - VOICE_MARGIN_S) * PACKETS_PER_S)
    for who, frames, voice in (
        ("caller", caller.heard_frames, crowd.voices[1]),
        ("callee", leg.heard_frames, crowd.voices[0]),
    ):
        got = sum(frame in voice for frame in frames)
        if got < VOICE_SHARE_MIN * due:
            faults.append(f"voice: the {who} heard {got} frames of the other side, {due:.0f} were due")
    return faults


def doubled_faults(crowd: Any, caller: Any) -> list[str]:
    """Where everything dies: whether the audio is one stream from one port still, and what was done twice."""
    found = []
    for who in (caller, *crowd.legs_of(caller.index)):
        heard = who.leg.receiver.heard if who.leg else Heard()
        found += [
            f"{what}: {count} of one call"
            for what, count in (("ssrc", heard.ssrcs), ("source", heard.sources))
            if count > 1
        ]
    counts = {"refer": len(caller.refers), "legs": len(crowd.legs_of(caller.index))}
    return found + [f"{what}: {count} different ones" for what, count in counts.items() if count > 1]


def verdict(crowd: Any, caller: Any) -> tuple[Expectation, list[str]]:
    """How a caller is to be judged, and the faults that `judge` does not know of."""
    legs = [] if crowd.all_dies else crowd.legs_of(caller.index)
    faults = [fault for leg in legs for fault in leg_faults(crowd, caller, leg)]
    if caller.is_cut:
        # The run was over before the call was: its signalling and its streams count all the same.
        return Expectation(caller.facts.bye, caller.facts.status, (), crowd.media_dies, not crowd.all_dies), faults
    kind = caller.script.kind
    if crowd.all_dies:
        return replace(kind.expectation(caller, True), prompts=(), audio=False), doubled_faults(crowd, caller)
    found = runs(caller.heard_frames, crowd.known) if caller.leg else []
    return kind.expectation(caller, crowd.media_dies), faults + kind.faults(crowd, caller, found)
