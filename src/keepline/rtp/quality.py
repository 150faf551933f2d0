"""How a call sounded, from what was measured of it: the E-model's rating R and the mean opinion score it stands for.

The E-model with every input but delay, loss and codec at its default, which leaves R = 93.2 - Idd - Ie,eff. It refuses
to judge what it is not told of: echo, noise and level, and bursts of loss beyond the mean (BurstR = 1).
Sources: ITU-T G.107 (06/2015) §7.4, §7.5, Annex B; G.113 Appendix I (Ie and Bpl of G.711).
"""

from dataclasses import dataclass
from math import log2
from typing import Final

R_DEFAULT: Final = 93.2
"""R0 - Is with every input at its default (G.107 table 2)."""


@dataclass(frozen=True, slots=True)
class Codec:
    """What loss does to a codec (G.113 Appendix I)."""

    impairment: float
    """Ie, without loss."""
    robustness: float
    """Bpl: the greater, the less a lost packet is noticed."""


G711: Final = Codec(0.0, 25.1)
"""With concealment as in G.711 Appendix I, which receivers of today have."""
G711_PLAIN: Final = Codec(0.0, 4.3)
"""Without: a lost packet is silence."""


def rating(delay_ms: float, loss: float, codec: Codec = G711) -> float:
    """R, 0 to 93.2: `delay_ms` one way from mouth to ear, `loss` the share of packets that did not come in time."""
    return min(R_DEFAULT, max(0.0, R_DEFAULT - delay_impairment(delay_ms) - loss_impairment(loss, codec)))


def delay_impairment(delay_ms: float) -> float:
    """Idd (§7.4): nothing up to 100 ms."""
    if delay_ms <= 100:
        return 0.0
    octaves = log2(delay_ms / 100)
    return float(25 * ((1 + octaves**6) ** (1 / 6) - 3 * (1 + (octaves / 3) ** 6) ** (1 / 6) + 2))


def loss_impairment(loss: float, codec: Codec) -> float:
    """Ie,eff (§7.5) for packets lost at random."""
    percent = 100 * min(1.0, max(0.0, loss))
    return codec.impairment + (95 - codec.impairment) * percent / (percent + codec.robustness)


def mean_opinion(rating: float) -> float:
    """The mean opinion score, 1 to 4.5, of a rating R (Annex B)."""
    if rating <= 0:
        return 1.0
    if rating >= 100:
        return 4.5
    # The polynomial dips below 1 for R under 6.5.
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)


def mos_of_stream(
    packets_received: int, lost: int, jitter_ms: float, round_trip_ms: float | None, frame_ms: int = 20
) -> float | None:
    """The score of one received stream, two decimals; None when nothing was received.

    A listener's delay is half the round trip, the frame itself and a jitter buffer of twice the jitter. Where no round
    trip was measured it counts as none.
    """
    if packets_received <= 0:
        return None
    missing = max(0, lost)
    delay_ms = (round_trip_ms or 0.0) / 2 + frame_ms + 2 * jitter_ms
    return round(mean_opinion(rating(delay_ms, missing / (packets_received + missing))), 2)
