"""Ears: prompts are noticed when they begin and end, whole, cut, torn by loss, and however often one looks."""

from collections.abc import Sequence
from zlib import crc32

from callers_verdict import LOST, Recogniser
from hypothesis import given
from hypothesis import strategies as st
from world_ear import PAUSE_FRAMES, SCRAP_FRAMES, Ear, Sound

QUIET = crc32(b"\xff" * 160)
MENU = tuple(range(1000, 1100))
ORDER = tuple(range(2000, 2050))
ALIKE = MENU[:30] + tuple(range(3000, 3040))
GAPPED = (*range(4000, 4020), *[QUIET] * 60, *range(4020, 4040))
RECOGNISER = Recogniser({"menu": MENU, "order": ORDER, "alike": ALIKE, "gapped": GAPPED})
UNKNOWN = tuple(range(9000, 9060))


def quiet(frames: int) -> tuple[int, ...]:
    return (QUIET,) * frames


def heard(frames: Sequence[int], step: int = 5) -> list[Sound]:
    """Everything noticed by looking every `step` frames."""
    ear = Ear(RECOGNISER)
    return [sound for end in range(step, len(frames) + step, step) for sound in ear.listen(frames[:end])]


def ends(frames: Sequence[int], step: int = 5) -> list[tuple[str, bool, int]]:
    return [(sound.prompt, sound.complete, sound.frames) for sound in heard(frames, step) if sound.ended]


def begins(frames: Sequence[int]) -> list[tuple[str, int]]:
    return [(sound.prompt, sound.at_frame) for sound in heard(frames) if not sound.ended]


def test_a_prompt_is_noticed_once() -> None:
    frames = quiet(10) + MENU + quiet(10) + ORDER + quiet(100)
    assert ends(frames) == [("menu", True, 100), ("order", True, 50)]
    assert begins(frames) == [("menu", 10), ("order", 120)]


def test_a_prompt_ends_with_its_last_frame() -> None:
    ear = Ear(RECOGNISER)
    assert [sound.ended for sound in ear.listen(MENU[:99])] == [False]
    assert [sound.ended for sound in ear.listen(MENU)] == [True]


def test_a_prompt_that_is_cut_ends_when_something_else_begins_or_in_silence() -> None:
    assert ends(MENU[:40] + ORDER) == [("menu", False, 40), ("order", True, 50)]
    assert ends(MENU[:40] + quiet(PAUSE_FRAMES - 1)) == []
    assert ends(MENU[:40] + quiet(PAUSE_FRAMES + 5)) == [("menu", False, 40)]


def test_silence_inside_a_prompt_belongs_to_it() -> None:
    assert ends(GAPPED + quiet(100)) == [("gapped", True, 100)]


def test_prompts_that_begin_alike_are_told_apart() -> None:
    assert ends(quiet(3) + ALIKE + quiet(50)) == [("alike", True, 70)]
    assert ends(quiet(3) + MENU + quiet(50)) == [("menu", True, 100)]


def test_unknown_audio_ends_with_a_pause() -> None:
    frames = UNKNOWN + quiet(PAUSE_FRAMES - 10) + UNKNOWN + quiet(PAUSE_FRAMES + 5)
    assert ends(frames) == [("", True, 2 * len(UNKNOWN) + PAUSE_FRAMES - 10)]


def test_a_scrap_is_not_noticed() -> None:
    assert heard(UNKNOWN[: SCRAP_FRAMES - 1] + quiet(100)) == []
    assert ends(UNKNOWN[:SCRAP_FRAMES] + quiet(100)) == [("", True, SCRAP_FRAMES)]


def test_a_lost_packet_does_not_tear_a_prompt() -> None:
    torn = (*MENU[:40], LOST, *MENU[41:])
    assert ends(torn + quiet(50)) == [("menu", True, 100)]


def test_after_a_key_everything_is_new() -> None:
    ear = Ear(RECOGNISER)
    frames = UNKNOWN
    assert [sound.ended for sound in ear.listen(frames)] == [False]
    ear.split(frames)
    frames += quiet(5) + UNKNOWN + quiet(PAUSE_FRAMES)
    assert [(sound.ended, sound.at_frame) for sound in ear.listen(frames)] == [(False, 65), (True, 65)]


def test_the_tail_of_a_prompt_that_a_key_cuts_is_not_noticed() -> None:
    ear = Ear(RECOGNISER)
    ear.listen(MENU[:40])
    ear.split(MENU[:40])
    frames = MENU[: 40 + SCRAP_FRAMES - 1] + quiet(10) + ORDER
    assert [(sound.prompt, sound.ended) for sound in ear.listen(frames)] == [("order", False), ("order", True)]


PIECES = st.lists(st.sampled_from([MENU, ORDER, ALIKE, MENU[:40], GAPPED, quiet(50), UNKNOWN]), max_size=8)


@given(PIECES, st.integers(1, 40))
def test_how_often_one_looks_changes_nothing(pieces: list[tuple[int, ...]], step: int) -> None:
    frames = sum((piece + quiet(50) for piece in pieces), ()) + quiet(100)
    assert ends(frames, step) == ends(frames, len(frames))


def test_unknown_audio_that_shares_frames_with_a_prompt_is_one_sound() -> None:
    shared = (*UNKNOWN[:30], MENU[0], *UNKNOWN[30:50], ORDER[7], ORDER[8], *UNKNOWN[50:], ORDER[0])
    assert ends(shared + quiet(100)) == [("", True, len(shared))]
    assert ends(shared + ORDER) == [("", True, len(shared)), ("order", True, 50)]


def test_what_was_cut_by_the_end_of_the_call_has_ended() -> None:
    ear = Ear(RECOGNISER)
    assert [sound.ended for sound in ear.listen(UNKNOWN)] == [False]
    assert [sound.ended for sound in ear.listen(UNKNOWN, hung_up=True)] == [True]
