"""The judge must see what a caller would hear: each way in which a call can be wrong is shown to fail, one by one."""

from dataclasses import replace

import pytest
from callers_verdict import (
    FAINT,
    LOST,
    QUIET,
    Expectation,
    Facts,
    Heard,
    Recogniser,
    barge_in_frames,
    expectation_prompts,
    judge,
    prompt_frames,
    runs,
    trim,
)

SILENCE = prompt_frames(b"\xff" * 160)
WELCOME = prompt_frames(b"".join(bytes([1 + n % 100]) * 80 + bytes([n // 100]) * 80 for n in range(400)))
# A prompt with a breath of digital silence in its middle.
GOODBYE = trim(
    (*SILENCE * 3, *prompt_frames(b"\x81" * 160 * 40), *SILENCE * 30, *prompt_frames(b"\x82" * 160 * 60 + b"\x83" * 99))
)
PROMPTS = {"welcome": WELCOME, "goodbye": GOODBYE}
EXPECT = Expectation(prompts=("welcome*", "goodbye"))
WHOLE = (*SILENCE * 3, *WELCOME, *SILENCE * 9, *GOODBYE, *SILENCE * 2)


def call(frames: tuple[int, ...] = WHOLE, **heard: object) -> tuple[Facts, Heard]:
    facts = Facts(answered=True, status=200, bye="theirs")
    good = {"packets": len(frames), "markers": 1, "first_has_marker": True, "sources": 1, "ssrcs": 1}
    return facts, Heard(frames=frames, **good | heard)


def faults(facts: Facts, heard: Heard, expect: Expectation = EXPECT) -> str:
    return "; ".join(judge(expect, facts, heard, runs(heard.frames, PROMPTS)))


def test_a_whole_call_is_good() -> None:
    assert faults(*call()) == ""


def test_runs_name_what_was_heard_from_where_and_for_how_long() -> None:
    found = runs(WHOLE, PROMPTS)
    assert [(run.prompt, run.heard_at, run.first, run.frames, run.complete) for run in found] == [
        ("welcome", 3, 0, 400, True),
        ("goodbye", 412, 0, len(GOODBYE), True),
    ]


def test_a_digit_cuts_the_first_prompt_and_only_that() -> None:
    facts, heard = call((*WELCOME[:100], *SILENCE * 2, *GOODBYE))
    facts.pressed = [("4", 98)]
    assert faults(facts, heard) == ""
    assert barge_in_frames(facts, runs(heard.frames, PROMPTS)) == 2


def test_a_prompt_cut_without_a_digit_fails() -> None:
    assert "welcome broke off after 2000 ms and no digit" in faults(*call((*WELCOME[:100], *GOODBYE)))


def test_a_digit_that_does_not_act_fails() -> None:
    facts, heard = call()
    facts.pressed = [("4", 98)]
    assert "digit: pressed while welcome played" in faults(facts, heard)


def test_a_digit_pressed_as_the_prompt_ends_may_come_too_late() -> None:
    facts, heard = call()
    facts.pressed = [("4", 395)]
    assert faults(facts, heard) == ""


def test_a_digit_that_acts_twice_fails() -> None:
    facts, heard = call((*WELCOME[:100], *GOODBYE[:20]))
    facts.pressed = [("4", 98)]
    assert "goodbye broke off after 400 ms" in faults(facts, heard)


def test_a_prompt_heard_twice_fails() -> None:
    assert "heard welcome, welcome, goodbye" in faults(*call((*WELCOME, *WELCOME, *GOODBYE)))


def test_a_prompt_that_starts_over_in_its_middle_fails() -> None:
    assert "heard welcome, welcome, goodbye" in faults(*call((*WELCOME[:200], *WELCOME, *GOODBYE)))


def test_a_prompt_that_skips_ahead_fails() -> None:
    found = runs((*WELCOME[:200], *WELCOME[203:], *GOODBYE), PROMPTS)
    assert [(run.prompt, run.first) for run in found] == [("welcome", 0), ("welcome", 203), ("goodbye", 0)]
    assert "heard welcome, welcome, goodbye" in faults(*call((*WELCOME[:200], *WELCOME[203:], *GOODBYE)))


def test_a_prompt_that_stutters_fails() -> None:
    assert "prompts:" in faults(*call((*WELCOME[:200], *WELCOME[197:], *GOODBYE)))


def test_silence_inserted_into_a_prompt_fails() -> None:
    assert "prompts:" in faults(*call((*WELCOME[:200], *SILENCE, *WELCOME[200:], *GOODBYE)))


def test_a_missing_last_prompt_fails() -> None:
    assert "heard welcome instead of welcome, goodbye" in faults(*call(WELCOME))


def test_foreign_audio_fails() -> None:
    assert "unknown audio" in faults(*call((*WELCOME, *prompt_frames(b"\x07" * 320), *GOODBYE)))


def test_a_lost_packet_fails_by_sequence_and_by_sound() -> None:
    facts, heard = call((*WELCOME[:200], LOST, *WELCOME[201:], *GOODBYE), sequence_gaps=1, lost=1)
    assert "sequence: 1 packets missing in 1 gaps" in faults(facts, heard)
    assert "prompts:" in faults(facts, heard)


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ({"late_or_double": 1}, "sequence: 1 packets late or out of order"),
        ({"doubled": 1}, "sequence: 1 packets sent twice"),
        ({"timestamp_jumps": [(9, 160)]}, "timestamp: 1 jumps (+160 at frame 9)"),
        ({"markers": 2}, "marker: 1 after the first packet"),
        ({"markers": 0, "first_has_marker": False}, "marker: missing on the first packet"),
        ({"odd_packets": 1}, "rtp: 1 packets that are not 20 ms"),
        ({"sources": 2}, "source: 2 addresses"),
        ({"ssrcs": 2}, "ssrc: 2 streams"),
        ({"packets": 0}, "rtp: not one packet"),
    ],
)
def test_each_oddity_of_rtp_fails(wrong: dict[str, object], fault: str) -> None:
    assert fault in faults(*call(**wrong))


def test_a_jump_is_excused_only_while_the_whole_machine_stood_still() -> None:
    facts, heard = call(timestamp_jumps=[(9, 1600)], jumped_at=[1000.0])
    assert "timestamp" in faults(facts, heard)
    facts.stalls = [(1000.05, 0.19)]
    assert faults(facts, heard) == ""
    facts.stalls = [(999.7 + n / 10, 0.04) for n in range(3)]
    assert faults(facts, heard) == "", "a machine that is held back again and again falls behind as well"
    for stall in ((1000.05, 0.05), (1002.0, 0.19), (998.0, 0.19)):
        facts.stalls = [stall]
        assert "timestamp" in faults(facts, heard)
    facts.stalls = [(1000.05, 0.19)]
    heard.timestamp_jumps = [(9, 1601)]
    assert "timestamp" in faults(facts, heard)


def test_a_timestamp_may_jump_by_whole_frames_where_media_was_killed() -> None:
    lenient = replace(EXPECT, media_deaths=True)
    assert faults(*call(timestamp_jumps=[(9, 800)]), lenient) == ""
    assert faults(*call(doubled=1), lenient) == ""
    assert "sequence" in faults(*call(late_or_double=1), lenient)
    assert "timestamp" in faults(*call(timestamp_jumps=[(9, 81)]), lenient)
    assert "timestamp" in faults(*call(timestamp_jumps=[(9, -160)]), lenient)


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        (Facts(answered=True, status=200, bye="none"), "bye: none instead of theirs"),
        (Facts(answered=True, status=200, bye="ours", bye_answered=True), "bye: ours instead of theirs"),
        (Facts(answered=True, status=200, bye="ours"), "bye: ours was never answered"),
        (Facts(status=503), "status: 503 instead of 200"),
        (Facts(), "status: no final answer instead of 200"),
        (Facts(cancelled=True, status=486), "status: a cancelled call ended with 486"),
        (Facts(answered=True, status=200, bye="theirs", error="timer B"), "error: timer B"),
    ],
)
def test_each_wrong_end_fails(facts: Facts, fault: str) -> None:
    assert fault in faults(facts, call()[1])


def test_a_cancelled_call_is_good_with_487_and_where_cancel_lost_the_race() -> None:
    assert faults(Facts(cancelled=True, status=487), Heard()) == ""
    late = Facts(answered=True, cancelled=True, status=200, bye="ours", bye_answered=True)
    assert faults(late, call(WELCOME[:3])[1], replace(EXPECT, prompts=())) == ""


def test_an_endless_prompt_repeats_and_breaks_off_with_the_call() -> None:
    expect = replace(EXPECT, prompts=expectation_prompts("welcome+"))
    assert faults(*call((*WELCOME, *WELCOME, *WELCOME[:50])), expect) == ""
    assert faults(*call(WELCOME[:50]), expect) == ""
    assert "welcome broke off" in faults(*call((*WELCOME[:50], *WELCOME)), expect)


def test_unknown_audio_is_told_apart_by_its_crc_and_split_at_pauses() -> None:
    first, second = runs((*WELCOME[:50], *SILENCE * 30, *WELCOME[:50]), {})
    assert (first.frames, second.frames, first.crc) == (50, 50, second.crc)
    assert runs(WELCOME[:49], {})[0].crc != first.crc


def test_a_voice_that_pauses_at_some_small_constant_is_silent_to_an_ear_alone() -> None:
    faint = prompt_frames(b"\x7c" * 3200)
    assert set(faint) <= FAINT
    assert not set(faint) & QUIET
    assert set(prompt_frames(b"\x55" * 160)) <= FAINT
    assert not set(prompt_frames(b"\x07" * 160)) & FAINT
    paused = (*faint, *WELCOME[:100], *faint, *WELCOME[100:], *faint)
    [strict] = runs(paused, {"paused": paused})
    assert strict.frames == len(paused)
    [heard] = Recogniser({"paused": paused}, FAINT).runs((*SILENCE, *paused, *SILENCE))
    assert (heard.prompt, heard.frames, heard.complete) == ("paused", len(paused) - 40, True)
