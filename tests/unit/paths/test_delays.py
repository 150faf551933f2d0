"""How long a path is waited for: its own p99 and some, within bounds."""

import pytest

from keepline.model.limits_carriers import PATH_DELAYS_MAX
from keepline.paths.delays import DELAYS_MIN, Delays, ringing_s, silence_s


def test_too_few_say_nothing_and_get_the_longest_wait() -> None:
    delays = Delays()
    for _ in range(DELAYS_MIN - 1):
        delays.add(0.01)
    assert delays.p99_s is None
    delays.add(0.01)
    assert delays.p99_s == 0.01
    assert (silence_s(None), ringing_s(None)) == (0.5, 6.0)


def test_the_p99_is_that_of_the_latest() -> None:
    delays = Delays()
    for number in range(100):
        delays.add(number / 100)
    assert delays.p99_s == 0.99
    for _ in range(PATH_DELAYS_MAX):
        delays.add(0.02)
    assert (len(delays), delays.p99_s) == (PATH_DELAYS_MAX, 0.02)


@pytest.mark.parametrize(("p99_s", "wait_s"), [(0.001, 0.1), (0.025, 0.1), (0.05, 0.2), (0.125, 0.5), (3.0, 0.5)])
def test_silence_is_waited_for_4_times_the_p99_from_100_to_500_ms(p99_s: float, wait_s: float) -> None:
    assert silence_s(p99_s) == pytest.approx(wait_s)


@pytest.mark.parametrize(("p99_s", "wait_s"), [(0.01, 1.5), (0.5, 2.0), (1.4, 5.6), (2.0, 6.0)])
def test_ringing_is_waited_for_4_times_the_p99_from_1500_ms_to_6_s(p99_s: float, wait_s: float) -> None:
    assert ringing_s(p99_s) == pytest.approx(wait_s)
