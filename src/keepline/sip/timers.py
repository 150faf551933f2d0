"""The base values of SIP's timers. Source: RFC 3261 §17.1.1.1, table 4."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timers:
    """The base values that all timers derive from (RFC 3261 §17.1.1.1, table 4)."""

    t1_s: float = 0.5
    """Round-trip estimate."""
    t2_s: float = 4.0
    """The longest interval between retransmissions."""
    t4_s: float = 5.0
    """The longest that a message stays in the network."""

    @property
    def give_up_s(self) -> float:
        """64*T1: timers B, F, H, J, L and M."""
        return 64 * self.t1_s

    @property
    def timer_d_s(self) -> float:
        """At least 32 s over an unreliable transport (§17.1.1.2)."""
        return max(32.0, self.give_up_s)
