"""The E-model against the points that its Recommendations state, ITU-T G.107 and G.113."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.rtp.quality import (
    G711,
    G711_PLAIN,
    R_DEFAULT,
    delay_impairment,
    loss_impairment,
    mean_opinion,
    mos_of_stream,
    rating,
)


@pytest.mark.parametrize(
    ("r", "mos"), [(0, 1.0), (50, 2.58), (60, 3.10), (70, 3.60), (80, 4.03), (90, 4.34), (93.2, 4.41), (100, 4.5)]
)
def test_itu_g107_annex_b_table_of_ratings_and_scores(r: float, mos: float) -> None:
    assert mean_opinion(r) == pytest.approx(mos, abs=0.0061)  # the table rounds 4.024 up


def test_itu_g107_annex_b_outside_its_range() -> None:
    assert mean_opinion(-5) == 1.0
    assert mean_opinion(120) == 4.5


def test_itu_g107_7_7_every_default_gives_93_2() -> None:
    assert rating(0, 0) == R_DEFAULT == 93.2


@pytest.mark.parametrize(
    ("delay_ms", "impairment"), [(0, 0.0), (100, 0.0), (150, 0.16), (200, 3.05), (300, 14.8), (400, 24.1)]
)
def test_itu_g107_7_4_absolute_delay(delay_ms: float, impairment: float) -> None:
    assert delay_impairment(delay_ms) == pytest.approx(impairment, abs=0.6)


def test_itu_g107_7_4_absolute_delay_as_the_formula_has_it() -> None:
    # X = lg(400/100) / lg 2 = 2: 25 (65^(1/6) - 3 (1 + (2/3)^6)^(1/6) + 2)
    assert delay_impairment(400) == pytest.approx(25 * (65 ** (1 / 6) - 3 * (1 + 64 / 729) ** (1 / 6) + 2))


def test_itu_g113_appendix_i_loss_of_g711_with_and_without_concealment() -> None:
    assert loss_impairment(0.0, G711) == 0.0
    assert loss_impairment(0.01, G711) == pytest.approx(95 / 26.1)
    assert loss_impairment(0.043, G711_PLAIN) == pytest.approx(95 / 2)  # half of the way where Ppl = Bpl
    assert loss_impairment(1.0, G711) < 95


def test_a_stream_without_fault_scores_4_4_and_one_never_heard_not_at_all() -> None:
    assert mos_of_stream(1000, 0, 0.0, None) == 4.41
    assert mos_of_stream(0, 0, 0.0, None) is None
    assert mos_of_stream(0, 500, 0.0, 20.0) is None


@given(st.integers(1, 10**9), st.integers(-100, 10**9), st.floats(0, 1e6), st.none() | st.floats(0, 1e6))
def test_a_score_is_a_score(received: int, lost: int, jitter_ms: float, round_trip_ms: float | None) -> None:
    mos = mos_of_stream(received, lost, jitter_ms, round_trip_ms)
    assert mos is not None
    assert 1.0 <= mos <= 4.5


@given(st.floats(0, 2000), st.floats(0, 1))
def test_worse_is_never_better(delay_ms: float, loss: float) -> None:
    assert rating(delay_ms + 50, loss) <= rating(delay_ms, loss)
    assert rating(delay_ms, min(1.0, loss + 0.01)) <= rating(delay_ms, loss)
    assert mean_opinion(rating(delay_ms + 50, loss)) <= mean_opinion(rating(delay_ms, loss)) + 1e-9
