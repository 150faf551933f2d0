"""Which processes are alive but do nothing. A hung one is killed, and only its death hands on what it held.

It judges heartbeats by the clock that it is given and kills nobody.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Final, TypeVar

from keepline.succession.epochs import is_over
from keepline.succession.members import Heartbeats, Member

MEDIA_STOPPED_AFTER_S: Final = 0.1
MEDIA_HUNG_AFTER_S: Final = 1.0
CALLS_STOPPED_AFTER_S: Final = 0.15
CALLS_HUNG_AFTER_S: Final = 1.0
CALLS_HUNG_ALONE_AFTER_S: Final = 5.0
"""Without a warm process nothing is won by haste."""
OWN_DELAY_MAX_S: Final = 0.4
"""When we ourselves were not run for so long, the others' heartbeats prove nothing; they have their full time again."""
STATE_LOOK_EVERY_S: Final = 0.5
AnyMember = TypeVar("AnyMember", bound=Member)


class HungSearch:
    """Looks at the members of one node again and again."""

    __slots__ = ("_condemned", "_looked_s", "_slept_until_s", "_state_looked_s")

    def __init__(self, now_s: float) -> None:
        self._looked_s = self._state_looked_s = now_s
        self._slept_until_s = 0.0
        self._condemned: set[Hashable] = set()

    def look(
        self, now_s: float, members: Sequence[AnyMember], beats: Heartbeats, is_stopped: Callable[[AnyMember], bool]
    ) -> list[tuple[AnyMember, str]]:
        """The members to be killed now, each named once, with the reason. `is_stopped` asks the kernel."""
        since_s, self._looked_s = now_s - self._looked_s, now_s
        if since_s > OWN_DELAY_MAX_S:
            self._slept_until_s = now_s
        self._condemned &= {member.process for member in members}
        has_warm = any(member.state == "warm" for member in members)
        newest = max((member.epoch for member in members if member.state == "active"), default=0)
        looks_at_states = now_s - self._state_looked_s > STATE_LOOK_EVERY_S
        if looks_at_states:
            self._state_looked_s = now_s
        found = []
        for member in members:
            if member.process in self._condemned:
                continue
            silent_s, stopped_s, hung_s = self._limits(now_s, member, beats, has_warm=has_warm)
            why = ""
            if member.state == "active" and is_over(member.epoch, newest):
                why = "another process is active"  # and beats in its place: it would never be seen to hang
            elif silent_s > hung_s:
                why = f"no heartbeat for {silent_s:.2f} s"
            elif silent_s > stopped_s and is_stopped(member):
                why = f"stopped, no heartbeat for {silent_s:.2f} s"
            elif looks_at_states and not _beats(member) and is_stopped(member):
                why = "stopped"
            if why:
                self._condemned.add(member.process)
                found.append((member, why))
        return found

    def _limits(self, now_s: float, member: Member, beats: Heartbeats, *, has_warm: bool) -> tuple[float, float, float]:
        """For how long it was silent, and how long it may be: while it is stopped, and at all."""
        if member.role == "media" and member.state:
            silent_s = now_s - max(beats.media_s, member.started_s, self._slept_until_s)
            return silent_s, MEDIA_STOPPED_AFTER_S, MEDIA_HUNG_AFTER_S
        if member.state == "active":
            silent_s = now_s - max(beats.calls_s, member.active_since_s, self._slept_until_s)
            return silent_s, CALLS_STOPPED_AFTER_S, CALLS_HUNG_AFTER_S if has_warm else CALLS_HUNG_ALONE_AFTER_S
        return 0.0, 0.0, 0.0


def _beats(member: Member) -> bool:
    """It has a heartbeat to be judged by; of the others only the kernel's word is looked at."""
    return member.state == "active" or (member.role == "media" and bool(member.state))
