"""The jitter buffer: what goes in comes out in order, once, after a while; what is missing is covered up."""

from hypothesis import given, settings
from hypothesis import strategies as st

from keepline.model.limits import JITTER_UNITS_MAX
from keepline.rtp.companding import PCMU, QUIETER
from keepline.rtp.jitter import CONCEALED_MAX, FAR_UNITS, SLACK_UNITS, TARGET_UNITS, JitterBuffer

FRAME = 160
SILENCE = b"\xff"
FILLED = TARGET_UNITS // FRAME + 1
"""Packets of 20 ms with which it begins to play."""


def buffer() -> JitterBuffer:
    return JitterBuffer(SILENCE, QUIETER[PCMU])


def audio(number: int, size: int = FRAME) -> bytes:
    return bytes([number % 100 + 1]) * size


def heard(held: JitterBuffer, arrivals: list[list[int]], size: int = FRAME, ts0: int = 0) -> list[bytes | None]:
    """Between two takes, the packets of these numbers come."""
    out = []
    for packets in arrivals:
        for number in packets:
            held.put((ts0 + number * FRAME) & 0xFFFFFFFF, audio(number))
        out.append(held.take(size))
    return out


def test_audio_comes_out_as_it_went_in_after_40_to_60_ms() -> None:
    out = heard(buffer(), [[number] for number in range(50)])
    assert out == [None] * (FILLED - 1) + [audio(number) for number in range(50 - FILLED + 1)]


def test_timestamps_wrap() -> None:
    out = heard(buffer(), [[number] for number in range(50)], ts0=0xFFFFFFFF - 1_000)
    assert out[FILLED - 1 :] == [audio(number) for number in range(50 - FILLED + 1)]


def test_what_comes_out_of_order_is_put_in_order_and_what_comes_twice_is_dropped() -> None:
    held = buffer()
    out = heard(held, [[0], [2], [1], [3], [3, 4], [6], [5], [5, 7], [8], [9]])
    assert out == [None] + [audio(number) for number in range(9)]
    assert (held.dropped, held.lost) == (2, 0)


def test_what_comes_after_its_turn_is_dropped() -> None:
    held = buffer()
    out = heard(held, [[0], [1], [2], [4], [5], [6], [3, 7], [8], [9]])
    assert [each for each in out if each][:3] == [audio(0), audio(1), audio(2)]
    assert out[5] == audio(2)
    assert out[6:] == [audio(4), audio(5), audio(6)]
    assert (held.dropped, held.lost) == (1, 1)


def test_a_lost_packet_is_covered_up_by_the_one_before_quieter_each_time() -> None:
    held = buffer()
    out = heard(held, [[number] if number not in (5, 6) else [] for number in range(12)])
    first = out.index(audio(4))
    assert out[first + 1] == audio(4)
    assert out[first + 2] == audio(4).translate(QUIETER[PCMU])
    assert out[first + 3] == audio(7)
    assert held.lost == 2


def test_a_stream_that_stops_is_silent_soon_and_begins_again_with_its_delay() -> None:
    held = buffer()
    out = heard(held, [[0], [1], [2], *[[]] * 10])
    assert out[FILLED - 1 : FILLED + 2] == [audio(0), audio(1), audio(2)]
    assert out[FILLED + 2 : FILLED + 2 + CONCEALED_MAX][0] == audio(2)
    assert out[FILLED + 2 + CONCEALED_MAX :] == [None] * (8 - CONCEALED_MAX)
    lost = held.lost
    again = heard(held, [[number] for number in range(500, 510)])
    assert again == [None] * (FILLED - 1) + [audio(number) for number in range(500, 510 - FILLED + 1)]
    assert held.lost == lost


def test_a_gap_shorter_than_a_frame_leaves_the_rest_in_its_place() -> None:
    held = buffer()
    for number in range(4):
        held.put(number * FRAME, audio(number))
    held.put(4 * FRAME + 80, audio(4))
    held.put(5 * FRAME + 80, audio(5))
    out = [held.take(FRAME) for _ in range(6)]
    assert out[4] == audio(3, 80) + audio(4, 80)
    assert out[5] == audio(4, 80) + audio(5, 80)


def test_frames_of_other_lengths_on_the_way_out() -> None:
    for size in (80, 240, 320, 480):
        held, out = buffer(), b""
        for number in range(60):
            held.put(number * FRAME, audio(number))
            while len(held) >= TARGET_UNITS + max(size, FRAME):
                out += held.take(size) or b""
        whole = b"".join(audio(number) for number in range(60))
        assert whole.startswith(out)
        assert len(out) > 50 * FRAME
        assert held.lost == 0


def test_long_packets_go_out_as_short_frames() -> None:
    held, out = buffer(), []
    for number in range(20):
        held.put(number * 480, audio(number, 480))
        out += [held.take(FRAME) for _ in range(3)]
    played = [each for each in out if each]
    assert played == [audio(number // 3) for number in range(len(played))]
    assert held.lost == 0


def test_what_stays_too_much_is_cut() -> None:
    held = buffer()
    out = heard(held, [list(range(6)), *[[number] for number in range(6, 200)]])
    assert out[0] == audio(0)
    assert len(held) <= TARGET_UNITS + SLACK_UNITS
    assert out[-1] == audio(199 - len(held) // FRAME)
    assert held.lost == 0


def test_a_clock_set_anew_is_followed_in_either_direction() -> None:
    for jump in (FAR_UNITS // FRAME * 20, -FAR_UNITS // FRAME * 20):
        held = buffer()
        heard(held, [[number] for number in range(100, 110)])
        out = heard(held, [[number + jump] for number in range(110, 120)], ts0=1_000_000)
        assert [each for each in out if each] == [audio(number + jump) for number in range(110, 118)]


def test_nobody_takes_and_it_stays_small() -> None:
    held = buffer()
    for number in range(500):
        held.put(number * FRAME, audio(number))
        assert len(held) <= JITTER_UNITS_MAX
    assert held.take(FRAME) is not None


def test_what_overlaps_is_forgotten() -> None:
    held = buffer()
    for number in range(2_000):
        held.put(number * FRAME, audio(number))
        held.put(number * FRAME + 7, audio(number))
        held.take(FRAME)
    assert len(held._held) < 60


@settings(deadline=None, max_examples=300, derandomize=True, database=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(0, 0xFFFFFFFF), st.integers(0, 600)),
            st.tuples(st.integers(0, 4_000), st.integers(0, 600)),
            st.sampled_from([80, 160, 240, 480]),
        ),
        max_size=80,
    )
)
def test_whatever_comes_a_frame_is_a_frame_and_the_buffer_is_bounded(script: list[tuple[int, int] | int]) -> None:
    held = buffer()
    for each in script:
        if isinstance(each, int):
            taken = held.take(each)
            assert taken is None or len(taken) == each
        else:
            held.put(each[0], bytes(each[1]))
            assert len(held) <= JITTER_UNITS_MAX
