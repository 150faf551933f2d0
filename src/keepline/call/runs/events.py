"""Events that were told and that no run has heard: kept in the order in which they came."""

from collections import OrderedDict, deque

from keepline.call.facts.run import EventForgotten, EventTold
from keepline.flow.runs import event_subject
from keepline.model.limits_runs import EVENTS_KEPT_MAX


class KeptEvents:
    """At most `EVENTS_KEPT_MAX` events, found by their name and key."""

    __slots__ = ("_by_id", "_by_subject")

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, EventTold] = OrderedDict()
        self._by_subject: dict[str, deque[EventTold]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def has(self, id_: str) -> bool:
        """This event is kept."""
        return id_ in self._by_id

    def keep(self, told: EventTold) -> list[EventTold]:
        """Keep one more; those that give way."""
        self._by_id[told.call] = told
        self._by_subject.setdefault(self.subject_of(told), deque()).append(told)
        return [next(iter(self._by_id.values()))] if len(self._by_id) > EVENTS_KEPT_MAX else []

    def forget(self, told: EventTold, now_s: float) -> EventForgotten:
        """One gives way; the fact of it."""
        self._drop(told)
        return EventForgotten(told.call, now_s, told.event, told.key)

    def take(self, subject: str) -> EventTold | None:
        """The first of these, for the run that hears it."""
        waiting = self._by_subject.get(subject)
        if not waiting:
            return None
        told = waiting[0]
        self._drop(told)
        return told

    def _drop(self, told: EventTold) -> None:
        del self._by_id[told.call]
        subject = self.subject_of(told)
        self._by_subject[subject].remove(told)
        if not self._by_subject[subject]:
            del self._by_subject[subject]

    @staticmethod
    def subject_of(told: EventTold) -> str:
        """What whoever waits for it waits for."""
        return event_subject(told.event, told.key)
