"""Effects leave when their facts are written, some when those are synced, and none is held up for long."""

import pytest

from keepline.call import effects as fx
from keepline.model.limits import JOURNAL_SYNC_S_MAX, JOURNAL_WRITE_S_MAX
from keepline.model.operation import Prompt
from keepline.node.held_effects import HeldEffects, Leaving, Then

CALL, OTHER = f"{1:016x}", f"{2:016x}"
SIP = fx.SendSip(b"200", ("192.0.2.1", 5060))


def use(call: str = CALL, *, changes: bool = True) -> fx.CallCapability:
    return fx.CallCapability(call, 0, "shop", "book", "{}", f"{call}-0", 0.0, changes, 1, "a1")


def words(call: str = CALL) -> fx.PlayPrompt:
    return fx.PlayPrompt(call, 0, 2, Prompt(text="your receipt"), repeat=False, barge_in=False, digits_seen=0)


COMMANDS: dict[str, fx.Effect] = {
    "a SIP answer": SIP,
    "a prompt": words(),
    "media opened": fx.OpenMedia(CALL, 0, "192.0.2.1", 4000, 0, 101, 1, 2, 3),
    "media closed": fx.CloseMedia(CALL, 0, 9),
    "a bridge": fx.BridgeMedia(CALL, 0, 3, OTHER, 1),
    "a recording": fx.StopRecording(CALL, 0, 2),
    "a secret": fx.ForgetSecrets(CALL, 0, (1,)),
    "a question": use(changes=False),
    "a change": use(),
    "an answer to who places calls": fx.PlacementAnswered(CALL),
    "a consumed TCP message": None,  # type: ignore[dict-item]
}


@pytest.mark.parametrize("what", COMMANDS)
def test_no_effect_leaves_before_its_facts_are_written(what: str) -> None:
    effect = COMMANDS[what] or Then(lambda: None)
    outbox = HeldEffects()
    assert outbox.put(1, [effect], 0.0) == Leaving()
    assert outbox.pass_on([SIP]) == [], "nor what follows them"
    assert outbox.put(2, [SIP], 0.0) == Leaving()
    assert outbox.on_written(0) == outbox.on_synced(0) == Leaving()
    leaving = outbox.on_written(1).effects
    if what == "a change":
        assert leaving == [SIP], "it is synced first"
        assert outbox.on_synced(1) == Leaving([effect])
    else:
        assert leaving == [effect, SIP]
    assert outbox.on_written(2) == Leaving([SIP])


def test_what_is_promised_waits_until_it_is_synced_and_others_do_not() -> None:
    outbox = HeldEffects()
    outbox.put(1, [SIP, words()], 0.0, {CALL})
    outbox.put(2, [words(OTHER), use(OTHER, changes=False)], 0.0)
    assert outbox.on_written(1) == Leaving([SIP])
    assert outbox.on_written(2) == Leaving([words(OTHER), use(OTHER, changes=False)])
    assert outbox.pass_on([fx.CloseMedia(CALL, 0, 9), SIP]) == [SIP]
    assert outbox.on_synced(1) == Leaving([words(), fx.CloseMedia(CALL, 0, 9)])
    assert outbox.pass_on([words()]) == [words()]


def test_a_second_promise_of_a_call_waits_for_its_own_sync() -> None:
    outbox = HeldEffects()
    outbox.put(1, [words()], 0.0, {CALL})
    outbox.put(2, [SIP], 0.0, {CALL})
    outbox.on_written(2)
    assert outbox.on_synced(1) == Leaving()
    assert outbox.on_synced(2) == Leaving([words()])


def test_what_builds_on_the_past_waits_until_that_is_synced() -> None:
    outbox = HeldEffects()
    outbox.hold(1, 0.0, [CALL])
    assert outbox.pass_on([words(), SIP, words(OTHER)]) == [SIP, words(OTHER)]
    assert outbox.put(2, [fx.CloseMedia(CALL, 0, 9)], 0.0) == Leaving()
    assert outbox.on_written(2) == Leaving()
    assert outbox.on_synced(1) == Leaving([words(), fx.CloseMedia(CALL, 0, 9)])


@pytest.mark.parametrize("at", ["the write", "the flush"])
def test_a_change_that_is_not_on_record_is_refused(at: str) -> None:
    outbox = HeldEffects()
    outbox.put(1, [use(), SIP, use(changes=False)], 0.0)
    if at == "the write":
        assert outbox.on_written(1, "disk is full") == Leaving([SIP, use(changes=False)], [use()])
    else:
        assert outbox.on_written(1).effects == [SIP, use(changes=False)]
        assert outbox.on_synced(1, "fdatasync") == Leaving([], [use()])
    assert outbox.overdue(1e9) == Leaving()


def test_a_disk_that_does_not_answer_holds_calls_up_for_a_moment_only() -> None:
    outbox = HeldEffects()
    outbox.put(1, [SIP, use()], 10.0)
    outbox.put(2, [words()], 10.5)
    assert outbox.overdue(10.0 + JOURNAL_WRITE_S_MAX - 0.01) == Leaving()
    assert outbox.overdue(10.0 + JOURNAL_WRITE_S_MAX) == Leaving([SIP, words()])
    assert "has not taken" in outbox.trouble
    assert outbox.put(3, [SIP], 11.5) == Leaving([SIP]), "from now on at once"
    assert outbox.on_written(1) == outbox.on_written(2) == Leaving()
    assert outbox.trouble != ""
    assert outbox.on_written(3) == Leaving()
    assert outbox.trouble == ""
    assert outbox.on_synced(1) == Leaving([use()]), "in time for what it is"


def test_a_change_waits_for_a_slow_flush_up_to_the_limit() -> None:
    outbox = HeldEffects()
    assert JOURNAL_SYNC_S_MAX >= 4.0, "two flushes of 2 s, one of which had begun"
    outbox.put(1, [use()], 10.0)
    outbox.put(2, [words()], 10.0, {CALL})
    outbox.on_written(2)
    assert outbox.overdue(10.0 + JOURNAL_SYNC_S_MAX - 0.01) == Leaving()
    assert outbox.overdue(10.0 + JOURNAL_SYNC_S_MAX) == Leaving([words()], [use()])
    assert outbox.on_synced(2) == Leaving()


def test_what_is_not_even_kept_leaves_in_its_turn() -> None:
    outbox = HeldEffects()
    assert outbox.put_unrecorded([SIP, use()], 0.0) == Leaving([SIP], [use()])
    outbox.put(1, [words()], 0.0)
    assert outbox.put_unrecorded([SIP, use()], 0.0) == Leaving([], [use()])
    assert outbox.on_written(1) == Leaving([words(), SIP])
    assert outbox.is_empty
