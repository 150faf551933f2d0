"""The outbound policy at work: the ledger of one exchange, and what the operator hears of calls that are denied."""

from collections.abc import Iterable

from keepline.call.effects import Effect, Persist, Report
from keepline.call.outbound.policy import NOTED, Denial, TollLedger, admit
from keepline.call.turn import Turn
from keepline.model.limits import DENIALS_REPORTED_PER_S_MAX
from keepline.model.operation import OutboundPolicy
from keepline.sip.source_meter import SourceMeter


class Tolls:
    """What may still be called. Of each rule that denies calls the log has a line a minute."""

    __slots__ = ("_denied", "ledger")

    def __init__(self) -> None:
        self.ledger = TollLedger(OutboundPolicy())
        self._denied = SourceMeter(DENIALS_REPORTED_PER_S_MAX, DENIALS_REPORTED_PER_S_MAX)

    def use(self, policy: OutboundPolicy) -> None:
        """Decide by this policy from now on, for every call."""
        self.ledger.use(policy)

    def denial(self, turn: Turn, to_number: str, from_number: str, *, is_new: bool = True) -> Denial | None:
        """Why this number may not be called now; None where it may. See `admit`."""
        ledger = self.ledger
        denial = admit(ledger.policy, ledger, to_number, from_number, turn.now_s, is_new=is_new)
        if denial is not None:
            self._denied.answers(turn.now_s, denial.rule.value, denial.why)
            self.report(turn)
        return denial

    def note(self, effects: Iterable[Effect]) -> None:
        """Take notice of what has become true."""
        for effect in effects:
            if type(effect) is Persist and type(effect.fact) in NOTED:
                self.ledger.note(effect.fact)

    def report(self, turn: Turn) -> None:
        """Say to the operator what is due; cheap when nothing is."""
        for line in self._denied.reports(turn.now_s):
            turn.emit(Report("call_denied", "", f"{line.count} since the last line; the latest: {line.note}"))
