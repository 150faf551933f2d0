"""What the outage's story shows: two operations side by side, as the people who call them experience it.

It starts nothing and decides nothing; every figure is told by callers, but for what the node thinks of its carrier.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from keepline.demo_outage_side import Side
from keepline.demo_outage_tally import Tally, held_words

BAR_CELLS = 60
EVENTS_SHOWN = 6
STORIES_SHOWN = 5
LINE_EVERY_S = 2.0
NAMED_MAX = 3
"""So few who are on the phone are named, with what they hear."""
BUSY_SHARE = 0.05
"""So many calls with bad audio are no accident: whoever plays all of this had too little processor time."""
GOOD, BAD = "bold green", "bold red"

ROWS: tuple[tuple[str, Callable[[Tally, float], float], str], ...] = (
    ("new calls a second", lambda tally, now_s: tally.calls_per_s(now_s), ""),
    ("talking to the retailer now", lambda tally, _: tally.on_the_phone, GOOD),
    ("dialled, and hear nothing", lambda tally, _: tally.hear_nothing, BAD),
    ("will call again", lambda tally, _: tally.calling_again, BAD),
    ("calls that ended well", lambda tally, _: tally.count("well"), GOOD),
    ("calls cut off", lambda tally, _: tally.count("cut off"), BAD),
    ("calls that heard nothing", lambda tally, _: tally.count("heard nothing"), BAD),
    ("customers who got what they wanted", lambda tally, _: tally.served, GOOD),
    ("customers lost", lambda tally, _: tally.lost, BAD),
)
"""What is counted, how, and the style of it where it is not nothing."""


@dataclass(slots=True)
class Story:
    """How far it has come."""

    before_s: float
    outage_s: float
    after_s: float
    sides: Sequence[Side]
    elapsed_s: float = 0.0
    phase: str = "normal traffic"
    events: deque[str] = field(default_factory=lambda: deque(maxlen=1000))
    _printed: int = 0
    _said: int = 0
    _next_line_s: float = 0.0
    _stood: str = ""

    def say(self, event: str) -> None:
        """Something happened that a person should read."""
        self.events.append(f"{self.elapsed_s:6.1f} s  {event}")
        self._said += 1

    def drawn(self) -> Group:
        """As a picture."""
        table = Table(expand=False, box=None, pad_edge=False, padding=(0, 3))
        table.add_column("what callers experience", no_wrap=True)
        for side in self.sides:
            table.add_column(side.title, justify="right", no_wrap=True)
        for name, figure, style in ROWS:
            values = [figure(side.tally, self.elapsed_s) for side in self.sides]
            table.add_row(name, *(Text(f"{value:.4g}", style if value else "dim") for value in values))
        table.add_row(
            Text("the first carrier, as the node sees it", "dim"),
            *(Text(side.condition, BAD if side.condition == "down" else "dim") for side in self.sides),
        )
        told = [f"{self.sides[0].title}: {self.sides[0].tally.stories[place]}" for place in self._last_stories()]
        stories = Text("\n".join(told), "dim")
        events = Text("\n".join(list(self.events)[-EVENTS_SHOWN:]))
        parts = (Panel(self._line(), title="keepline demo: a carrier dies at peak traffic"), table, Text(), stories)
        return Group(*parts, Text(), events)

    def _last_stories(self) -> range:
        count = len(self.sides[0].tally.stories)
        return range(max(0, count - STORIES_SHOWN), count)

    def _line(self) -> Text:
        whole_s = self.before_s + self.outage_s + self.after_s
        done = min(BAR_CELLS, int(BAR_CELLS * self.elapsed_s / whole_s))
        first = int(BAR_CELLS * self.before_s / whole_s)
        last = int(BAR_CELLS * (self.before_s + self.outage_s) / whole_s)
        line = Text()
        for cell in range(BAR_CELLS):
            style = "red" if first <= cell < last else "green"
            line.append("█" if cell < done else "·", style)
        return Text.assemble(line, f"  {self.elapsed_s:4.0f} s   ", (self.phase, "bold"))

    def new_lines(self) -> list[str]:
        """As text: what is new, and every two seconds how things stand."""
        fresh, self._printed = self._said - self._printed, self._said
        lines = list(self.events)[-fresh:] if fresh else []
        if self.elapsed_s >= self._next_line_s:
            self._next_line_s = self.elapsed_s + LINE_EVERY_S
            stands = "; ".join(self._stands(side) for side in self.sides)
            if stands != self._stood:  # near the end a minute may pass in which nothing changes
                lines.append(f"{self.elapsed_s:6.1f} s  {stands}")
            self._stood = stands
        return lines

    def _stands(self, side: Side) -> str:
        tally = side.tally
        few = tally.live if len(tally.live) <= NAMED_MAX else ()
        who = "; ".join(f"{call.get('persona', '?')} hears {call['hears'] or 'nothing'}" for call in few)
        named = f" ({who})" if who else ""
        return (
            f"{side.title}: {tally.calls_per_s(self.elapsed_s):.1f} calls/s, {tally.on_the_phone} on the phone{named}, "
            f"{tally.hear_nothing} hear nothing, {tally.served} served, {tally.lost} lost"
        )


CARD_ROWS = (
    ("customers", "customers"), ("customers lost", "lost"), ("called more than once", "customers_who_called_again"),
    ("waited for an answer, half of them, s", "waited_s_p50"), ("waited for an answer, the longest, s", "waited_s_max"),
    ("calls during the outage", "calls_during_the_outage"), ("of these answered", "of_these_answered"),
    ("calls that never reached us", "never_reached_us"), ("calls cut off by the carrier", "cut_off_by_the_carrier"),
    ("calls that failed on a healthy carrier", "failed_on_a_healthy_carrier"),
    ("calls with a fault in their audio", "audio_faults"),
    ("the carrier known to be dead after, s", "detected_after_s"),
    ("its number asked to be pointed elsewhere after, s", "number_asked_away_after_s"),
    ("the last call that still went to it, after, s", "last_misdirected_call_after_s"),
    ("its number asked back, after its return, s", "number_asked_back_after_s"),
    ("known to be well again after, s", "well_again_after_s"), ("call process killed", "kills"),
)  # fmt: skip
"""What stands on the card, and its name in the JSON."""


def card_table(titles: Sequence[str], cards: Sequence[Mapping[str, Any]]) -> Table:
    """The score cards side by side."""
    table = Table(title="Score card", title_justify="left", box=None, pad_edge=False, padding=(0, 3))
    table.add_column("", no_wrap=True)
    for title in titles:
        table.add_column(title, justify="right", no_wrap=True)
    for name, key in CARD_ROWS:
        table.add_row(name, *("-" if card[key] is None else str(card[key]) for card in cards))
    people = [card["to_people"] for card in cards]
    table.add_row("asked for a person during the outage", *(str(each["during_the_outage"]) for each in people))
    table.add_row("put through, at any time", *(f"{each['answered']} of {each['asked']}" for each in people))
    return table


def card_words(card: Mapping[str, Any]) -> str:
    """What follows from the first card."""
    lines = [
        "",
        "Steady state:",
        *(f"  {line}" for line in held_words(card)),
        *(f"  - {one}" for one in card["failures"]),
    ]
    if card["audio_faults"] > BUSY_SHARE * card["calls"]:
        busy = "this machine is too busy for all of this at once; try again when it is idle, or with --no-compare"
        lines.append(f"  - {card['audio_faults']} calls have gaps in their audio: {busy}")
    return "\n".join([*lines, "", card["comparison"]])
