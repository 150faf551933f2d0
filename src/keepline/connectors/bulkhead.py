"""One path's share of the node: so many uses at once, so many that wait, none beyond its deadline.

A path that hangs fills its own share and nobody else's.
"""

import asyncio

import structlog

from keepline.connectors.deadlines import Deadlines
from keepline.connectors.interface import Asked, Connector, NotBegunError
from keepline.flow.capabilities import Reply, Unavailable, Unknown, UseOutcome, unanswered
from keepline.model.limits_capabilities import PATH_WAITING_MAX, PATH_WORDS_MAX

log = structlog.get_logger("calls")


class Bulkhead:
    """A connector behind its limits."""

    def __init__(self, name: str, connector: Connector, in_flight_max: int) -> None:
        """`name` is that of its capability and path, for the log."""
        self.name = name
        self._connector = connector
        self._turn = asyncio.Semaphore(in_flight_max)
        self._deadlines = Deadlines()
        self._in_flight_max = in_flight_max
        self.waiting = 0
        self._said: set[str] = set()

    async def ask(self, asked: Asked) -> UseOutcome:
        """What came of it, at its deadline at the latest."""
        has_begun = False
        if self.waiting >= PATH_WAITING_MAX:
            return self._told(asked, Unavailable(f"{self._in_flight_max} uses are under way, and more wait"))
        try:
            with self._deadlines.within(asked.timeout_s):
                self.waiting += 1
                try:
                    await self._turn.acquire()
                finally:
                    self.waiting -= 1
                try:
                    has_begun = True
                    outcome = await self._connector.ask(asked)
                finally:
                    self._turn.release()
            return outcome if type(outcome) is Reply else self._told(asked, outcome)
        except TimeoutError as late:
            if isinstance(late.__cause__, NotBegunError):
                return self._told(asked, Unavailable(str(late.__cause__)))
            if not has_begun:
                return self._told(asked, Unavailable(f"{self._in_flight_max} uses were under way all the time"))
            return self._told(asked, unanswered("no answer in time", changes=asked.action.changes))
        except Exception as error:  # a connector's own bug costs this use
            log.exception("connector_failed", path=self.name, action=asked.name)
            what = f"{type(error).__name__} in the connector"
            return unanswered(what, changes=asked.action.changes)

    def _told(self, asked: Asked, outcome: UseOutcome) -> UseOutcome:
        """Say once what breaks a contract: every call will say what it costs."""
        if not isinstance(outcome, Unavailable | Unknown):
            return outcome
        reason = outcome.reason
        words = f"{asked.name}: {reason}"
        if reason.startswith("the answer") and words not in self._said and len(self._said) < PATH_WORDS_MAX:
            self._said.add(words)
            log.error("contract_broken", path=self.name, action=asked.name, what=reason)
        return outcome

    async def close(self) -> None:
        """Let go of what the connector holds."""
        await self._connector.close()
