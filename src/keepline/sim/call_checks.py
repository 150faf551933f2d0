"""What must be true of each call once a world has come to rest: its facts make a call, and media did what they say.

A call's facts are sorted by their kind once, since most calls have none of most kinds.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from keepline.call.adoption import wake
from keepline.call.effects import OpenMedia, RecordMedia
from keepline.call.facts import (
    CallEnded,
    DigitsPressed,
    Fact,
    FlowFailed,
    MessageRecorded,
    MessageStarted,
    QuestionContinued,
    SecretKept,
    SecretLost,
    StepEnded,
    UseStarted,
)
from keepline.call.facts.interrupted import CallInterrupted
from keepline.call.facts.refer import LegReferred, ReferralEnded
from keepline.call.record import record_of
from keepline.call.state import Phase
from keepline.call.steps.common import play_number
from keepline.model.errors import LocalError
from keepline.sim.media import MediaLog, Started
from keepline.sim.node import SimNode

Kinds = dict[type, list[Fact]]
OTHER_ANSWERS = frozenset(("ask_choice", "ask_yes_no", "ask_secret_digits", "record_message", "connect"))
"""Verbs that use up keys and whose values are not these keys."""
REPEATING = frozenset(
    (QuestionContinued, FlowFailed, UseStarted, LegReferred, ReferralEnded, SecretLost, SecretKept),
)
"""Kinds after which a step has more than one play."""


class MediaByCall:
    """What media did, by call."""

    def __init__(self, log: MediaLog) -> None:
        self.plays_most = 1 + log.losses
        self.kept = log.kept
        """Of one play: whose memory is lost begins it again."""
        self.opened: defaultdict[str, list[OpenMedia]] = defaultdict(list)
        self.started: defaultdict[str, list[Started]] = defaultdict(list)
        self.recorded: defaultdict[str, list[RecordMedia]] = defaultdict(list)
        for opened in log.opened:
            self.opened[opened.call].append(opened)
        for started in log.started:
            self.started[started.call].append(started)
        for recorded in log.recorded:
            self.recorded[recorded.call].append(recorded)


def call_wrongs(node: SimNode, media: MediaByCall, call: str, facts: list[Fact], *, is_hurt: bool) -> Iterator[str]:
    """All that is wrong with one call; `is_hurt`: a power cut took some of its facts, and it must only end."""
    try:
        state = wake(tuple(facts), read=node.read_request)
        record_of(facts)
    except LocalError as error:
        yield f"its facts make no call: {error}"
        return
    if state.phase is not Phase.ENDED:
        yield f"it never ended: {state.phase.value}"
    kinds: Kinds = {}
    for fact in facts:
        kind = type(fact)
        if kind in kinds:
            kinds[kind].append(fact)
        else:
            kinds[kind] = [fact]
    ends = len(kinds.get(CallEnded, ()))
    if ends > 1:
        yield f"it ended {ends} times"
    if is_hurt:
        return
    steps: list[StepEnded] = kinds.get(StepEnded, [])  # type: ignore[assignment]
    yield from _of_digits(node.media.log.keyed.get(call, ""), facts, kinds, steps)
    yield from _of_steps(media, call, facts, kinds, steps)
    if MessageStarted in kinds or MessageRecorded in kinds or call in media.recorded:
        yield from _of_recordings(media, call, facts)
    # One stream: the clock of a stream that is opened again has gone on with its packets, 160 samples for each.
    opened = {(o.slot, o.ssrc, o.ts - 160 * o.seq) for o in media.opened[call]}
    if len(opened) > 1:
        yield f"its RTP has {len(opened)} identities"
    terms, number = state.agreement.terms, state.agreement.number
    told = node.media.log.directions.get(call, (0, ""))
    if terms is not None and number and told != (number, terms.direction):
        yield f"its session was changed {number} times, to {terms.direction} in the end, and media has {told}"


def _of_digits(heard: str, facts: list[Fact], kinds: Kinds, steps: Sequence[StepEnded]) -> Iterator[str]:
    recorded = ""
    before = 0
    for fact in facts if DigitsPressed in kinds else ():
        if type(fact) is CallInterrupted:
            before = len(recorded)  # media counts anew
        elif type(fact) is DigitsPressed:
            # Those that came just before keys became private are counted, and on no record.
            hidden = before + fact.head - len(recorded) - len(fact.digits) if not fact.digits else 0
            recorded += heard[len(recorded) :][:hidden] + fact.digits
            if before + fact.head != len(recorded):
                yield f"digits up to {fact.head} are on record, but {len(recorded)} of them"
    if not heard.startswith(recorded):
        yield f"digits {recorded!r} are on record, {heard!r} were keyed"
    used, answered = 0, ""
    for step in steps:
        if step.verb in OTHER_ANSWERS:
            return
        used = max(used, step.digits_used)
        if step.verb == "ask_digits":
            answered += step.value
    if "#" not in heard and answered != heard[:used]:
        yield f"questions were answered {answered!r}, keyed was {heard[:used]!r}"


def _of_steps(
    media: MediaByCall, call: str, facts: list[Fact], kinds: Kinds, steps: Sequence[StepEnded]
) -> Iterator[str]:
    numbers = [fact.step for fact in steps]
    if numbers != list(range(len(steps))):
        yield f"its steps are {numbers}"
    starts: dict[int, int] = {}
    for each in media.started[call]:
        starts[each.number] = starts.get(each.number, 0) + 1
    yield from (f"play {number} began {count} times" for number, count in starts.items() if count > media.plays_most)
    repeats = [] if REPEATING.isdisjoint(kinds) else _repeats(facts)
    known = range(play_number(0), play_number(len(steps) + 1 + len(repeats)))
    yield from (f"play {number} belongs to no step" for number in starts if number not in known)
    for fact in steps:
        if fact.verb == "say" and fact.outcome == "done":
            number = play_number(fact.step) + sum(step < fact.step for step in repeats)
            if number not in starts:
                yield f"step {fact.step} was said and never heard"


def _repeats(facts: list[Fact]) -> list[int]:
    """Steps that have a play more than one, each as often as it has."""
    found: list[int] = []
    ended = 0
    for fact in facts:
        match fact:
            case StepEnded():
                ended += 1
            case QuestionContinued() | LegReferred() | ReferralEnded() | SecretLost():
                found.append(fact.step)
            case SecretKept():
                found += [fact.step] * 2
            case UseStarted(attempt=1):
                found.append(fact.step)
            case FlowFailed():
                found.append(ended - 1)
    return found


def _of_recordings(media: MediaByCall, call: str, facts: list[Fact]) -> Iterator[str]:
    started = [(fact.number, fact.key) for fact in facts if isinstance(fact, MessageStarted)]
    begun = [(each.number, each.key) for each in media.recorded[call]]
    again = max(Counter(begun).values(), default=0)  # whose memory is lost begins it again
    if started[: len(set(begun))] != list(dict.fromkeys(begun)) or len(set(started)) != len(started):
        yield f"recordings {started} are on record, media began {begun}"
    if again > media.plays_most:
        yield f"a recording began {again} times"
    for fact in facts:
        if isinstance(fact, MessageRecorded) and fact.length_s < media.kept.get(fact.key, 0.0) - 1e-6:
            yield f"recording {fact.number} is {fact.length_s:.2f} s long, and had {media.kept[fact.key]:.2f} s before"
    whole = Counter((fact.number, fact.key) for fact in facts if isinstance(fact, MessageRecorded))
    yield from (f"recording {each[0]} was over {whole[each]} times" for each in started if whole[each] != 1)
