"""Whom the operation calls back, when and how often: settings as plain values, and the hours in which it may.

It refuses to know what time it is: that is an argument.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CallbackHours:
    """The hours of every day in which people may be called back."""

    opens_min: int
    """Minutes after midnight."""
    closes_min: int
    """Not after `opens_min` where they go on past midnight."""
    zone: tzinfo
    zone_name: str
    """As the file has it: `Europe/Berlin`."""

    def windows(self, from_s: float, until_s: float) -> tuple[tuple[float, float], ...]:
        """When they are open between these two moments, in order; seconds since the epoch."""
        found: list[tuple[float, float]] = []
        day = datetime.fromtimestamp(from_s, self.zone).date() - DAY
        last = datetime.fromtimestamp(until_s, self.zone).date()
        while day <= last:
            begin_s = self._at_s(day.year, day.month, day.day, self.opens_min)
            after = day + DAY if self.closes_min <= self.opens_min else day
            end_s = self._at_s(after.year, after.month, after.day, self.closes_min)
            if max(begin_s, from_s) < min(end_s, until_s):
                found.append((max(begin_s, from_s), min(end_s, until_s)))
            day += DAY
        return tuple(found)

    def _at_s(self, year: int, month: int, day: int, minutes: int) -> float:
        """Of the clock on the wall there: an hour that the clocks skip is the one after it."""
        return datetime(year, month, day, minutes // 60, minutes % 60, tzinfo=self.zone).timestamp()


@dataclass(frozen=True, slots=True)
class CallbackSettings:
    """Who is called back, by which flow, when and how often."""

    flow: str
    """Talks to whoever answers."""
    within_s: float = 14_400.0
    """So long after the promise it is too late."""
    hours: CallbackHours | None = None
    """None: at any time."""
    attempts: int = 3
    """Times that somebody is called who does not answer, or whose voicemail does."""
    retry_s: float = 600.0
    """Between two of them."""
    after_s: float = 15.0
    """From noticing that a caller was lost to the first call: a line that is heard again by then needs none."""
    ring_timeout_s: float = 30.0
    from_number: str = ""
    """Whom the callee sees; empty for the trunk's."""
    lines_min: int = 3
    """So many lines of a carrier that fall silent together speak against it; fewer only where it answers nothing."""
    not_reached: tuple[str, ...] = ("voicemail",)
    """Outcomes of `flow` after which the caller is still to be called."""
    served: tuple[str, ...] = ()
    """Outcomes of a call that was lost after which its caller needs no call."""

    def windows(self, now_s: float, after_s: float, within_s: float) -> tuple[tuple[float, float], ...]:
        """When somebody to whom it is promised now may be called, in order."""
        from_s, until_s = now_s + after_s, now_s + within_s
        if until_s <= from_s:
            return ()
        return self.hours.windows(from_s, until_s) if self.hours is not None else ((from_s, until_s),)
