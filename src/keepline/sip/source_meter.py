"""Messages that nobody asked for, counted by their source: how many of them are answered, and when one line says so.

Each source has so many answers a second, and all together so many more, since a UDP source is whatever its sender
writes; beyond them it is silence. Of each source one line a minute goes to the log, with its count. Sources beyond the
limit of the table share one entry. Pure: time comes in, nothing goes out but what is asked for.
"""

from dataclasses import dataclass
from ipaddress import ip_address

from keepline.model.limits import METERED_SOURCES_MAX

REPORT_EVERY_S = 60.0
OTHERS = "others"
"""The name under which sources beyond the limit are counted."""
_NEVER = float("inf")


class _Source:
    __slots__ = ("name", "note", "reported_at_s", "second", "seen", "unreported")

    def __init__(self, name: str) -> None:
        self.name = name
        self.note = ""
        self.second = -1
        self.seen = 0
        """In this second."""
        self.unreported = 0
        self.reported_at_s = -_NEVER


class PerSecond:
    """So many a second, on the clock of `now_s`."""

    __slots__ = ("_limit", "_second", "_used")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._second = -1
        self._used = 0

    def take(self, now_s: float) -> bool:
        """Use one up; False where none is left in this second."""
        if int(now_s) != self._second:
            self._second = int(now_s)
            self._used = 0
        self._used += 1
        return self._used <= self._limit


@dataclass(frozen=True, slots=True)
class SourceReport:
    """A line for the log."""

    source: str
    """An address, an IPv6 /64, or `others`."""
    count: int
    """Messages since its last line."""
    note: str
    """Of the latest of them."""


class SourceMeter:
    """Counts by source address; an IPv6 host is counted with its /64, which is one subscriber's."""

    __slots__ = ("_answers", "_each_per_s", "_lines", "_sources", "report_due_s")

    def __init__(self, each_per_s: int, all_per_s: int) -> None:
        self._each_per_s = each_per_s
        self._answers = PerSecond(all_per_s)
        self._sources: dict[str, _Source] = {}
        self._lines: list[SourceReport] = []
        self.report_due_s = _NEVER
        """When `reports` is to be asked, if nothing more comes."""

    def __len__(self) -> int:
        return len(self._sources)

    def silences(self, now_s: float, host: str) -> bool:
        """Whether this source has used up its second; what it sent is then counted, and may go unread."""
        if not self._sources:
            return False
        source = self._sources.get(_name_of(host)) or self._sources.get(OTHERS)
        if source is None or source.second != int(now_s) or source.seen < self._each_per_s:
            return False
        self._count(now_s, source)
        return True

    def answers(self, now_s: float, host: str, note: str = "") -> bool:
        """Count one message of this source; whether it may be answered. `note` is for its line in the log."""
        name = _name_of(host)
        source = self._sources.get(name)
        if source is None:
            if len(self._sources) >= METERED_SOURCES_MAX:
                name = OTHERS
            source = self._sources.setdefault(name, _Source(name))
        source.note = note
        self._count(now_s, source)
        return source.seen <= self._each_per_s and self._answers.take(now_s)

    def reports(self, now_s: float) -> list[SourceReport]:
        """The lines that are due. Forgets sources that have gone quiet."""
        if now_s >= self.report_due_s:
            for source in list(self._sources.values()):
                if source.reported_at_s + REPORT_EVERY_S > now_s:
                    continue
                if source.unreported:
                    self._report(now_s, source)
                else:
                    del self._sources[source.name]
            self._set_due()
        if not self._lines:
            return []
        lines, self._lines = self._lines, []
        return lines

    def _count(self, now_s: float, source: _Source) -> None:
        if source.second != int(now_s):
            source.second = int(now_s)
            source.seen = 0
        source.seen += 1
        source.unreported += 1
        if source.reported_at_s + REPORT_EVERY_S <= now_s:
            self._report(now_s, source)
            self._set_due()

    def _report(self, now_s: float, source: _Source) -> None:
        self._lines.append(SourceReport(source.name, source.unreported, source.note))
        source.unreported = 0
        source.reported_at_s = now_s

    def _set_due(self) -> None:
        self.report_due_s = min((s.reported_at_s for s in self._sources.values()), default=_NEVER) + REPORT_EVERY_S


def _name_of(host: str) -> str:
    if ":" not in host:
        return host
    address = ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        return str(mapped)
    return str(ip_address(address.packed[:8] + bytes(8))) + "/64"
