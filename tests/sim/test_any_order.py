"""Callers, media and time in any order, sensible or not: nothing raises, nothing breaks, and all of it can be ended."""

from hypothesis import given, settings
from hypothesis import strategies as st

from keepline.call import effects as fx
from keepline.call.adoption import wake
from keepline.call.facts import CallEnded, Fact
from tests.sim.operation import RTP_PORTS
from tests.transcript.call_transcripts import Stage

LEGS = st.sampled_from(["1", "2"])
NUMBERS = st.sampled_from(["1000", "1001", "2000", "4000", "5000", "6000", "6002", "6005", "6007", "9999"])
REASONS = st.sampled_from(["ended", "digit", "stopped", "failed"])
KEYS = st.text(alphabet="0123456789#", max_size=5)
COUNT = st.integers(0, 8)

REQUESTS = st.one_of(
    st.builds("<- INVITE {} call={}".format, NUMBERS, LEGS),
    st.builds("<- {} call={}".format, st.sampled_from(["ACK", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO"]), LEGS),
    st.builds("<- {} again call={}".format, st.sampled_from(["INVITE", "ACK", "BYE", "CANCEL"]), LEGS),
    st.builds("<- 200 BYE call={}".format, LEGS),
    st.builds("<- {} REFER call={}".format, st.sampled_from(["100", "202", "603"]), LEGS),
    st.builds(
        "<- NOTIFY call={} Event=refer Content-Type=message/sipfrag Subscription-State={} body=SIP/2.0~{}".format,
        LEGS,
        st.sampled_from(["active", "terminated"]),
        st.sampled_from(["100", "200", "486"]),
    ),
)
MEDIA = st.one_of(
    st.builds("played {} {}".format, COUNT, REASONS),
    st.builds("digits {} {}".format, COUNT, KEYS),
    st.builds("seen {} {} {} {}".format, COUNT, REASONS, COUNT, KEYS),
    st.just("stopped"),
    st.just("restarted"),
)
REST = st.sampled_from(["time", "wake 1", "crash", "crash unwritten", "wait 0.6", "wait 4", "wait 40", "drain"])
SCRIPTS = st.lists(st.one_of(REQUESTS, REQUESTS, MEDIA, REST), min_size=3, max_size=25)

settled = settings(deadline=None, database=None, derandomize=True, max_examples=150)


class Watched(Stage):
    """A stage that minds what it is told."""

    def do(self, line: str) -> None:
        """One line without its time, a little after the last."""
        self.now_s += 0.01
        elapsed_s = self.now_s - 1_700_000_000.0
        words = line.split()
        if words[0] == "crash":
            told = self.run(line)
        elif words[0] == "wait":
            told = self.run(f"wait {elapsed_s + float(words[1])}")
        elif not self._makes_sense(words):
            return
        else:
            told = self.run(f"{elapsed_s:.3f} {line}")
        assert [each for each in told if "_broken" in each or "call_lost" in each] == [], line

    def _makes_sense(self, words: list[str]) -> bool:
        if "again" in words:
            leg = self.legs.get(words[-1].removeprefix("call="))
            return leg is not None and words[1] in leg.last
        if words[0] == "<-" and words[1].isdigit():
            return any(data.startswith(words[2].encode()) for data in self.sent)
        return True

    def finish(self) -> None:
        """End whatever is left, as a node does that stops."""
        self.do("hang up all stopping")
        for _ in range(3):
            for call in list(self.exchange.calls.values()):
                self.now_s += 0.01
                list(self._told(self.exchange.step(self.now_s, fx.MediaStopped(call.id))))
            self.do("wait 40")


def lives(stage: Stage) -> dict[str, list[Fact]]:
    calls: dict[str, list[Fact]] = {}
    for fact in [*stage.written, *stage.unwritten]:
        calls.setdefault(fact.call, []).append(fact)
    return calls


@settled
@given(SCRIPTS)
def test_any_order_of_events(script: list[str]) -> None:
    stage = Watched()
    for line in script:
        stage.do(line)
    stage.finish()
    assert stage.exchange.live_calls == 0
    assert sorted(stage.exchange.slots.free) == list(range(len(RTP_PORTS)))
    assert not stage.exchange.by_dialog
    assert not stage.exchange.by_invite
    for facts in lives(stage).values():
        wake(tuple(facts))
        assert isinstance(facts[-1], CallEnded)
        assert sum(isinstance(fact, CallEnded) for fact in facts) == 1
    assert not [key for key in stage.exchange.transactions.servers if stage.exchange.transactions.is_waiting(key)]
